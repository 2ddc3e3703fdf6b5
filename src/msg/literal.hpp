// SPDX-License-Identifier: Apache-2.0
//
// Values as text in the notation of Python literals, for error messages and tools.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tractor/msg/bytes.hpp"

namespace tractor::msg::detail {

inline constexpr std::string_view ellipsis = "…";

inline constexpr std::size_t text_shown_bytes_max = 60;  // where an error shows a text

// Each appends one literal; of text and bytes no more than about `bytes_max` bytes, with an ellipsis for what was cut.
void append_str_literal(std::string& out, std::string_view text, std::size_t bytes_max);
void append_bytes_literal(std::string& out, bytes_view data, std::size_t bytes_max);
void append_int_literal(std::string& out, std::uint64_t bits, bool negative);
void append_double_literal(std::string& out, double value);
void append_ext_literal(std::string& out, std::int8_t type, bytes_view data, std::size_t bytes_max);

}  // namespace tractor::msg::detail
