// SPDX-License-Identifier: Apache-2.0

#include "terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "tractor/base/error.hpp"

namespace tractor::cli {

bool writes_to_terminal() noexcept { return ::isatty(STDOUT_FILENO) != 0; }

window_size size_of_window() noexcept {
  winsize said{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &said) != 0 || said.ws_row == 0 || said.ws_col == 0) return {};
  return {.rows = said.ws_row, .columns = said.ws_col};
}

keyboard::keyboard() {
  if (::isatty(STDIN_FILENO) == 0 || ::tcgetattr(STDIN_FILENO, &before_) != 0) return;
  termios raw = before_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  there_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

keyboard::~keyboard() {
  if (there_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
}

std::string keyboard::pressed() const {
  int waiting = 0;
  char keys[keys_at_once_max];
  if (!there_ || ::ioctl(STDIN_FILENO, FIONREAD, &waiting) != 0 || waiting <= 0) return {};
  const ssize_t count = ::read(STDIN_FILENO, keys, sizeof keys);
  return count > 0 ? std::string(keys, static_cast<std::size_t>(count)) : std::string();
}

void flush_out() {
  if (std::fflush(stdout) != 0) throw os_error("write(stdout)", errno);
}

}  // namespace tractor::cli
