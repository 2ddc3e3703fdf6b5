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

class server_link {
 public:
  // Executes `executable` (empty: this program) as a fork server of which this process is the root.
  [[nodiscard]] static server_link launch_server(const std::string& executable);

  // Over the socket that all actors share. Nothing, where no server listens there any more.
  [[nodiscard]] static std::optional<server_link> introduce(int requests);

  // Until the introduction went out, the socket to wait for is the shared one.
  [[nodiscard]] int fd() const noexcept { return introduction_ ? requests_ : socket_.get(); }
  [[nodiscard]] bool wants_write() const noexcept { return introduction_ || !queue_.empty(); }
  [[nodiscard]] int requests_fd() const noexcept { return requests_; }
  [[nodiscard]] pid_t server_pid() const noexcept { return server_pid_; }
  [[nodiscard]] std::size_t queued() const noexcept { return queue_.size(); }

  // 0: sent; EAGAIN: the socket is full, nothing was sent; or another errno.
  [[nodiscard]] int send(std::span<iovec> parts, std::span<const int> descriptors) noexcept;
  void queue(std::string bytes, std::vector<unique_fd> descriptors);
  void flush();

  [[nodiscard]] received_message receive(std::span<std::byte> buffer) noexcept;

  // Waits at most `bound_ms` for a server of ours to end by itself, then kills and reaps it. Text of how it ended, empty where it is not
  // ours.
  std::string reap_server(int bound_ms) noexcept;
  void shut_down() noexcept;

 private:
  struct queued_message {
    std::string bytes;
    std::vector<unique_fd> descriptors;
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
