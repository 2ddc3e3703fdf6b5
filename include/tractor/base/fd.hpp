// SPDX-License-Identifier: Apache-2.0
//
// Ownership of a file descriptor, and the helpers that turn a failed system call into an `os_error` which says what was
// tried. No coroutine, no global state: safe to use between fork and exec.

#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "tractor/base/config.hpp"
#include "tractor/base/error.hpp"

namespace tractor {

// Owns one descriptor; closes it when destroyed. Moves, does not copy. An empty one holds -1.
class unique_fd {
 public:
  unique_fd() noexcept = default;
  explicit unique_fd(int fd) noexcept : fd_(fd) {}
  unique_fd(unique_fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  unique_fd& operator=(unique_fd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~unique_fd() { reset(); }

  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
  void reset(int fd = -1) noexcept {
    if (fd_ >= 0) ::close(fd_);  // Linux frees the descriptor even when close reports EINTR
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

[[noreturn]] TRACTOR_API void throw_os_error(std::string what_was_tried, int errno_value);

// Returns `result` when it is not -1, else throws os_error("WHAT: strerror [ERRNO]"). `what` is only copied on failure.
template <class Result>
Result check_syscall(Result result, const char* what) {
  if (result == static_cast<Result>(-1)) [[unlikely]]
    throw_os_error(what, errno);
  return result;
}

// Repeats a call while it is interrupted by a signal. For calls that do not block, or whose caller wants them to.
template <class Call>
auto retry_eintr(Call&& call) noexcept(noexcept(call())) {
  for (;;) {
    auto result = call();
    if (result != -1 || errno != EINTR) return result;
  }
}

}  // namespace tractor
