// SPDX-License-Identifier: Apache-2.0
//
// Names of types and members as compile-time text, read out of the compiler's own spelling of a template argument.

#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace tractor::msg::detail {

template <class T>
consteval std::string_view spelled() {
  return __PRETTY_FUNCTION__;
}
template <const void* Pointer>
consteval std::string_view spelled() {
  return __PRETTY_FUNCTION__;
}

// "ns::(anonymous namespace)::box<int>": as the compiler writes it.
template <class T>
consteval std::string_view full_type_name() {
  constexpr std::string_view text = spelled<T>();
  constexpr std::string_view lead = "[T = ";
  constexpr std::size_t from = text.find(lead) + lead.size();
  return text.substr(from, text.size() - from - 1);
}

// Without namespaces and enclosing classes: "box<int>".
template <class T>
consteval std::string_view short_type_name() {
  constexpr std::string_view text = full_type_name<T>();
  std::size_t from = 0;
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '<' || text[i] == '(') ++depth;
    if (text[i] == '>' || text[i] == ')') --depth;
    if (depth == 0 && text[i] == ':') from = i + 1;
  }
  return text.substr(from);
}

// Text made of parts, with static storage.
template <std::size_t Size>
struct fixed_text {
  std::array<char, Size> chars{};
  [[nodiscard]] constexpr std::string_view view() const noexcept { return {chars.data(), Size}; }
  [[nodiscard]] constexpr std::size_t size() const noexcept { return Size; }
  [[nodiscard]] constexpr const char* data() const noexcept { return chars.data(); }
};

template <std::size_t Size, class... Parts>
consteval fixed_text<Size> join(Parts... parts) {
  fixed_text<Size> out;
  std::size_t at = 0;
  const auto add = [&](std::string_view part) {
    for (const char c : part) out.chars[at++] = c;
  };
  (add(parts), ...);
  return out;
}

}  // namespace tractor::msg::detail
