// SPDX-License-Identifier: Apache-2.0
//
// The readable name of a message type, for error messages and payload specs: "int", "list[int]", "dict[str, progress]",
// "int | None". Made at compile time; classes go by their own name, without namespaces.

#pragma once

#include <cstddef>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "tractor/msg/codec.hpp"
#include "tractor/msg/detail/shape.hpp"
#include "tractor/msg/detail/type_text.hpp"

namespace tractor::msg {

namespace detail {

template <class T, shape Shape = classify<T>()>
struct type_text {
  static constexpr std::string_view view() noexcept {
    if constexpr (requires { codec<T>::type_text; })
      return codec<T>::type_text;
    else
      return name.view();
  }

 private:
  static constexpr auto name = join<short_type_name<T>().size()>(short_type_name<T>());
};

template <std::size_t Size>
struct literal {
  char chars[Size]{};
  consteval literal(const char (&from)[Size]) {  // NOLINT(google-explicit-constructor): a template argument written as text
    for (std::size_t i = 0; i < Size; ++i) chars[i] = from[i];
  }
  [[nodiscard]] constexpr std::string_view view() const noexcept { return {chars, Size - 1}; }
};
template <literal Text>
struct constant_text {
  static constexpr std::string_view view() noexcept { return Text.view(); }
};

// Open, the names of the types with a separator between them, close.
template <literal Open, literal Between, literal Close, class... T>
struct listed_text {
  static constexpr std::string_view view() noexcept { return text.view(); }

 private:
  static constexpr std::size_t size = Open.view().size() + Close.view().size() + (std::size_t{0} + ... + type_text<T>::view().size()) +
                                      (sizeof...(T) > 1 ? (sizeof...(T) - 1) * Between.view().size() : 0);
  static consteval fixed_text<size> make() {
    fixed_text<size> out;
    std::size_t at = 0;
    const auto add = [&](std::string_view part) {
      for (const char c : part) out.chars[at++] = c;
    };
    add(Open.view());
    bool first = true;
    ((first ? void(first = false) : add(Between.view()), add(type_text<T>::view())), ...);
    add(Close.view());
    return out;
  }
  static constexpr fixed_text<size> text = make();
};

template <class T>
struct type_text<T, shape::nil> : constant_text<"None"> {};
template <class T>
struct type_text<T, shape::boolean> : constant_text<"bool"> {};
template <class T>
struct type_text<T, shape::integer> : constant_text<"int"> {};
template <class T>
struct type_text<T, shape::real> : constant_text<"float"> {};
template <class T>
struct type_text<T, shape::text> : constant_text<"str"> {};
template <class T>
struct type_text<T, shape::text_view> : constant_text<"str"> {};
template <class T>
struct type_text<T, shape::c_text> : constant_text<"str"> {};
template <class T>
struct type_text<T, shape::binary> : constant_text<"bytes"> {};
template <class T>
struct type_text<T, shape::binary_view> : constant_text<"bytes"> {};
template <class T>
struct type_text<T, shape::fixed_binary> : constant_text<"bytes"> {};
template <class T>
struct type_text<T, shape::duration> : constant_text<"duration"> {};
template <class T>
struct type_text<T, shape::time_point> : constant_text<"timestamp"> {};
template <class T>
struct type_text<T, shape::uuid> : constant_text<"uuid"> {};
template <class T>
struct type_text<T, shape::value> : constant_text<"any"> {};
template <class T>
struct type_text<T, shape::raw> : constant_text<"any"> {};
template <class T>
struct type_text<T, shape::raw_view> : constant_text<"any"> {};
template <class T>
struct type_text<T, shape::value_map> : constant_text<"dict[any, any]"> {};
template <class T>
struct type_text<T, shape::optional> : listed_text<"", " | ", "", typename T::value_type, std::nullptr_t> {};
template <class T>
struct type_text<T, shape::pointer> : listed_text<"", " | ", "", typename T::element_type, std::nullptr_t> {};
template <class T>
struct type_text<T, shape::sequence> : listed_text<"list[", ", ", "]", typename T::value_type> {};
template <class T>
struct type_text<T, shape::fixed_sequence> : listed_text<"list[", ", ", "]", typename T::value_type> {};
template <class T>
struct type_text<T, shape::set> : listed_text<"set[", ", ", "]", typename T::key_type> {};
template <class T>
struct type_text<T, shape::map> : listed_text<"dict[", ", ", "]", typename T::key_type, typename T::mapped_type> {};
template <class... T>
struct type_text<std::variant<T...>, shape::variant> : listed_text<"", " | ", "", T...> {};
template <class... T>
struct type_text<std::tuple<T...>, shape::tuple> : listed_text<"tuple[", ", ", "]", T...> {};
template <class A, class B>
struct type_text<std::pair<A, B>, shape::tuple> : listed_text<"tuple[", ", ", "]", A, B> {};

}  // namespace detail

template <class T>
[[nodiscard]] constexpr std::string_view type_name() noexcept {
  return detail::type_text<std::remove_cv_t<T>>::view();
}

}  // namespace tractor::msg
