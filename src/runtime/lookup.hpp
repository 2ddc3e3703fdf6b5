// SPDX-License-Identifier: Apache-2.0
//
// Whom a lookup asks.

#pragma once

#include <vector>

#include "tractor/runtime/detail/directory.hpp"
#include "tractor/runtime/find_actor.hpp"

namespace tractor::detail {

// Those of the options, else this tree's. Throws runtime_failure where it has none.
[[nodiscard]] std::vector<ipc::address> registrars_for(directory& known, const find_options& options);

}  // namespace tractor::detail
