// SPDX-License-Identifier: Apache-2.0
//
// Addresses of a host: getaddrinfo() without blocking the run.
//
//     std::vector<sc::ip_endpoint> where = co_await sc::resolve("example.org", "https");
//     auto numeric = co_await sc::resolve("::1", "80");   // parsed here, without a thread
//
// The system looks names up (files, DNS, whatever it is set up for) in a worker thread (to_thread.hpp), and its order is kept: best
// first. Cancelled, the wait ends at once; the thread is left to itself until the system gives up. A checkpoint also for numbers.

#pragma once

#include <string>
#include <vector>

#include "tractor/sc/capacity_limiter.hpp"
#include "tractor/sc/socket_stream.hpp"
#include "tractor/sc/task.hpp"

namespace tractor::sc {

inline constexpr std::size_t host_name_bytes_max = 253;  // RFC 1035, written with dots
// What a resolve gives at most; those behind are dropped.
inline constexpr std::size_t resolved_addresses_max = 64;

// An IP literal and a port, of TCP or UDP.
using ip_endpoint = tcp_endpoint;

enum class address_family : unsigned char { any, ipv4, ipv6 };

struct resolve_options {
  address_family family = address_family::any;
  // Of the threads; null: the run's default_thread_limiter(). Must outlive the run: the thread of a cancelled call gives its token back
  // when the system gives up.
  capacity_limiter* limiter = nullptr;
};

// A name that has no address, or could not be looked up now (then the category is overloaded).
// "resolve(nowhere.example, http): Name or service not known [EAI_NONAME]".
class TRACTOR_API resolve_error : public error {
 public:
  resolve_error(std::string message, int code);
  ~resolve_error() override;
  [[nodiscard]] int code() const noexcept { return code_; }  // EAI_… of <netdb.h>

 private:
  int code_;
};

// `host` is a name or an IP literal; `service` a port as a number, or the name of a TCP service. Gives one address at least, none
// twice. Throws resolve_error, and os_error for what the system reports as such.
[[nodiscard]] TRACTOR_API task<std::vector<ip_endpoint>> resolve(std::string host, std::string service, resolve_options options = {});

}  // namespace tractor::sc
