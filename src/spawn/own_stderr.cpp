// SPDX-License-Identifier: Apache-2.0

#include "own_stderr.hpp"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tractor/base/fd.hpp"

namespace tractor::spawn::detail {

namespace {

ssize_t taken(ssize_t written) noexcept { return written < 0 && errno == EAGAIN ? 0 : written; }

bool has_room(int wait_ms) noexcept {
  pollfd room{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  return ::poll(&room, 1, wait_ms) == 1;
}

}  // namespace

ssize_t write_to_stderr_now(std::string_view text) noexcept {
  const auto write_to = [&](int fd) { return taken(retry_eintr([&] { return ::write(fd, text.data(), text.size()); })); };
  const int flags = ::fcntl(STDERR_FILENO, F_GETFL);
  struct stat file{};
  if (flags < 0 || ::fstat(STDERR_FILENO, &file) != 0) return -1;
  if ((flags & O_NONBLOCK) != 0 || S_ISREG(file.st_mode)) return write_to(STDERR_FILENO);
  if (S_ISSOCK(file.st_mode)) return taken(retry_eintr([&] { return ::send(STDERR_FILENO, text.data(), text.size(), MSG_DONTWAIT); }));
  const unique_fd again(::open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (again) return write_to(again.get());
  if (!has_room(0)) return 0;
  text = text.substr(0, PIPE_BUF);
  return write_to(STDERR_FILENO);
}

std::size_t write_to_stderr(std::string_view text, int bound_ms) noexcept {
  std::size_t written = 0;
  // Every wait counts as a whole one, also one that ends early: so the bound needs no clock.
  for (int waited_ms = 0; written < text.size();) {
    const ssize_t some = write_to_stderr_now(text.substr(written));
    if (some < 0) return text.size();
    written += static_cast<std::size_t>(some);
    if (some != 0) continue;
    if (waited_ms++ == bound_ms) break;
    has_room(1);
  }
  return written;
}

}  // namespace tractor::spawn::detail
