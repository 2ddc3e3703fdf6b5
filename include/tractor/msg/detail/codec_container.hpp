// SPDX-License-Identifier: Apache-2.0
//
// Codecs of optionals, tuples, sequences, sets and maps.

#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "tractor/msg/codec.hpp"
#include "tractor/msg/detail/codec_core.hpp"

namespace tractor::msg::detail {

// Reserved on the word of an announcement; more grows as elements arrive.
inline constexpr std::size_t reserve_bytes_max = std::size_t{64} << 10;

template <class Container>
void reserve_some(Container& to, std::size_t count, std::size_t element_size) {
  if constexpr (requires { to.reserve(count); }) to.reserve(std::min(count, reserve_bytes_max / element_size + 1));
}

template <class T, bool Flat = is_flat<typename T::value_type>()>
struct optional_encoder {
  static void encode(writer& out, const T& from) {
    if (from)
      encode_item(out, *from);
    else
      out.nil();
  }
};
template <class T>
struct optional_encoder<T, true> : flat_codec<T> {
  using inner = codec<typename T::value_type>;
  static constexpr std::size_t bound(const T& from) noexcept { return from ? inner::bound(*from) : 1; }
  static std::byte* put(writer& out, std::byte* to, const T& from) { return from ? inner::put(out, to, *from) : put_nil(to); }
};
template <class T>
struct builtin_codec<T, shape::optional> : optional_encoder<T> {
  using inner = typename T::value_type;
  static constexpr kind_set accepts = kinds(item_kind::nil) | accepted_kinds<inner>();
  static void decode_into(reader& in, T& to) {
    if (in.try_nil()) {
      to.reset();
    } else if constexpr (std::is_default_constructible_v<inner>) {
      msg::decode_into(in, to.emplace());
    } else {
      to.emplace(decode_item<inner>(in));
    }
  }
  static int fit(reader& in, fit_look look) { return in.try_nil() ? 2 : fit_of<inner>(in, look); }
};

// Never flat, and its kinds are all: it may point to the type that it is a part of.
template <class T>
struct builtin_codec<T, shape::pointer> {
  using inner = typename T::element_type;
  static constexpr kind_set accepts = all_kinds;
  static void encode(writer& out, const T& from) {
    if (!from) return out.nil();
    encode_item(out, *from);
  }
  static void decode_into(reader& in, T& to) {
    if (in.try_nil()) {
      to.reset();
    } else {
      in.charge_objects(1, sizeof(inner));
      to = std::make_unique<inner>(decode_item<inner>(in));
    }
  }
  static int fit(reader& in, fit_look look) { return in.try_nil() ? 2 : fit_of<inner>(in, look); }
};

template <class T>
inline constexpr bool tuple_is_flat = false;
template <template <class...> class Tuple, class... Elements>
inline constexpr bool tuple_is_flat<Tuple<Elements...>> = (is_flat<Elements>() && ...);

template <class T, bool Flat = tuple_is_flat<T>>
struct tuple_encoder {
  static void encode(writer& out, const T& from) {
    out.array_header(std::tuple_size_v<T>);
    std::size_t index = 0;
    try {
      std::apply([&](const auto&... each) { ((encode_item(out, each), ++index), ...); }, from);
    } catch (const encode_error& error) {
      rethrow_in_element(error, index);
    }
  }
};
template <class T>
struct tuple_encoder<T, true> : flat_codec<T> {
  static constexpr std::size_t bound(const T& from) noexcept {
    return std::apply(
        [](const auto&... each) {
          return header_bytes_max + (std::size_t{0} + ... + codec<std::remove_cvref_t<decltype(each)>>::bound(each));
        },
        from);
  }
  static std::byte* put(writer& out, std::byte* to, const T& from) {
    to = put_array_header(to, std::tuple_size_v<T>);
    std::size_t index = 0;
    try {
      std::apply([&](const auto&... each) { ((to = codec<std::remove_cvref_t<decltype(each)>>::put(out, to, each), ++index), ...); }, from);
    } catch (const encode_error& error) {
      rethrow_in_element(error, index);
    }
    return to;
  }
};
template <class T>
struct builtin_codec<T, shape::tuple> : tuple_encoder<T> {
  static constexpr std::size_t size = std::tuple_size_v<T>;
  static constexpr kind_set accepts = kinds(item_kind::array);
  static void decode_into(reader& in, T& to) {
    in.array_of(size);
    const reader::nested scope(in);
    std::size_t index = 0;
    try {
      std::apply([&](auto&... each) { ((msg::decode_into(in, each), ++index), ...); }, to);
    } catch (const decode_error& error) {
      rethrow_in_element(error, index);
    }
  }
  static int fit(reader& in, fit_look look) {
    if (in.array_header() != size) return 0;
    int worst = 2;
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      const auto element = [&]<class Element>(std::type_identity<Element>) {
        worst = std::min(worst, fit_of<Element>(in, look));
        skip_looked_at(in, look);
        return worst != 0;
      };
      (element(std::type_identity<std::tuple_element_t<I, T>>()) && ...);
    }(std::make_index_sequence<size>());
    return worst;
  }
};

// Calls `decode_one(i)` for each index and says in errors which it was.
template <class DecodeOne>
void decode_elements(reader& in, std::size_t count, DecodeOne decode_one) {
  const reader::nested scope(in);
  std::size_t index = 0;
  try {
    for (; index < count; ++index) decode_one(index);
  } catch (const decode_error& error) {
    rethrow_in_element(error, index);
  }
}

template <class Element>
void encode_elements(writer& out, const auto& from) {
  const writer::nested scope(out);
  std::size_t index = 0;
  try {
    for (const auto& each : from) {
      encode_item<Element>(out, each);
      ++index;
    }
  } catch (const encode_error& error) {
    rethrow_in_element(error, index);
  }
}

template <class T>
struct builtin_codec<T, shape::fixed_sequence> {
  using element = typename T::value_type;
  static constexpr kind_set accepts = kinds(item_kind::array);
  static void encode(writer& out, const T& from) {
    out.array_header(from.size());
    encode_elements<element>(out, from);
  }
  static void decode_into(reader& in, T& to) {
    in.array_of(to.size());
    decode_elements(in, to.size(), [&](std::size_t i) { msg::decode_into(in, to[i]); });
  }
  static int fit(reader& in, fit_look look) {
    if (in.array_header() != std::tuple_size_v<T>) return 0;
    return std::tuple_size_v<T> == 0 ? 2 : fit_of<element>(in, look);
  }
};

// Numbers have a bound that needs no look at each of them.
template <class Element>
inline constexpr bool is_number = (std::is_arithmetic_v<Element> || std::is_same_v<Element, std::byte>) && sizeof(Element) <= 8;

template <class T>
struct builtin_codec<T, shape::sequence> {
  using element = typename T::value_type;
  static constexpr kind_set accepts = kinds(item_kind::array);
  static void encode(writer& out, const T& from) {
    out.array_header(from.size());
    if constexpr (is_number<element>) {
      std::byte* to = out.out().room(from.size() * number_bytes_max);
      for (const element each : from) to = codec<element>::put(out, to, each);
      out.out().advance_to(to);
    } else {
      encode_elements<element>(out, from);
    }
  }
  static void decode_into(reader& in, T& to) {
    const std::size_t count = in.array_header();
    to.clear();
    in.charge_objects(count, sizeof(element));
    reserve_some(to, count, sizeof(element));
    decode_elements(in, count, [&](std::size_t) {
      if constexpr (std::is_class_v<element> && std::is_default_constructible_v<element> && requires { to.emplace_back(); })
        msg::decode_into(in, to.emplace_back());
      else
        to.push_back(decode_item<element>(in));
    });
  }
  static int fit(reader& in, fit_look look) { return in.array_header() == 0 ? 2 : fit_of<element>(in, look); }
};

template <class T>
struct builtin_codec<T, shape::set> {
  using element = typename T::key_type;
  static constexpr kind_set accepts = kinds(item_kind::array);
  static void encode(writer& out, const T& from) {
    out.array_header(from.size());
    encode_elements<element>(out, from);
  }
  static void decode_into(reader& in, T& to) {
    const std::size_t count = in.array_header();
    in.charge_objects(count, sizeof(element));
    to.clear();
    decode_elements(in, count, [&](std::size_t) { to.insert(decode_item<element>(in)); });
  }
  static int fit(reader& in, fit_look look) { return in.array_header() == 0 ? 2 : fit_of<element>(in, look); }
};

template <class T>
struct builtin_codec<T, shape::map> {
  using key_type = typename T::key_type;
  using mapped_type = typename T::mapped_type;
  static constexpr kind_set accepts = kinds(item_kind::map);
  static void encode(writer& out, const T& from) {
    out.map_header(from.size());
    const writer::nested scope(out);
    std::size_t index = 0;
    for (const auto& [key, mapped] : from) {
      try {
        encode_item(out, key);
      } catch (const encode_error& error) {
        rethrow_in_element(error, index);
      }
      try {
        encode_item(out, mapped);
      } catch (const encode_error& error) {
        rethrow_at(error, index, key);
      }
      ++index;
    }
  }
  static void decode_into(reader& in, T& to) {
    const std::size_t count = in.map_header();
    to.clear();
    in.charge_objects(count, sizeof(key_type) + sizeof(mapped_type));
    reserve_some(to, count, sizeof(key_type) + sizeof(mapped_type));
    const reader::nested scope(in);
    for (std::size_t index = 0; index < count; ++index) {
      auto key = decode_key(in, index);
      auto mapped = decode_mapped(in, index, key);
      if constexpr (requires { to.insert_or_assign(std::move(key), std::move(mapped)); })
        to.insert_or_assign(std::move(key), std::move(mapped));
      else if constexpr (requires { to.append(std::move(key), std::move(mapped)); })
        to.append(std::move(key), std::move(mapped));
      else
        to.emplace(std::move(key), std::move(mapped));
    }
  }
  static int fit(reader& in, fit_look look) {
    if (in.map_header() == 0) return 2;
    const int keys = fit_of<key_type>(in, look);
    if (keys == 0) return 0;
    skip_looked_at(in, look);
    return std::min(keys, fit_of<mapped_type>(in, look));
  }

 private:
  // Entries with text as their key are called by it, others by their number.
  template <class Error>
  [[noreturn]] static void rethrow_at(const Error& error, std::size_t index, const key_type& key) {
    if constexpr (std::is_convertible_v<const key_type&, std::string_view>)
      rethrow_in_entry(error, key);
    else
      rethrow_in_element(error, index);
  }
  static key_type decode_key(reader& in, std::size_t index) {
    try {
      return decode_item<key_type>(in);
    } catch (const decode_error& error) {
      rethrow_in_element(error, index);
    }
  }
  static mapped_type decode_mapped(reader& in, std::size_t index, const key_type& key) {
    try {
      return decode_item<mapped_type>(in);
    } catch (const decode_error& error) {
      rethrow_at(error, index, key);
    }
  }
};

}  // namespace tractor::msg::detail
