// SPDX-License-Identifier: Apache-2.0
//
// A name that a user or a peer chose, made fit for a message: errors and what goes to a terminal show it in one line and as it is, up to a
// length.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "tractor/base/config.hpp"

namespace tractor::msg {

inline constexpr std::size_t quoted_bytes_max = 1000;  // of a longer name this much is shown

// In single quotes; control characters, quotes, backslashes and what is no UTF-8 as escapes: 'worker', 'two\nlines', '\x1b[2J'. After a
// name that was cut, which ends with an ellipsis, comes its length: 'aaa…' (50000 bytes).
[[nodiscard]] TRACTOR_API std::string quoted(std::string_view name);
// The same without the quotes and the length.
[[nodiscard]] TRACTOR_API std::string escaped(std::string_view name);

}  // namespace tractor::msg
