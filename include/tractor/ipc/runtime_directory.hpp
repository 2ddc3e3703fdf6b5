// SPDX-License-Identifier: Apache-2.0
//
// The directory for socket files: `$XDG_RUNTIME_DIR/tractor`, else `/run/user/UID/tractor` where that exists, else
// `/tmp/tractor-UID` (S-RTD-1). Sockets and whoever cleans up after them use this one directory (S-RTD-4).
//
// It is made with mode 0700. One that exists must be a real directory, no link, and belong to this user; otherwise it is left
// alone and an error says what it is (S-RTD-2). Every component that tractor makes is checked on an open descriptor, so
// nobody can put something else in its place between the check and the use (S-RTD-3).

#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "tractor/base/error.hpp"

namespace tractor::ipc {

// What the place depends on; by default this process and this machine.
struct TRACTOR_API runtime_directory_source {
  std::optional<std::string> xdg_runtime_dir;  // ignored when empty or not absolute
  std::string run_user = "/run/user";
  std::string temporary = "/tmp";
  uid_t uid = 0;

  [[nodiscard]] static runtime_directory_source of_this_process();
};

// Where the directory is, or would be. Makes and checks nothing.
[[nodiscard]] TRACTOR_API std::string runtime_directory_path(
    const runtime_directory_source& from = runtime_directory_source::of_this_process());

// Makes and checks the directory, and `subdir` below it (relative, without ".."; else usage_error); gives its path. Throws os_error:
// EPERM when something there is not safe to use, with path and reason.
TRACTOR_API std::string runtime_directory(std::string_view subdir = {},
                                          const runtime_directory_source& from = runtime_directory_source::of_this_process());

// Makes `path` and its parents, those that are missing, with mode 0700. For directories that the user chose: checks nothing.
TRACTOR_API void make_directories(const std::string& path);

}  // namespace tractor::ipc
