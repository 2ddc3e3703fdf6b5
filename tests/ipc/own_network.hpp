// SPDX-License-Identifier: Apache-2.0
//
// A network namespace with loopback and one address more: addresses that are not loopback, and nobody else's.

#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tractor/base/fd.hpp"

namespace ipc_test {

inline constexpr const char* own_host = "10.77.0.1";
inline constexpr const char* beyond_own_host = "10.77.0.9";  // nobody, on the same network

// Of this thread, and of the processes that it starts, while it lives.
class own_network {
 public:
  explicit own_network(bool has_address = true) : before_(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
    if (!before_ || ::unshare(CLONE_NEWNET) != 0) {
      why_not_ = std::string("no network namespace is to be had here: ") + std::strerror(errno);
      return;
    }
    entered_ = true;
    if (!set_up() || (has_address && !add_address())) why_not_ = std::string("the network cannot be set up: ") + std::strerror(errno);
  }
  own_network(const own_network&) = delete;
  own_network& operator=(const own_network&) = delete;
  ~own_network() {
    if (entered_ && ::setns(before_.get(), CLONE_NEWNET) != 0) ::abort();  // nothing after it would be tested where it should
  }
  // Empty: it is there.
  [[nodiscard]] const std::string& why_not() const noexcept { return why_not_; }
  // own_host, where it was made without.
  [[nodiscard]] static bool add_address() {
    const tractor::unique_fd control(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    return set_address(control.get(), SIOCSIFADDR, own_host) && set_address(control.get(), SIOCSIFNETMASK, "255.255.255.0");
  }

 private:
  static bool set_up() {
    const tractor::unique_fd control(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    return set_flags(control.get(), "lo");
  }
  static bool set_flags(int control, const char* name) {
    ifreq request{};
    std::strcpy(request.ifr_name, name);
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    return ::ioctl(control, SIOCSIFFLAGS, &request) == 0;
  }
  // A second name of the loopback interface: any interface's address will do.
  static bool set_address(int control, unsigned long what, const char* address) {
    ifreq request{};
    std::strcpy(request.ifr_name, "lo:own");
    sockaddr_in name{};
    name.sin_family = AF_INET;
    ::inet_pton(AF_INET, address, &name.sin_addr);
    std::memcpy(&request.ifr_addr, &name, sizeof name);
    return ::ioctl(control, what, &request) == 0;
  }

  tractor::unique_fd before_;
  bool entered_ = false;
  std::string why_not_;
};

}  // namespace ipc_test
