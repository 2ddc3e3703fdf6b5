// SPDX-License-Identifier: Apache-2.0
//
// Datagrams over UDP, IPv4 or IPv6.
//
//     sc::udp_socket socket(sc::address_family::ipv4);
//     socket.bind({.host = "127.0.0.1", .port = 0});
//     co_await socket.send_to(bytes, {.host = "127.0.0.1", .port = 53});
//     auto [size, from, truncated] = co_await socket.receive_from(buffer);
//
// A datagram is sent and received whole, or not at all: nothing tells that one was lost. One task at a time receives
// (busy_resource_error); any number may send, one after the other when the system's buffer is full. Both are checkpoints: cancelled,
// nothing was sent, and no datagram is lost. close() wakes who waits with closed_resource_error.
//
// Errors are os_error and name the address. With a connected socket ECONNREFUSED, out of a later send or receive, tells that nobody was
// there for an earlier datagram; the socket stays good. The socket belongs to the run it was first used in until that has
// ended, and must outlive the calls. It is closed on exec.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "tractor/base/fd.hpp"
#include "tractor/sc/detail/reactor.hpp"
#include "tractor/sc/lock.hpp"
#include "tractor/sc/resolve.hpp"
#include "tractor/sc/task.hpp"

namespace tractor::sc {

// The longest datagrams there are; a send of more is EMSGSIZE. A buffer of datagram_bytes_max receives each of them whole.
inline constexpr std::size_t datagram_bytes_max_ipv4 = 65'507;
inline constexpr std::size_t datagram_bytes_max = 65'527;

struct received_datagram {
  std::size_t bytes = 0;  // in the buffer; 0 is a datagram too, an empty one
  ip_endpoint from;
  bool truncated = false;  // it was longer than the buffer, and the rest is gone
};

class TRACTOR_API udp_socket {
 public:
  // For one family, ipv4 or ipv6; throws usage_error for any.
  explicit udp_socket(address_family family);
  udp_socket(const udp_socket&) = delete;
  udp_socket& operator=(const udp_socket&) = delete;
  ~udp_socket();  // no task may be sending or receiving

  // Port 0 lets the system choose. A socket that was never bound gets an address with its first send.
  void bind(const ip_endpoint& local);
  // From here on the system takes datagrams of `peer` alone, and send() sends there. What has come before is still received: `from` tells.
  // May be called again.
  void connect(const ip_endpoint& peer);

  [[nodiscard]] task<> send_to(std::span<const std::byte> datagram, ip_endpoint to);
  [[nodiscard]] task<> send(std::span<const std::byte> datagram);  // to the peer; EDESTADDRREQ when there is none
  [[nodiscard]] task<received_datagram> receive_from(std::span<std::byte> into);

  void close() noexcept;  // idempotent
  [[nodiscard]] bool closed() const noexcept { return !fd_; }
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }  // -1 once closed
  // Port 0 while it is not bound. Throw closed_resource_error once closed.
  [[nodiscard]] ip_endpoint local_endpoint() const;
  // Nothing when it is not connected.
  [[nodiscard]] std::optional<ip_endpoint> remote_endpoint() const;

 private:
  void check_open(const char* doing) const;
  // Sends to `name`, or to the peer when it is null; `to` is for the message of an error.
  [[nodiscard]] task<> send_datagram(std::span<const std::byte> datagram, const void* name, unsigned name_bytes, std::string doing);

  unique_fd fd_;
  detail::io_source source_;
  lock sending_;
  bool receiving_ = false;
};

}  // namespace tractor::sc
