// SPDX-License-Identifier: Apache-2.0
//
// What this program does when it is executed with one special argument: tells what its standard descriptors are.

#pragma once

#include <filesystem>
#include <string>

#include "link_io.hpp"

namespace spawn_test {

inline constexpr const char* stdio_report_argument = "--report-stdio";
inline constexpr int stdio_report_fd = 9;

inline void report_stdio() {
  for (const int fd : {0, 1, 2}) {
    std::error_code failed;
    const auto target = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), failed);
    write_text(stdio_report_fd, (failed ? "closed" : target.string()) + "\n");
  }
}

}  // namespace spawn_test
