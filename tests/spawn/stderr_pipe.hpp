// SPDX-License-Identifier: Apache-2.0
//
// This process's stderr as a pipe of one page that nobody reads before the test does. What was there before is put back in the end.

#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "tractor/base/fd.hpp"

namespace spawn_test {

class stderr_pipe {
 public:
  static constexpr std::size_t capacity = 4096;

  stderr_pipe() : before_(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)) {
    int ends[2];
    EXPECT_EQ(0, ::pipe2(ends, O_CLOEXEC));
    read_end_.reset(ends[0]);
    const tractor::unique_fd write_end(ends[1]);
    EXPECT_EQ(0, ::fcntl(read_end_.get(), F_SETFL, O_NONBLOCK));
    EXPECT_EQ(static_cast<int>(capacity), ::fcntl(write_end.get(), F_SETPIPE_SZ, static_cast<int>(capacity)));
    EXPECT_EQ(STDERR_FILENO, ::dup2(write_end.get(), STDERR_FILENO));
  }
  stderr_pipe(const stderr_pipe&) = delete;
  stderr_pipe& operator=(const stderr_pipe&) = delete;
  ~stderr_pipe() { ::dup2(before_.get(), STDERR_FILENO); }

  // Everything that is in it now.
  [[nodiscard]] std::string read() {
    std::string text;
    char buffer[capacity];
    for (ssize_t bytes = 0; (bytes = ::read(read_end_.get(), buffer, sizeof(buffer))) > 0;)
      text.append(buffer, static_cast<std::size_t>(bytes));
    return text;
  }
  void fill() { EXPECT_EQ(static_cast<ssize_t>(capacity), ::write(STDERR_FILENO, std::string(capacity, '.').data(), capacity)); }

 private:
  tractor::unique_fd before_;
  tractor::unique_fd read_end_;
};

}  // namespace spawn_test
