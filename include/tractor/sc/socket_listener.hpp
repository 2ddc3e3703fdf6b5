// SPDX-License-Identifier: Apache-2.0
//
// Sockets that wait for connections, and making connections: UDS by path, TCP by IP literal and port.
//
//     auto listener = sc::listen_unix("/run/user/1000/app.sock");
//     auto stream = co_await listener->accept();                         // there: std::unique_ptr<socket_stream>
//     auto stream = co_await sc::connect_unix("/run/user/1000/app.sock");   // here
//
// The contract is listener's. A cancelled connect leaves nothing behind; it is a checkpoint. Connections that broke before they were
// accepted are skipped. When the process or the system is out of descriptors or memory, accept() waits and tries again: those who
// connect wait in the backlog meanwhile. close() removes the file of a UDS listener, if it is still its own. Sockets made here have
// TCP_NODELAY set and are closed on exec. Errors are os_error.

#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "tractor/base/fd.hpp"
#include "tractor/sc/event.hpp"
#include "tractor/sc/listener.hpp"
#include "tractor/sc/socket_stream.hpp"
#include "tractor/sc/task.hpp"

namespace tractor::sc {

inline constexpr std::size_t unix_path_bytes_max = 107;
inline constexpr int listen_backlog = 128;  // S-UDS-5
// How long accept() waits when there are no descriptors, and connect_unix() when the backlog of the listener is full: the first
// time, and at most; each wait is twice the last one.
inline constexpr std::chrono::milliseconds back_off_first{5};
inline constexpr std::chrono::milliseconds back_off_max{500};
// How often connect_unix() tries before it gives up with EAGAIN; about half a minute.
inline constexpr int connect_attempts_max = 64;

struct unix_listen_options {
  // Take over a path at which a socket file lies that nobody listens on. For names that only this process uses.
  bool replace_stale = false;
};

class TRACTOR_API socket_listener final : public listener {
 public:
  // Takes a listening SOCK_STREAM descriptor; makes it non-blocking and close-on-exec if it is not.
  explicit socket_listener(unique_fd listening);
  socket_listener(unique_fd listening, prepared_t) noexcept;
  ~socket_listener() override;

  [[nodiscard]] task<std::unique_ptr<socket_stream>> accept();

  void close() noexcept override;
  [[nodiscard]] bool closed() const noexcept override { return !fd_; }
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  // Whether its descriptor is one that can be accepted from, whatever failed last.
  [[nodiscard]] bool listens() const noexcept;
  // Where a TCP listener listens, with the port that the system chose for port 0. Nothing for UDS.
  [[nodiscard]] std::optional<tcp_endpoint> local_endpoint() const;
  // The path of a UDS listener; empty for others.
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  // How often accept() had to wait for descriptors or memory.
  [[nodiscard]] std::uint64_t back_offs() const noexcept { return back_offs_; }

 private:
  friend TRACTOR_API std::unique_ptr<socket_listener> listen_unix(std::string path, unix_listen_options options);

  [[nodiscard]] task<std::unique_ptr<byte_stream>> accept_stream() override;
  // Remembers which file is ours. Throws when it is gone already.
  void own_file(std::string path);
  void remove_file() noexcept;
  [[nodiscard]] task<> wait_for_resources();

  unique_fd fd_;
  detail::io_source source_;
  event closed_;
  duration back_off_ = back_off_first;
  std::uint64_t back_offs_ = 0;
  bool accepting_ = false;
  std::string path_;
  dev_t file_device_ = 0;
  ino_t file_inode_ = 0;
  pid_t file_owner_ = 0;  // a fork has a copy of this object, and must leave the file alone
};

// The file is made with mode 0600; its directory must be there. Throws os_error: ENAMETOOLONG with the length and the limit,
// EADDRINUSE when the path is taken.
[[nodiscard]] TRACTOR_API std::unique_ptr<socket_listener> listen_unix(std::string path, unix_listen_options options = {});
// `host` is an IPv4 or IPv6 literal; port 0 lets the system choose.
[[nodiscard]] TRACTOR_API std::unique_ptr<socket_listener> listen_tcp(std::string host, std::uint16_t port);

[[nodiscard]] TRACTOR_API task<std::unique_ptr<socket_stream>> connect_unix(std::string path);
[[nodiscard]] TRACTOR_API task<std::unique_ptr<socket_stream>> connect_tcp(std::string host, std::uint16_t port);

}  // namespace tractor::sc
