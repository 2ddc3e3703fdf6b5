// SPDX-License-Identifier: Apache-2.0
//
// A connected stream socket, UDS or TCP, as a byte stream.
//
//     auto [ours, theirs] = sc::open_socketpair();
//     co_await ours->send_all(bytes);
//     std::size_t n = co_await theirs->receive_some(buffer);
//
// The contract is byte_stream's. The stream owns the descriptor: it is closed by close() or with the stream, which must not be
// destroyed while a task waits in it. It joins the reactor of the run that first has to wait for it, and stays with that run.
//
// A reset is never mistaken for the end: once the connection broke, receiving what arrived before goes on, then it is an error, again
// and again. Never set SO_PASSCRED on the descriptor: reads would then end between writers, and a short read tells here that
// the socket is drained.

#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "tractor/base/fd.hpp"
#include "tractor/sc/byte_stream.hpp"

namespace tractor::sc {

// Who made the other end of a UDS connection, as the operating system knows it: at connect, or when a socketpair was made.
struct peer_credentials {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  friend bool operator==(const peer_credentials&, const peer_credentials&) = default;
};

// One end of a TCP connection; `host` is an IP literal.
struct tcp_endpoint {
  std::string host;
  std::uint16_t port = 0;
  friend bool operator==(const tcp_endpoint&, const tcp_endpoint&) = default;
};

// Of a socket that does not block and is closed on exec already, as those are that this layer opens: it is taken as it is.
struct prepared_t {
  explicit prepared_t() = default;
};
inline constexpr prepared_t prepared{};

class TRACTOR_API socket_stream final : public byte_stream {
 public:
  // Takes a connected SOCK_STREAM descriptor; makes it non-blocking and close-on-exec if it is not. Throws os_error.
  explicit socket_stream(unique_fd connected);
  socket_stream(unique_fd connected, prepared_t) noexcept;
  ~socket_stream() override;

  void send_eof() override;
  void close() noexcept override;
  [[nodiscard]] bool closed() const noexcept override { return !fd_; }

  io_result try_receive(std::span<std::byte> into) noexcept override;
  io_result try_send(std::span<const std::byte> from) noexcept override;
  void set_reader(detail::io_source::waiter* waiter) noexcept override;
  void set_writer(detail::io_source::waiter* waiter) override;

  // -1 once closed.
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  // Nothing for TCP. Throw closed_resource_error once closed.
  [[nodiscard]] std::optional<peer_credentials> credentials() const;
  // Nothing for UDS, and for a peer that is gone.
  [[nodiscard]] std::optional<tcp_endpoint> local_endpoint() const;
  [[nodiscard]] std::optional<tcp_endpoint> remote_endpoint() const;
  // TCP: the system asks the other end, after `idle` without a word and then each `interval`, in whole seconds, whether it is there; after
  // `probes` questions without an answer the connection has ended (ETIMEDOUT). What cannot be set leaves the system's own way, which takes
  // hours. Throws closed_resource_error once closed.
  void set_keepalive(std::chrono::seconds idle, std::chrono::seconds interval, int probes);
  // Of the listener at which this connection was made, whichever end this is; nothing for TCP, and for a pair.
  [[nodiscard]] std::optional<std::string> unix_path() const;

 private:
  // Joins the reactor if there is a run; gives 0 or why that failed.
  [[nodiscard]] int watch() noexcept;
  void check_open(const char* doing) const;

  unique_fd fd_;
  detail::io_source source_;
  bool eof_sent_ = false;
  bool reset_ = false;  // the kernel tells of a reset once, to whoever asks first
};

// Two streams connected with each other.
[[nodiscard]] TRACTOR_API std::pair<std::unique_ptr<socket_stream>, std::unique_ptr<socket_stream>> open_socketpair();

}  // namespace tractor::sc
