// SPDX-License-Identifier: Apache-2.0

#include "tractor/msg/quoted.hpp"

#include "literal.hpp"

namespace tractor::msg {

std::string quoted(std::string_view name) {
  std::string out;
  detail::append_str_literal(out, name, quoted_bytes_max);
  if (name.size() > quoted_bytes_max) out += " (" + std::to_string(name.size()) + " bytes)";
  return out;
}

}  // namespace tractor::msg
