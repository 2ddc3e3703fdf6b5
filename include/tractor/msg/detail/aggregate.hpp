// SPDX-License-Identifier: Apache-2.0
//
// Counts the fields of an aggregate, finds out why one cannot be reflected, and reads the names of its fields.

#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

#include "tractor/msg/detail/bind.hpp"
#include "tractor/msg/detail/type_text.hpp"

#if defined(__clang__)
#pragma clang diagnostic push
// A declaration stands for an object that nobody reads; only addresses within it are taken.
#pragma clang diagnostic ignored "-Wundefined-var-template"
#pragma clang diagnostic ignored "-Wundefined-internal"
#pragma clang diagnostic ignored "-Wundefined-inline"
#endif

namespace tractor::msg::detail {

inline constexpr std::size_t fields_max = 64;

struct any_initialiser {
  template <class T>
  operator T() const;  // NOLINT(google-explicit-constructor): stands for a value of any type
};
template <class Derived>
struct base_initialiser {
  template <class T>
    requires(std::is_base_of_v<T, Derived> && !std::is_same_v<T, Derived>)
  operator T() const;  // NOLINT(google-explicit-constructor)
};

template <std::size_t>
using any_at = any_initialiser;

template <class T, std::size_t... I>
consteval bool takes(std::index_sequence<I...>) {
  return requires { T{any_at<I>{}...}; };
}
template <class T, std::size_t... I>
consteval bool takes_base_first(std::index_sequence<I...>) {
  return requires { T{base_initialiser<T>{}, any_at<I>{}...}; };
}

inline constexpr std::size_t not_constructible = static_cast<std::size_t>(-1);

// The most initialisers that T{…} takes; fields_max + 1 for more than that.
template <class T, std::size_t Count = 0>
consteval std::size_t count_initialisers() {
  if constexpr (Count > fields_max + 1)
    return not_constructible;
  else if constexpr (takes<T>(std::make_index_sequence<Count>()) && !takes<T>(std::make_index_sequence<Count + 1>()))
    return Count;
  else if constexpr (Count == fields_max + 1 && takes<T>(std::make_index_sequence<Count>()))
    return Count;
  else
    return count_initialisers<T, Count + 1>();
}

template <class T>
struct holder {
  T object;
};
template <class T>
extern holder<T> external;

#if defined(__clang__)
// Counts the fields that the compiler itself lists at the first level (their lines start with two blanks). It differs from
// the number of initialisers for C arrays and anonymous unions. Not a constant where a bit-field would have to be read.
struct field_counter {
  template <std::size_t Format, std::size_t Type, std::size_t Name, class... Value>
  constexpr int operator()(std::size_t* count, const char (&)[Format], const char (&)[3], const char (&)[Type], const char (&)[Name],
                           const Value&...) const {
    ++*count;
    return 0;
  }
  constexpr int operator()(std::size_t*, const auto&...) const { return 0; }
};
template <class T>
consteval std::size_t count_listed() {
  std::size_t count = 0;
  __builtin_dump_struct(&external<T>.object, field_counter{}, &count);
  return count;
}
#endif

enum class obstacle { none, not_an_aggregate, a_union, too_many, a_base, not_constructible, a_c_array, an_anonymous_union };

template <class T>
consteval obstacle find_obstacle() {
  if constexpr (std::is_union_v<T>) {
    return obstacle::a_union;
  } else if constexpr (!std::is_aggregate_v<T> || std::is_array_v<T>) {
    return obstacle::not_an_aggregate;
  } else {
    constexpr std::size_t count = count_initialisers<T>();
    if constexpr (count == not_constructible) {
      return obstacle::not_constructible;
    } else if constexpr (count > fields_max) {
      return obstacle::too_many;
    } else {
      if constexpr (count > 0)
        if constexpr (takes_base_first<T>(std::make_index_sequence<count - 1>())) return obstacle::a_base;
#if defined(__clang__)
      if constexpr (requires { typename std::integral_constant<std::size_t, count_listed<T>()>; }) {
        if constexpr (count_listed<T>() < count) return obstacle::a_c_array;
        if constexpr (count_listed<T>() > count) return obstacle::an_anonymous_union;
      }
#endif
      return obstacle::none;
    }
  }
}

struct pointers_of {
  template <class... Fields>
  constexpr auto operator()(Fields&... fields) const {
    return std::array<const void*, sizeof...(Fields)>{static_cast<const void*>(&fields)...};
  }
};

template <class T, std::size_t Count>
inline constexpr bool all_fields_have_addresses = !std::is_same_v<decltype(bind_fields<Count>(external<T>.object, pointers_of{})), refused>;

// Spelled out in the compiler's message as "requirement 'free_of<the_type, obstacle::a_base>'".
template <class T, obstacle Why>
inline constexpr bool free_of = find_obstacle<T>() != Why;

#define TRACTOR_MSG_WAY_OUT \
  " and cannot be reflected: describe its fields with TRACTOR_DESCRIBE(type, fields...), or specialise tractor::msg::codec<type>"

template <class T>
consteval void explain_obstacle() {
  static_assert(free_of<T, obstacle::not_an_aggregate>,
                "this type is not an aggregate (it has constructors, virtual functions or private members)" TRACTOR_MSG_WAY_OUT);
  static_assert(free_of<T, obstacle::a_union>, "this type is a union" TRACTOR_MSG_WAY_OUT);
  static_assert(free_of<T, obstacle::too_many>, "this type has more than 64 fields" TRACTOR_MSG_WAY_OUT);
  static_assert(free_of<T, obstacle::a_base>, "this type has a base class" TRACTOR_MSG_WAY_OUT);
  static_assert(free_of<T, obstacle::not_constructible>,
                "this type has a reference, or a field that cannot be initialised, or more than 64 fields," TRACTOR_MSG_WAY_OUT);
  static_assert(free_of<T, obstacle::a_c_array>, "this type has a C array (std::array would do)" TRACTOR_MSG_WAY_OUT);
  static_assert(free_of<T, obstacle::an_anonymous_union>, "this type has an anonymous union or struct" TRACTOR_MSG_WAY_OUT);
}

// The addresses of the fields of an object that exists in name only: their spelling holds the names.
template <class T, std::size_t Count>
consteval auto field_pointers() {
  return bind_fields<Count>(external<T>.object, pointers_of{});
}

template <class T>
consteval std::size_t aggregate_field_count() {
  if constexpr (find_obstacle<T>() != obstacle::none) {
    explain_obstacle<T>();
    return 0;
  } else if constexpr (constexpr std::size_t count = count_initialisers<T>(); all_fields_have_addresses<T, count>) {
    return count;
  } else {
    static_assert(all_fields_have_addresses<T, count>, "this type has a bit-field" TRACTOR_MSG_WAY_OUT);
    return 0;
  }
}

#undef TRACTOR_MSG_WAY_OUT

template <const void* Pointer>
consteval std::string_view field_name_at() {
  constexpr std::string_view text = spelled<Pointer>();
  constexpr std::size_t from = text.rfind('.') + 1;
  return text.substr(from, text.size() - from - 1);
}

template <class T, std::size_t... I>
consteval std::array<std::string_view, sizeof...(I)> aggregate_field_names(std::index_sequence<I...>) {
  if constexpr (sizeof...(I) == 0) {
    return {};
  } else {
    constexpr auto pointers = field_pointers<T, sizeof...(I)>();
    return {field_name_at<pointers[I]>()...};
  }
}

}  // namespace tractor::msg::detail

#if defined(__clang__)
#pragma clang diagnostic pop
#endif
