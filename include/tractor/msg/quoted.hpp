// SPDX-License-Identifier: Apache-2.0
//
// A name that a user or a peer chose, made fit for a message: errors and what goes to a terminal show it in one line and as it is.

#pragma once

#include <string>
#include <string_view>

#include "tractor/base/config.hpp"

namespace tractor::msg {

// In single quotes; control characters, quotes, backslashes and what is no UTF-8 as escapes: 'worker', 'two\nlines', '\x1b[2J'.
[[nodiscard]] TRACTOR_API std::string quoted(std::string_view name);

}  // namespace tractor::msg
