// SPDX-License-Identifier: Apache-2.0
//
// Where the threads of this process are, for the report of a hang.

#pragma once

#include <sys/types.h>

#include <string>

#include "stoppable_thread.hpp"

namespace tractor::testing::detail {

inline constexpr int stack_answer_ms_max = 200;  // for one thread to take its stack
inline constexpr int stacks_max = 32;            // threads whose stacks are asked for; the others are counted
inline constexpr int stack_frames_max = 64;      // of one thread: the innermost

// Every thread but the calling one: its name, the task that it runs, and its stack, innermost first. Each is asked by a SIGWINCH, which is
// ignored where nobody has a handler for it, and goes to the handler there is when it is not ours. It ends some system calls early, sleeps
// for one. A thread that blocks signals, as those of the library do, or does not answer in time says only how the kernel sees it.
// `watched` is named as the one that this is about. Called in the thread of `self`, and cut short when that is over.
[[nodiscard]] std::string stacks_of_other_threads(stoppable_thread& self, pid_t watched);

}  // namespace tractor::testing::detail
