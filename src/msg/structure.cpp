// SPDX-License-Identifier: Apache-2.0
//
// What the codec of structures does without knowing the type.

#include <string>

#include "tractor/msg/codec.hpp"

namespace tractor::msg::detail {

std::size_t read_field_key(reader& in, const field_table& table, std::uint64_t& seen) {
  const std::byte* const start = in.position();
  if (in.peek() != item_kind::str) in.fail_expected("a field name");
  const std::string_view key = in.str();
  for (std::size_t index = 0; index < table.count; ++index) {
    if (table.names[index] != key) continue;
    const std::uint64_t bit = std::uint64_t{1} << index;
    if ((seen & bit) != 0) in.fail_expected_at(start, "each field once");
    seen |= bit;
    return index;
  }
  in.skip();
  return no_field;
}

void fail_missing_field(const field_table& table, std::uint64_t seen) {
  for (std::size_t index = 0; index < table.count; ++index) {
    const std::uint64_t bit = std::uint64_t{1} << index;
    if ((seen & bit) == 0 && (table.optional & bit) == 0) reader::fail("the field '" + std::string(table.names[index]) + "' is missing");
  }
  TRACTOR_ASSERT(false, "called without a missing field");
}

}  // namespace tractor::msg::detail
