// SPDX-License-Identifier: Apache-2.0
//
// Reads from /proc what the kernel knows of this process's children: a subreaper adopts orphans that it never made.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace tractor::spawn::detail {

// The children of this single-threaded process. May miss some while others end, so ask again after that. Empty where /proc is missing.
[[nodiscard]] std::vector<pid_t> list_children();

// The same out of a walk over all processes, for kernels without the list (CONFIG_PROC_CHILDREN).
[[nodiscard]] std::vector<pid_t> list_children_by_walk();

// When the process started, in the kernel's ticks; 0 where it is gone.
[[nodiscard]] std::uint64_t start_time(pid_t pid) noexcept;

// The actor of `server` that the process's environment names (actor_mark.hpp), or, of a process that was forked by an actor and executed
// nothing, its title. Nothing where neither does or can be read.
[[nodiscard]] std::optional<pid_t> marked_actor(pid_t pid, pid_t server);

[[nodiscard]] std::size_t count_own_threads();

// The highest descriptor that is open in this process.
[[nodiscard]] int highest_descriptor();

// Whether orphans among the descendants become children of this process (PR_SET_CHILD_SUBREAPER). Gives what was so before.
bool adopt_orphans(bool adopt) noexcept;

// Waits for every child that is dead, and for none that lives.
void reap_dead_children() noexcept;

}  // namespace tractor::spawn::detail
