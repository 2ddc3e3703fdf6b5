// SPDX-License-Identifier: Apache-2.0
//
// An environment as one block of bytes, "NAME=VALUE\0" after another: cheap to compare with the living one and to send. Overrides
// are packed alike; there "NAME\0" removes a variable. The mark of an actor (actor_mark.hpp) is not packed and not compared.

#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tractor/spawn/spawn_request.hpp"

namespace tractor::spawn::detail {

[[nodiscard]] std::string pack_environment(char* const* variables);
[[nodiscard]] bool same_environment(std::string_view packed, char* const* variables) noexcept;
[[nodiscard]] std::string pack_overrides(std::span<const environment_override> overrides);

// A null-terminated array that points into `packed`, which must end with a NUL (or be empty) and outlive the array.
[[nodiscard]] std::vector<char*> environment_pointers(std::string& packed);

// `base` with packed overrides on top, later ones winning; points into both.
[[nodiscard]] std::vector<char*> apply_overrides(char* const* base, std::string& packed_overrides);

}  // namespace tractor::spawn::detail
