// SPDX-License-Identifier: Apache-2.0
//
// Everything a process can tell about the world it was given, as text, a fact a line.

#pragma once

#include <string>

namespace spawn_test {

[[nodiscard]] std::string describe_own_world();

}  // namespace spawn_test
