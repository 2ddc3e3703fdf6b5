// SPDX-License-Identifier: Apache-2.0
//
// Reads from /proc what the kernel knows of this process's children: a subreaper adopts orphans that it never made.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace tractor::spawn::detail {

// The children of this single-threaded process. May miss some while others end, so ask again after that. Empty where /proc is missing.
[[nodiscard]] std::vector<pid_t> list_children();

// The same out of a walk over all processes, for kernels without the list (CONFIG_PROC_CHILDREN).
[[nodiscard]] std::vector<pid_t> list_children_by_walk();

// The inode of the pipe that is the process's stderr; 0 where it is none or cannot be told.
[[nodiscard]] std::uint64_t stderr_pipe_inode(pid_t pid) noexcept;

[[nodiscard]] std::size_t count_own_threads();

// The highest descriptor that is open in this process.
[[nodiscard]] int highest_descriptor();

// Whether orphans among the descendants become children of this process (PR_SET_CHILD_SUBREAPER). Gives what was so before.
bool adopt_orphans(bool adopt) noexcept;

// Waits for every child that is dead, and for none that lives.
void reap_dead_children() noexcept;

}  // namespace tractor::spawn::detail
