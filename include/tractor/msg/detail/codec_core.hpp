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

// How far `fit` looks: through so many types within types (an optional, a pointer, a variant count too). What is below that is
// taken at its kind, and fits if it is a kind that can. So a look is shallow however deep the value is, and neither the stack nor the
// number of alternatives that are tried within alternatives depends on the input.
inline constexpr unsigned fit_depth_max = 3;

struct fit_look {
  reader* whole;  // that is charged for what is looked at
  unsigned depth_left;
};

template <class T>
int fit_of(reader in, fit_look look) {
  if (in.at_end() || !contains(accepted_kinds<T>(), in.peek())) return 0;
  look.whole->charge_reread(1);
  if constexpr (requires { codec<T>::fit(in, look); }) {
    if (look.depth_left == 0) return 2;
    --look.depth_left;
    return codec<T>::fit(in, look);
  } else if constexpr (requires { codec<T>::fit(in); }) {
    return codec<T>::fit(in);
  } else {
    return 2;
  }
}

// Passes over an item that was looked at.
inline void skip_looked_at(reader& in, const fit_look& look) {
  const std::byte* const start = in.position();
  in.skip();
  look.whole->charge_reread(static_cast<std::size_t>(in.position() - start));
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
