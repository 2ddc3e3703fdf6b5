// SPDX-License-Identifier: Apache-2.0
//
// What goes over the pipe that is a child's stderr, between actors: lines of text, of which some begin with a mark.
//
//     attributed_mark   the line says already which actor it is of: a log record, a task tree, what was relayed before
//     stall_mark        a report in numbers, which whoever reads it makes a text of (runtime/stall_report.hpp)
//
// Every other line is what the program wrote, and gets the actor's name in front by the first who relays it. No mark leaves the root.

#pragma once

#include <atomic>
#include <string>
#include <string_view>

namespace tractor::detail {

inline constexpr char attributed_mark = '\x1e';  // ASCII's record separator
inline constexpr char stall_mark = '\x1f';       // unit separator

// This process's stderr is such a pipe.
extern constinit std::atomic<bool> stderr_is_relayed;

// Whole lines, marked where this process's stderr is relayed.
[[nodiscard]] std::string attributed(std::string lines);

}  // namespace tractor::detail
