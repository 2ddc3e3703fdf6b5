// SPDX-License-Identifier: Apache-2.0
//
// Blocking text over a link, for both ends of these tests. Every wait is bounded by patience_ms; running into the bound is a failure.

#pragma once

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace spawn_test {

inline constexpr int patience_ms = 90000;

inline void wait_for(int fd, short events) {
  pollfd waited{.fd = fd, .events = events, .revents = 0};
  int ready;
  do {
    ready = ::poll(&waited, 1, patience_ms);
  } while (ready < 0 && errno == EINTR);
  if (ready != 1) throw std::runtime_error("waited too long for a descriptor");
}

inline void write_text(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written > 0)
      text.remove_prefix(static_cast<std::size_t>(written));
    else if (errno == EAGAIN)
      wait_for(fd, POLLOUT);
    else
      throw std::runtime_error("the other end of a link is gone");
  }
}

// One byte at a time, so that nothing of the next line is taken. Nothing at the end of the file.
inline std::optional<std::string> read_line(int fd) {
  std::string line;
  for (;;) {
    char next = 0;
    const ssize_t got = ::read(fd, &next, 1);
    if (got == 1) {
      if (next == '\n') return line;
      line += next;
    } else if (got < 0 && errno == EAGAIN) {
      wait_for(fd, POLLIN);
    } else {  // end of file, or ECONNRESET where the other end left something unread
      if (line.empty()) return std::nullopt;
      return line;
    }
  }
}

inline std::string read_all(int fd) {
  std::string text;
  while (auto line = read_line(fd)) text += *line + "\n";
  return text;
}

inline void await_end_of_file(int fd) {
  while (read_line(fd)) {
  }
}

}  // namespace spawn_test
