// SPDX-License-Identifier: Apache-2.0
//
// What `ps` shows of a process (S-RT-21): the argument area that the kernel made at exec, and the 15 characters of its comm.

#pragma once

#include <cstddef>
#include <string_view>

namespace tractor::spawn::detail {

// Room for a title, made by an argument of this length when a program is executed.
inline constexpr std::size_t title_bytes_max = 320;

class process_title {
 public:
  // Takes the argument vector of this process for its own; only for one that tractor executed.
  void adopt(int argc, char** argv) noexcept;
  void set(std::string_view text) const noexcept;

 private:
  char* begin_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace tractor::spawn::detail
