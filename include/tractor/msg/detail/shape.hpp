// SPDX-License-Identifier: Apache-2.0
//
// Which of the built-in codecs serves a type. Containers are recognised by what they can do, so that no container header
// has to be included here.

#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "tractor/base/uuid.hpp"
#include "tractor/msg/describe.hpp"
#include "tractor/msg/raw.hpp"
#include "tractor/msg/reader.hpp"
#include "tractor/msg/value.hpp"

namespace tractor::msg::detail {

enum class shape {
  nil,
  boolean,
  integer,
  real,
  enumeration,
  named_enum,
  text,
  text_view,
  c_text,
  binary,
  fixed_binary,
  binary_view,
  optional,
  pointer,
  variant,
  tuple,
  fixed_sequence,
  sequence,
  map,
  set,
  duration,
  time_point,
  uuid,
  value,
  value_map,
  raw,
  raw_view,
  structure,
  unsupported
};

template <class T>
inline constexpr bool is_string = false;
template <class Traits, class Allocator>
inline constexpr bool is_string<std::basic_string<char, Traits, Allocator>> = true;

template <class T>
inline constexpr bool is_std_array = false;
template <class T, std::size_t Size>
inline constexpr bool is_std_array<std::array<T, Size>> = true;

template <class T>
inline constexpr bool is_byte_array = false;
template <std::size_t Size>
inline constexpr bool is_byte_array<std::array<std::byte, Size>> = true;

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class T>
inline constexpr bool is_unique_ptr = false;
template <class T>
inline constexpr bool is_unique_ptr<std::unique_ptr<T>> = true;

template <class T>
inline constexpr bool is_variant = false;
template <class... T>
inline constexpr bool is_variant<std::variant<T...>> = true;

template <class T>
inline constexpr bool is_tuple = false;
template <class... T>
inline constexpr bool is_tuple<std::tuple<T...>> = true;
template <class A, class B>
inline constexpr bool is_tuple<std::pair<A, B>> = true;

template <class T>
inline constexpr bool is_duration = false;
template <class Rep, class Period>
inline constexpr bool is_duration<std::chrono::duration<Rep, Period>> = true;

template <class T>
inline constexpr bool is_time_point = false;
template <class Duration>
inline constexpr bool is_time_point<std::chrono::time_point<std::chrono::system_clock, Duration>> = true;

template <class T>
concept set_like = requires(T& t, typename T::key_type key) {
  t.insert(std::move(key));
  t.begin() != t.end();
} && !requires { typename T::mapped_type; };

template <class T>
concept map_like = requires(const T& t) {
  typename T::key_type;
  typename T::mapped_type;
  t.begin() != t.end();
  t.size();
};

template <class T>
concept sequence_like = requires(T& t, typename T::value_type element) {
  t.push_back(std::move(element));
  t.begin() != t.end();
  t.size();
};

template <class T>
consteval shape classify() {
  if constexpr (std::is_same_v<T, std::nullptr_t> || std::is_same_v<T, std::monostate> || std::is_same_v<T, std::nullopt_t>)
    return shape::nil;
  else if constexpr (std::is_same_v<T, bool>)
    return shape::boolean;
  else if constexpr (std::is_same_v<T, std::byte> || (std::is_integral_v<T> && sizeof(T) <= 8))
    return shape::integer;
  else if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>)
    return shape::real;
  else if constexpr (described_enum<T>)
    return shape::named_enum;
  else if constexpr (std::is_enum_v<T>)
    return shape::enumeration;
  else if constexpr (is_string<T>)
    return shape::text;
  else if constexpr (std::is_same_v<T, std::string_view>)
    return shape::text_view;
  else if constexpr (std::is_same_v<T, const char*> || std::is_same_v<T, char*>)
    return shape::c_text;
  else if constexpr (std::is_same_v<T, bytes>)
    return shape::binary;
  else if constexpr (std::is_same_v<T, bytes_view> || std::is_same_v<T, std::span<std::byte>>)
    return shape::binary_view;
  else if constexpr (is_byte_array<T>)
    return shape::fixed_binary;
  else if constexpr (is_optional<T>)
    return shape::optional;
  else if constexpr (is_unique_ptr<T>)
    return shape::pointer;
  else if constexpr (is_variant<T>)
    return shape::variant;
  else if constexpr (is_tuple<T>)
    return shape::tuple;
  else if constexpr (is_std_array<T>)
    return shape::fixed_sequence;
  else if constexpr (is_duration<T>)
    return shape::duration;
  else if constexpr (is_time_point<T>)
    return shape::time_point;
  else if constexpr (std::is_same_v<T, tractor::uuid>)
    return shape::uuid;
  else if constexpr (std::is_same_v<T, msg::value>)
    return shape::value;
  else if constexpr (std::is_same_v<T, msg::value::map>)
    return shape::value_map;
  else if constexpr (std::is_same_v<T, msg::raw>)
    return shape::raw;
  else if constexpr (std::is_same_v<T, msg::raw_view>)
    return shape::raw_view;
  else if constexpr (described<T>)
    return shape::structure;
  else if constexpr (set_like<T>)
    return shape::set;
  else if constexpr (map_like<T>)
    return shape::map;
  else if constexpr (sequence_like<T>)
    return shape::sequence;
  else if constexpr (std::is_class_v<T> || std::is_union_v<T>)
    return shape::structure;
  else
    return shape::unsupported;
}

// What a byte of input can start, as a bit for each item_kind.
using kind_set = unsigned;
consteval kind_set kinds(std::same_as<item_kind> auto... kind) { return (0U | ... | (1U << static_cast<unsigned>(kind))); }
inline constexpr kind_set all_kinds = (1U << static_cast<unsigned>(item_kind::invalid)) - 1;
constexpr bool contains(kind_set set, item_kind kind) noexcept { return (set >> static_cast<unsigned>(kind) & 1U) != 0; }

}  // namespace tractor::msg::detail
