// SPDX-License-Identifier: Apache-2.0
//
// What the codecs of single types have in common.
//
// A built-in codec is *flat* when the size of a value has a bound that is cheap to know: then room is reserved once and
// everything written behind a bare pointer (`bound`, `put`). All have `encode` and `decode_into`. `accepts` lists the kinds of
// items that can fit; `fit` looks closer, without reading on: 0 no, 1 with loss or surplus, 2 yes (variants).

#pragma once

#include <cstddef>
#include <string_view>
#include <type_traits>

#include "tractor/msg/bytes.hpp"
#include "tractor/msg/detail/shape.hpp"
#include "tractor/msg/reader.hpp"
#include "tractor/msg/writer.hpp"

namespace tractor::msg {
template <class T>
struct codec;  // codec.hpp, which includes this file
}

namespace tractor::msg::detail {

template <class T>
consteval bool is_flat() {
  if constexpr (requires { codec<T>::flat; })
    return codec<T>::flat;
  else
    return false;
}

template <class T>
consteval kind_set accepted_kinds() {
  if constexpr (requires { codec<T>::accepts; })
    return codec<T>::accepts;
  else
    return all_kinds;
}

template <class T>
int fit_of(reader in) {
  if (in.at_end() || !contains(accepted_kinds<T>(), in.peek())) return 0;
  if constexpr (requires { codec<T>::fit(in); })
    return codec<T>::fit(in);
  else
    return 2;
}

// Text and data that point into the input: only for messages that say they die with it.
template <class T>
inline constexpr bool is_view = std::is_same_v<T, std::string_view> || std::is_same_v<T, bytes_view> || std::is_same_v<T, raw_view>;

template <class T>
inline constexpr bool dependent_false = false;

// The base of flat codecs: `encode` in terms of `bound` and `put`.
template <class T>
struct flat_codec {
  static constexpr bool flat = true;
  static void encode(writer& out, const T& from) {
    std::byte* const to = out.out().room(codec<T>::bound(from));
    out.out().advance_to(codec<T>::put(out, to, from));
  }
};

}  // namespace tractor::msg::detail
