// SPDX-License-Identifier: Apache-2.0

#include "tractor/msg/quoted.hpp"

#include "literal.hpp"

namespace tractor::msg {

namespace {

std::string literal(std::string_view name) {
  std::string out;
  detail::append_str_literal(out, name, quoted_bytes_max);
  return out;
}

}  // namespace

std::string quoted(std::string_view name) {
  std::string out = literal(name);
  if (name.size() > quoted_bytes_max) out += " (" + std::to_string(name.size()) + " bytes)";
  return out;
}

std::string escaped(std::string_view name) {
  const std::string out = literal(name);
  return out.substr(1, out.size() - 2);
}

}  // namespace tractor::msg
