// SPDX-License-Identifier: Apache-2.0
//
// The task tree of an actor and of those below it, on request: SIGUSR1, or `tractor dump` (S-STK).

#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "tractor/sc/signals.hpp"
#include "tractor/sc/task.hpp"

namespace tractor {
class actor;
}

namespace tractor::detail {

// Where an actor's dumps go beside stderr: each is appended (S-STK-2). In the directory of its control socket, else in /tmp.
[[nodiscard]] std::string dump_file(const actor& self);
[[nodiscard]] std::string dump_file(const std::string& directory, pid_t pid);
inline constexpr const char* dump_directory_otherwise = "/tmp";
// What a dump's first and its last line begin with.
inline constexpr std::string_view dump_begin = "---- task tree of ";
inline constexpr std::string_view dump_end = "---- end of the task tree of ";
// Writes the task tree to stderr and to the file, then sends SIGUSR1 to each actor that this one has started. So a parent's dump is written
// before those of its children begin (S-STK-3). Never throws: what cannot be written is left out, and the signal is sent all the same.
void dump_and_pass_on(actor& self) noexcept;

}  // namespace tractor::detail
