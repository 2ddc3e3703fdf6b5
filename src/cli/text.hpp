// SPDX-License-Identifier: Apache-2.0
//
// How things are shown: amounts for people, values as JSON.

#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tractor/msg/value.hpp"

namespace tractor::cli {

// "3.4 s", "12 min", "5.0 h", "8 d".
[[nodiscard]] std::string duration_text(double seconds);
// "640 kB", "5.2 MB".
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);

// Columns as wide as what is in them, two spaces between; the first row is the heading.
[[nodiscard]] std::string table_text(const std::vector<std::vector<std::string>>& rows);
// With `?` in the place of each control character: what others have named takes no command of the terminal, and no second line.
[[nodiscard]] std::string printable(std::string text);
// The beginning of a line of UTF-8 that has room in so many columns.
[[nodiscard]] std::string cut_to_width(std::string_view line, std::size_t columns);

// Bytes become {"$bytes": "hex"}, an extension type {"$ext": number, "data": "hex"}; a map with keys that are no text a list of pairs.
[[nodiscard]] nlohmann::ordered_json to_json(const msg::value& from);
// What is no JSON is text: `name=World`, `n=3`, `tags=["a","b"]`.
[[nodiscard]] msg::value value_of(std::string_view text);

}  // namespace tractor::cli
