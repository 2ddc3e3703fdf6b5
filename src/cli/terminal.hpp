// SPDX-License-Identifier: Apache-2.0
//
// The terminal that a person sits at.

#pragma once

#include <termios.h>

#include <cstddef>
#include <string>

namespace tractor::cli {

[[nodiscard]] bool writes_to_terminal() noexcept;

struct window_size {
  std::size_t rows = 24;
  std::size_t columns = 80;
  bool operator==(const window_size&) const = default;
};
// Of the terminal that stdout is; where that does not know, what terminals once had.
[[nodiscard]] window_size size_of_window() noexcept;

// The keyboard, a key at a time and without an echo, where stdin is a terminal. What it was before comes back at the end.
class keyboard {
 public:
  keyboard();
  keyboard(const keyboard&) = delete;
  keyboard& operator=(const keyboard&) = delete;
  ~keyboard();
  // What was pressed since, at most keys_at_once_max; does not wait.
  [[nodiscard]] std::string pressed() const;

 private:
  static constexpr std::size_t keys_at_once_max = 64;
  termios before_{};
  bool there_ = false;
};

// What was printed so far is written now. Throws os_error.
void flush_out();

}  // namespace tractor::cli
