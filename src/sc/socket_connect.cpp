// SPDX-License-Identifier: Apache-2.0

#include <netinet/tcp.h>

#include <algorithm>

#include "socket_calls.hpp"
#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/readiness.hpp"
#include "tractor/sc/socket_listener.hpp"

namespace tractor::sc {

namespace {

// How a connect that was under way ended: 0 or an errno.
int connect_outcome(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  check_syscall(::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length), "getsockopt(SO_ERROR)");
  return error;
}

// A connect to a free port of this host can meet itself: the system gives it that very port as its own.
bool connected_to_itself(int fd) {
  detail::socket_name ours, theirs;
  if (::getsockname(fd, ours.pointer(), &ours.length) != 0) return false;
  if (::getpeername(fd, theirs.pointer(), &theirs.length) != 0) return false;  // reset already: the first use will tell
  return detail::to_endpoint(ours) == detail::to_endpoint(theirs);
}

}  // namespace

task<std::unique_ptr<socket_stream>> connect_unix(std::string path) {
  co_await checkpoint();
  const detail::socket_name name = detail::unix_name("connect_unix", path);
  unique_fd fd = detail::open_socket(AF_UNIX);
  duration pause = back_off_first;
  for (int attempt = 1;; ++attempt) {
    if (::connect(fd.get(), name.pointer(), name.length) == 0) co_return std::make_unique<socket_stream>(std::move(fd), prepared);
    // EAGAIN: the backlog is full. Nothing tells when it has room again.
    if (errno == EINTR) continue;
    if (errno != EAGAIN || attempt >= connect_attempts_max) throw_os_error("connect_unix(" + path + ")", errno);
    co_await sleep(pause);
    pause = std::min<duration>(pause * 2, back_off_max);
  }
}

task<std::unique_ptr<socket_stream>> connect_tcp(std::string host, std::uint16_t port) {
  co_await checkpoint();
  const detail::socket_name name = detail::tcp_name("connect_tcp", host, port);
  unique_fd fd = detail::open_socket(name.family());
  detail::set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, "TCP_NODELAY");
  int error = ::connect(fd.get(), name.pointer(), name.length) == 0 ? 0 : errno;
  if (error == EINPROGRESS || error == EINTR) {
    co_await wait_writable(fd.get());
    error = connect_outcome(fd.get());
  }
  if (error == 0 && connected_to_itself(fd.get())) error = ECONNREFUSED;
  if (error != 0) throw_os_error("connect_tcp(" + detail::to_text(host, port) + ")", error);
  co_return std::make_unique<socket_stream>(std::move(fd), prepared);
}

}  // namespace tractor::sc
