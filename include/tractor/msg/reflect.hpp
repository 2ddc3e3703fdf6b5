// SPDX-License-Identifier: Apache-2.0
//
// The fields of a plain aggregate, by name, at compile time and without macros.
//
//     struct progress { int epoch; double loss; };
//     static_assert(msg::field_count<progress> == 2 && msg::field_names<progress>[1] == "loss");
//     msg::for_each_field(p, [](std::string_view name, auto& field) { … });
//
// Reflected are aggregates of up to 64 fields without base classes, references, bit-fields, C arrays and anonymous unions.
// Everything else stops with a static_assert that names the type and the way out: TRACTOR_DESCRIBE (describe.hpp), which
// lists the fields, or a specialisation of `msg::codec`. A description takes precedence where there is one.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include "tractor/base/config.hpp"
#include "tractor/msg/detail/aggregate.hpp"
#include "tractor/msg/detail/bind.hpp"

namespace tractor::msg {

inline constexpr std::size_t field_count_max = detail::fields_max;

// What `tractor_describe` returns: pointers to the members, their names on the wire, and which of them (bit i: the i-th)
// keep their default member initialiser when their key is missing.
template <auto... Members>
struct description {
  std::array<std::string_view, sizeof...(Members)> names;
  std::uint64_t defaulted = 0;

  template <class T, class Visit>
  static constexpr decltype(auto) visit(T& object, Visit&& visit) {
    return std::forward<Visit>(visit)(object.*Members...);
  }
  static constexpr std::size_t count = sizeof...(Members);
};

// Described types have a `constexpr auto tractor_describe(const T*)` that argument-dependent lookup finds.
template <class T>
concept described = requires(const T* none) { tractor_describe(none); };

namespace detail {

template <class T>
consteval std::size_t count_fields() {
  if constexpr (described<T>)
    return decltype(tractor_describe(static_cast<const T*>(nullptr)))::count;
  else
    return aggregate_field_count<T>();
}

}  // namespace detail

// How many fields. Ill-formed, with a message, for types that cannot be reflected.
template <class T>
inline constexpr std::size_t field_count = detail::count_fields<std::remove_const_t<T>>();

namespace detail {

template <class T>
consteval std::array<std::string_view, field_count<T>> collect_names() {
  if constexpr (described<T>)
    return tractor_describe(static_cast<const T*>(nullptr)).names;
  else
    return aggregate_field_names<T>(std::make_index_sequence<field_count<T>>());
}

// The name of one field as it is encoded: header and text.
template <class T, std::size_t Index>
struct field_key {
  static constexpr std::size_t name_size = collect_names<T>()[Index].size();
  static constexpr std::size_t header_size = name_size < 0x20 ? 1 : 2;
  static_assert(name_size <= 0xff, "a field name is longer than 255 bytes");

  static constexpr std::array<char, header_size + name_size> encoded = [] {
    std::array<char, header_size + name_size> out{};
    if constexpr (header_size == 1) {
      out[0] = static_cast<char>(0xa0U | name_size);
    } else {
      out[0] = static_cast<char>(0xd9U);
      out[1] = static_cast<char>(name_size);
    }
    const std::string_view name = collect_names<T>()[Index];
    for (std::size_t i = 0; i < name_size; ++i) out[header_size + i] = name[i];
    return out;
  }();
  static constexpr std::string_view name{encoded.data() + header_size, name_size};
};

template <class T, std::size_t... I>
consteval std::array<std::string_view, sizeof...(I)> stored_names(std::index_sequence<I...>) {
  return {field_key<T, I>::name...};
}

}  // namespace detail

// Their names in declaration order, as they appear on the wire.
template <class T>
inline constexpr std::array<std::string_view, field_count<T>> field_names =
    detail::stored_names<T>(std::make_index_sequence<field_count<T>>());

// Calls `visit(fields…)` with references to all fields and returns what it returns.
template <class T, class Visit>
constexpr decltype(auto) with_fields(T& object, Visit&& visit) {
  using plain = std::remove_const_t<T>;
  if constexpr (described<plain>)
    return decltype(tractor_describe(static_cast<const plain*>(nullptr)))::visit(object, std::forward<Visit>(visit));
  else
    return detail::bind_fields<field_count<plain>>(object, std::forward<Visit>(visit));
}

// Calls `visit(name, field)` for each field in declaration order.
template <class T, class Visit>
constexpr void for_each_field(T& object, Visit&& visit) {
  with_fields(object, [&](auto&... fields) {
    [[maybe_unused]] std::size_t index = 0;
    (visit(field_names<std::remove_const_t<T>>[index++], fields), ...);
  });
}

}  // namespace tractor::msg
