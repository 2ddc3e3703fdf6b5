// SPDX-License-Identifier: Apache-2.0
//
// Writes to this process's stderr that never wait for whoever reads it: a terminal that was paused, a pipe to a stopped program.
//
// The status flags stay as they are: they belong to the open file, which the shell and other programs have as well. A pipe or a
// terminal is opened once more instead, for one write; where that is forbidden, as for a pipe of another user, each write is one of a
// size for which there was room a moment before, and only another program that takes this room meanwhile can make it wait.

#pragma once

#include <sys/types.h>

#include <string_view>

namespace tractor::spawn::detail {

// How many bytes were taken: 0 where there is no room now, -1 with errno where stderr cannot be written to.
[[nodiscard]] ssize_t write_to_stderr_now(std::string_view text) noexcept;

// Writes what finds room within `bound_ms`, and gives how much that was. Counts what cannot be written as written.
std::size_t write_to_stderr(std::string_view text, int bound_ms) noexcept;

}  // namespace tractor::spawn::detail
