// SPDX-License-Identifier: Apache-2.0
//
// How an actor process comes to be.
//
//   forkserver  forked by the tree's fork server: microseconds, the default
//   exec        a fresh execution of the program (or of another one), child of the actor that asked
//   inproc      no process: an actor inside this one, for simulation
//
// The choice is an argument of the spawning call; where none is given, the variable TRACTOR_SPAWN_METHOD decides.

#pragma once

#include <optional>
#include <string_view>

#include "tractor/base/config.hpp"

namespace tractor::spawn {

enum class start_method : unsigned char { forkserver, exec, inproc };

inline constexpr const char* start_method_variable = "TRACTOR_SPAWN_METHOD";

[[nodiscard]] TRACTOR_API const char* to_string(start_method method) noexcept;

// Throws usage_error for any other text; the error names the valid ones.
[[nodiscard]] TRACTOR_API start_method parse_start_method(std::string_view text);

// What TRACTOR_SPAWN_METHOD says; nothing when it is unset or empty. Throws usage_error, naming the variable, for an unknown value.
[[nodiscard]] TRACTOR_API std::optional<start_method> start_method_from_environment();

}  // namespace tractor::spawn
