// SPDX-License-Identifier: Apache-2.0
//
// A requester's connection with a fork server: made by executing the server, or by introducing oneself to the tree's. Sends
// without blocking; what the socket has no room for waits in order.

#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fd_message.hpp"
#include "fork_server_protocol.hpp"
#include "tractor/base/fd.hpp"
#include "tractor/spawn/death_certificate.hpp"

namespace tractor::spawn::detail {

// Whether sending failed because nobody will ever read. Other errors (ETOOMANYREFS, ENOBUFS, ENOMEM) are of the moment.
[[nodiscard]] bool means_gone(int error) noexcept;

class server_link {
 public:
  // How long a process that was sent SIGKILL may take to end, which only the kernel can delay.
  static constexpr int killed_bound_ms = 2000;

  // Executes `executable` (empty: this program) as a fork server of which this process is the root.
  [[nodiscard]] static server_link launch_server(const std::string& executable);

  // Over the socket that all actors share. Nothing, where no server listens there any more; throws os_error where the system
  // cannot send now (ETOOMANYREFS, ENOBUFS, ENOMEM).
  [[nodiscard]] static std::optional<server_link> introduce(int requests);

  // Until the introduction went out, the socket to wait for is the shared one.
  [[nodiscard]] int fd() const noexcept { return introduction_ ? requests_ : socket_.get(); }
  [[nodiscard]] bool introducing() const noexcept { return static_cast<bool>(introduction_); }
  [[nodiscard]] bool wants_write() const noexcept { return introducing() || !queue_.empty(); }
  [[nodiscard]] int requests_fd() const noexcept { return requests_; }
  [[nodiscard]] pid_t server_pid() const noexcept { return server_pid_; }
  [[nodiscard]] std::size_t queued() const noexcept { return queue_.size(); }

  // 0: sent; EAGAIN: the socket is full, nothing was sent; or another errno.
  [[nodiscard]] int send(std::span<iovec> parts, std::span<const int> descriptors) noexcept;
  // `asks_for` is the ticket of a request; 0 for what asks for nothing.
  void queue(std::string bytes, std::vector<unique_fd> descriptors, std::uint64_t asks_for);
  // Sends what waits, in order. 0: all of it; EAGAIN: the socket is full; another errno is that of the message which waits first.
  [[nodiscard]] int flush() noexcept;
  [[nodiscard]] bool is_queued(std::uint64_t ticket) const noexcept;
  // Takes the requests out of the queue, which are not sent then, and gives their tickets.
  [[nodiscard]] std::vector<std::uint64_t> take_requests();
  void drop_queue() noexcept { queue_.clear(); }

  [[nodiscard]] received_message receive(std::span<std::byte> buffer) noexcept;

  // Waits at most `bound_ms` for a server of ours to end by itself, then kills and reaps it; `killed_bound_ms` more at the most. Text of
  // how it ended, empty where it is not ours.
  std::string reap_server(int bound_ms) noexcept;
  void shut_down() noexcept;

 private:
  struct queued_message {
    std::string bytes;
    std::vector<unique_fd> descriptors;
    std::uint64_t asks_for = 0;
  };

  unique_fd socket_;
  unique_fd own_requests_;  // of a root
  int requests_ = -1;
  unique_fd introduction_;  // the server's end of socket_, while it could not be handed over
  pid_t server_pid_ = -1;
  unique_fd server_pidfd_;
  std::deque<queued_message> queue_;
};

}  // namespace tractor::spawn::detail
