// SPDX-License-Identifier: Apache-2.0
//
// A TCP connection to a host by name, quick also where one of its addresses does not answer (Happy Eyeballs, RFC 8305).
//
//     auto stream = co_await sc::open_tcp_stream("example.org", 443);
//
// The addresses are tried in the order of resolve(), IPv6 and IPv4 by turns, the family of the first one first. The next attempt begins
// when one fails, or when the last one begun has not ended within `attempt_delay`; those under way go on. The first connection there is
// wins and the other attempts are cancelled. When all have failed the error names each address and what it failed with.
//
// It has no timeout of its own beyond the system's: put it into fail_after(). Cancelled, it leaves nothing behind. A checkpoint.

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tractor/sc/clock.hpp"
#include "tractor/sc/resolve.hpp"
#include "tractor/sc/socket_stream.hpp"
#include "tractor/sc/task.hpp"

namespace tractor::sc {

inline constexpr std::chrono::milliseconds connect_attempt_delay_default{250};  // RFC 8305, section 8

struct open_tcp_options {
  duration attempt_delay = connect_attempt_delay_default;  // zero or less: all at once; duration::max(): one after the other
  address_family family = address_family::any;
  // Seams for tests of staggering, under a virtual clock. Empty: sc::connect_tcp and sc::resolve.
  std::function<task<std::unique_ptr<socket_stream>>(ip_endpoint to)> connect = {};
  std::function<task<std::vector<ip_endpoint>>(std::string host, std::string service, resolve_options options)> resolve = {};
};

// No address could be connected to:
// "open_tcp_stream(host:80): every address failed: [::1]:80: Connection refused [ECONNREFUSED]; 127.0.0.1:80: …".
// The category is that of the failures when they agree, else failed.
class TRACTOR_API open_tcp_error : public error {
 public:
  struct attempt {
    ip_endpoint address;
    int errno_value = 0;
    error_category category = error_category::failed;
  };
  open_tcp_error(const std::string& host, std::uint16_t port, std::vector<attempt> attempts);
  open_tcp_error(const open_tcp_error&);
  ~open_tcp_error() override;
  [[nodiscard]] const std::vector<attempt>& attempts() const noexcept { return attempts_; }  // in the order of the addresses

 private:
  std::vector<attempt> attempts_;
};

// Throws resolve_error, open_tcp_error.
[[nodiscard]] TRACTOR_API task<std::unique_ptr<socket_stream>> open_tcp_stream(std::string host, std::uint16_t port,
                                                                               open_tcp_options options = {});

}  // namespace tractor::sc
