// SPDX-License-Identifier: Apache-2.0

#include "tractor/msg/quoted.hpp"

#include "literal.hpp"

namespace tractor::msg {

std::string quoted(std::string_view name) {
  std::string out;
  out.reserve(name.size() + 2);
  detail::append_str_literal(out, name, name.size());
  return out;
}

}  // namespace tractor::msg
