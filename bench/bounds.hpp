// SPDX-License-Identifier: Apache-2.0
//
// What the rows are to reach. A bound that is missed is printed, never a failure of the program: on a busy or a slower machine
// it says something about the machine.
#pragma once

#include "statistics.hpp"

#include <optional>
#include <span>
#include <string_view>

namespace bench {

struct outcome {
  summary figures;
  std::optional<double> ratio;  // to the floor
};

struct bound {
  std::string_view id;
  std::string_view text;
  bool (*met)(const outcome&);
};

[[nodiscard]] std::span<const bound> all_bounds();

// Null when nothing was promised for the row.
[[nodiscard]] const bound* find_bound(std::string_view id);

}  // namespace bench
