// SPDX-License-Identifier: Apache-2.0
//
// The codec of std::variant: the alternative's own form, without a tag. Decoding asks what kind of item comes; if that leaves
// several alternatives it looks at each a few levels deep (fit_depth_max), prefers those that fit without loss or surplus, and tries them
// in order. The bytes that are looked at, and those of attempts that failed, are charged to the reader: a value that begins right for many
// alternatives at every level of many cannot make this take long.

#pragma once

#include <array>
#include <cstddef>
#include <exception>
#include <string_view>
#include <utility>
#include <variant>

#include "tractor/msg/codec.hpp"
#include "tractor/msg/detail/codec_core.hpp"
#include "tractor/msg/type_name.hpp"

namespace tractor::msg::detail {

// One alternative of a variant, for the part that is not a template.
struct alternative {
  kind_set accepts;
  int (*fit)(reader in, fit_look look);
  void (*decode)(reader& in, void* variant);
};

TRACTOR_API void decode_alternative(reader& in, const alternative* alternatives, std::size_t count, std::string_view expected,
                                    void* variant);
[[nodiscard]] TRACTOR_API int best_fit(reader& in, fit_look look, const alternative* alternatives, std::size_t count);

template <class... T>
struct builtin_codec<std::variant<T...>, shape::variant> {
  using variant = std::variant<T...>;
  static constexpr kind_set accepts = (accepted_kinds<T>() | ...);

  static void encode(writer& out, const variant& from) {
    if (from.valueless_by_exception()) out.fail("a variant without a value has no msgpack form");
    std::visit([&](const auto& held) { encode_item(out, held); }, from);
  }
  static void decode_into(reader& in, variant& to) {
    decode_alternative(in, table(std::index_sequence_for<T...>()).data(), sizeof...(T), type_name<variant>(), &to);
  }
  static int fit(reader& in, fit_look look) { return best_fit(in, look, table(std::index_sequence_for<T...>()).data(), sizeof...(T)); }

 private:
  template <std::size_t Index>
  static void decode_one(reader& in, void* to) {
    using type = std::variant_alternative_t<Index, variant>;
    auto& target = *static_cast<variant*>(to);
    if constexpr (std::is_default_constructible_v<type>)
      msg::decode_into(in, target.template emplace<Index>());
    else
      target.template emplace<Index>(decode_item<type>(in));
  }
  template <std::size_t... I>
  static const std::array<alternative, sizeof...(T)>& table(std::index_sequence<I...>) {
    static constexpr std::array<alternative, sizeof...(T)> alternatives{alternative{accepted_kinds<T>(), &fit_of<T>, &decode_one<I>}...};
    return alternatives;
  }
};

}  // namespace tractor::msg::detail
