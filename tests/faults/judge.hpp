// SPDX-License-Identifier: Apache-2.0
//
// How a dialog may end that something has happened to, and what its endpoints may have seen then.

#pragma once

#include <string>

#include "dialogs.hpp"
#include "run.hpp"

namespace faults {

// What is wrong with how a dialog ended that would have ended as `undisturbed`; empty: nothing.
[[nodiscard]] std::string judge(const outcome& ended, const outcome& undisturbed, const fault_at& fault);

}  // namespace faults
