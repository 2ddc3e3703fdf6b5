// SPDX-License-Identifier: Apache-2.0
//
// How trees of actors are shown.

#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "actors.hpp"

namespace tractor::cli {

// A heading, and a line for each actor; those below it follow, the oldest first unless the trees are sorted otherwise.
[[nodiscard]] std::string trees_text(const std::vector<actor_tree>& trees);
[[nodiscard]] nlohmann::ordered_json trees_json(const std::vector<actor_tree>& trees);

}  // namespace tractor::cli
