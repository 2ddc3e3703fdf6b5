// SPDX-License-Identifier: Apache-2.0
//
// The codec of reflected and described types: a map keyed by field name.
//
// Decoding expects the fields in declaration order, as every encoder of ours writes them, and compares each key with a
// constant; from the first surprise on it looks keys up.

#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include "tractor/msg/codec.hpp"
#include "tractor/msg/detail/codec_core.hpp"
#include "tractor/msg/reflect.hpp"

namespace tractor::msg {

namespace detail {

// Messages that may hold views because they live no longer than the frame they were decoded from.
template <class T>
inline constexpr bool may_hold_views = false;

template <class... Fields>
struct type_list {};
template <class T>
using field_types =
    decltype(with_fields(std::declval<T&>(), [](auto&... fields) { return type_list<std::remove_reference_t<decltype(fields)>...>(); }));

template <class T>
consteval bool may_be_missing() {
  return is_optional<T> || is_unique_ptr<T>;
}

// Bit i: field i keeps its default when its key is missing.
template <class T, class... Fields>
consteval std::uint64_t optional_fields(type_list<Fields...>) {
  if constexpr (requires { requires T::tractor_defaults; }) return ~std::uint64_t{0};
  std::uint64_t mask = 0, bit = 1;
  ((mask |= may_be_missing<Fields>() ? bit : 0, bit <<= 1), ...);
  if constexpr (described<T>) mask |= tractor_describe(static_cast<const T*>(nullptr)).defaulted;
  return mask;
}

// The table that the non-template part works on.
struct field_table {
  const std::string_view* names;
  std::size_t count;
  std::uint64_t optional;
};

// A bit for each of the first `count` fields.
constexpr std::uint64_t all_fields(std::size_t count) noexcept { return count == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1; }

inline constexpr std::size_t no_field = static_cast<std::size_t>(-1);

// Reads a key. Its field, after the check that it was not `seen`; no_field when there is none, its value skipped then.
[[nodiscard]] TRACTOR_API std::size_t read_field_key(reader& in, const field_table& table, std::uint64_t& seen);
[[noreturn]] TRACTOR_API void fail_missing_field(const field_table& table, std::uint64_t seen);

template <class T>
inline constexpr field_table field_table_of{field_names<T>.data(), field_count<T>, optional_fields<T>(field_types<T>())};

template <class T, class... Fields>
consteval bool fields_are_flat(type_list<Fields...>) {
  return (is_flat<std::remove_const_t<Fields>>() && ...);
}

template <class T, std::size_t Index>
std::byte* put_key(std::byte* to) noexcept {
  constexpr const auto& key = field_key<T, Index>::encoded;
  return put_copy(to, key.data(), key.size());
}
template <class T, std::size_t... I>
consteval std::size_t all_key_bytes(std::index_sequence<I...>) {
  return (std::size_t{0} + ... + field_key<T, I>::encoded.size());
}

// The entries of the map, without its header.
template <class T>
void encode_fields(writer& out, const T& from) {
  const writer::nested scope(out);
  std::size_t at = 0;
  try {
    with_fields(from, [&](const auto&... fields) {
      [&]<std::size_t... I>(std::index_sequence<I...>) {
        ((at = I, out.out().append(field_key<T, I>::encoded.data(), field_key<T, I>::encoded.size()), encode_item(out, fields)), ...);
      }(std::make_index_sequence<sizeof...(fields)>());
    });
  } catch (const encode_error& error) {
    rethrow_in_field(error, field_names<T>[at]);
  }
}

template <class T, bool Flat>
struct structure_encoder {
  static void encode(writer& out, const T& from) {
    out.map_header(field_count<T>);
    encode_fields(out, from);
  }
};

// Key and value of field `Index`; the variable tells an error handler where it is.
template <class T, std::size_t Index, class Field>
[[gnu::always_inline]] inline std::byte* put_field(writer& out, std::byte* to, const Field& field, std::size_t& at) {
  at = Index;
  return codec<Field>::put(out, put_key<T, Index>(to), field);
}

template <class T>
struct structure_encoder<T, true> : flat_codec<T> {
  static std::size_t bound(const T& from) noexcept {
    return with_fields(from, [](const auto&... fields) {
      return header_bytes_max + all_key_bytes<T>(std::make_index_sequence<sizeof...(fields)>()) +
             (std::size_t{0} + ... + codec<std::remove_cvref_t<decltype(fields)>>::bound(fields));
    });
  }
  static std::byte* put(writer& out, std::byte* to, const T& from) {
    to = put_map_header(to, field_count<T>);
    std::size_t at = 0;
    try {
      with_fields(from, [&](const auto&... fields) __attribute__((always_inline)) {
        [&]<std::size_t... I>(std::index_sequence<I...>) __attribute__((always_inline)) {
          ((to = put_field<T, I>(out, to, fields, at)), ...);
        }(std::make_index_sequence<sizeof...(fields)>());
      });
    } catch (const encode_error& error) {
      rethrow_in_field(error, field_names<T>[at]);
    }
    return to;
  }
};

template <class T, class Field>
void decode_field(reader& in, Field& to) {
  static_assert(!std::is_const_v<Field>, "a const field cannot be decoded");
  if constexpr (may_hold_views<T> && is_view<Field>)
    codec<Field>::decode_into(in, to);
  else
    decode_into(in, to);
}

// The field that comes next in order, if its key does.
template <class T, std::size_t Index, class Field>
[[gnu::always_inline]] inline bool decode_in_order(reader& in, std::size_t entries, Field& to, std::size_t& done) {
  if (Index >= entries || !in.try_bytes(field_key<T, Index>::encoded)) return false;
  decode_field<T>(in, to);
  done = Index + 1;
  return true;
}

// Fields in any order, after the first `done`. Returns the number of unknown keys. `at` is the field under way.
template <class T, class... Fields>
std::size_t decode_looked_up(reader& in, std::size_t entries, std::size_t done, std::size_t& at, Fields&... fields) {
  constexpr field_table table = field_table_of<T>;
  constexpr std::uint64_t all = all_fields(table.count);
  std::uint64_t seen = all_fields(done);
  std::size_t unknown = 0;
  for (std::size_t entry = done; entry < entries; ++entry) {
    at = no_field;
    at = read_field_key(in, table, seen);
    if (at == no_field) {
      ++unknown;
      continue;
    }
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      static_cast<void>(((at == I ? (decode_field<T>(in, fields), true) : false) || ...));
    }(std::index_sequence_for<Fields...>());
  }
  at = no_field;
  if ((~seen & ~table.optional & all) != 0) [[unlikely]]
    fail_missing_field(table, seen);
  return unknown;
}

// Decodes `entries` entries of a map, whose header was read, into the fields of a new object. Returns how many of them had
// unknown keys.
template <class T>
std::size_t decode_fields(reader& in, std::size_t entries, T& to) {
  const reader::nested scope(in);
  std::size_t at = 0;  // before the first surprise: as many fields are done
  try {
    return with_fields(to, [&](auto&... fields) __attribute__((always_inline)) {
      [&]<std::size_t... I>(std::index_sequence<I...>) __attribute__((always_inline)) {
        static_cast<void>((decode_in_order<T, I>(in, entries, fields, at) && ...));
      }(std::make_index_sequence<sizeof...(fields)>());
      if (at == sizeof...(fields) && entries == sizeof...(fields)) [[likely]]
        return std::size_t{0};
      const std::size_t done = at;
      return decode_looked_up<T>(in, entries, done, at, fields...);
    });
  } catch (const decode_error& error) {
    rethrow_in_field(error, at < field_count<T> ? field_names<T>[at] : std::string_view());
  }
}

template <class T>
struct builtin_codec<T, shape::structure> : structure_encoder<T, fields_are_flat<T>(field_types<T>())> {
  static constexpr kind_set accepts = kinds(item_kind::map);

  static void decode_into(reader& in, T& to) {
    const std::size_t entries = in.map_header();
    decode_fields(in, entries, to);
  }

  static int fit(reader& in, fit_look look) { return fit_fields(in, look, field_types<T>()); }

 private:
  template <class... Fields>
  static int fit_fields(reader& in, fit_look look, type_list<Fields...>) {
    using look_at = int (*)(reader, fit_look);
    static constexpr std::array<look_at, sizeof...(Fields)> look_into{&fit_of<std::remove_const_t<Fields>>...};
    const std::size_t entries = in.map_header();
    int worst = 2;
    std::uint64_t seen = 0;
    for (std::size_t entry = 0; entry < entries && worst != 0; ++entry) {
      if (in.peek() != item_kind::str) return 0;
      const std::size_t found = read_field_key(in, field_table_of<T>, seen);
      if (found == no_field) {
        worst = std::min(worst, 1);
      } else {
        worst = std::min(worst, look_into[found](in, look));
        skip_looked_at(in, look);
      }
    }
    return (~seen & ~field_table_of<T>.optional & all_fields(sizeof...(Fields))) == 0 ? worst : 0;
  }
};

}  // namespace detail

}  // namespace tractor::msg
