// SPDX-License-Identifier: Apache-2.0
//
// Codecs of what is not made of other things: numbers, enumerations, text, bytes, identifiers, undecoded items.

#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>

#include "tractor/msg/codec.hpp"
#include "tractor/msg/detail/codec_core.hpp"

namespace tractor::msg::detail {

template <class T>
struct builtin_codec<T, shape::unsupported> {
  static_assert(dependent_false<T>, "this type has no msgpack form: specialise tractor::msg::codec<type> for it, or send something else");
};

template <class T>
struct builtin_codec<T, shape::nil> : flat_codec<T> {
  static constexpr kind_set accepts = kinds(item_kind::nil);
  static constexpr std::size_t bound(const T&) noexcept { return 1; }
  static std::byte* put(writer&, std::byte* to, const T&) noexcept { return put_nil(to); }
  static void decode_into(reader& in, T&) { in.nil(); }
};

template <class T>
struct builtin_codec<T, shape::boolean> : flat_codec<T> {
  static constexpr kind_set accepts = kinds(item_kind::boolean);
  static constexpr std::size_t bound(const T&) noexcept { return 1; }
  static std::byte* put(writer&, std::byte* to, bool from) noexcept { return put_bool(to, from); }
  static void decode_into(reader& in, bool& to) { to = in.boolean(); }
};

// How an integer of some width and sign travels.
template <class Integer>
std::byte* put_integer(std::byte* to, Integer from) noexcept {
  if constexpr (std::is_unsigned_v<Integer>)
    return put_uint(to, from);
  else
    return put_int(to, from);
}
template <class Integer>
int fit_integer(reader& in) {
  const integer_item item = in.any_integer();
  if constexpr (std::is_unsigned_v<Integer>) {
    return !item.negative && item.bits <= std::numeric_limits<Integer>::max() ? 2 : 0;
  } else {
    const auto value = static_cast<std::int64_t>(item.bits);
    return item.negative == (value < 0) && value >= std::numeric_limits<Integer>::min() && value <= std::numeric_limits<Integer>::max() ? 2
                                                                                                                                        : 0;
  }
}

template <class T>
struct builtin_codec<T, shape::integer> : flat_codec<T> {
  using number = typename std::conditional_t<std::is_same_v<T, std::byte>, std::type_identity<std::uint8_t>, std::type_identity<T>>::type;
  static constexpr kind_set accepts = kinds(item_kind::integer);
  static constexpr std::size_t bound(const T&) noexcept { return number_bytes_max; }
  static std::byte* put(writer&, std::byte* to, T from) noexcept { return put_integer(to, static_cast<number>(from)); }
  static void decode_into(reader& in, T& to) { to = static_cast<T>(in.integer<number>()); }
  static int fit(reader& in) { return fit_integer<number>(in); }
};

template <class T>
struct builtin_codec<T, shape::enumeration> : flat_codec<T> {
  using number = std::conditional_t<std::is_same_v<std::underlying_type_t<T>, bool>, std::uint8_t, std::underlying_type_t<T>>;
  static constexpr kind_set accepts = kinds(item_kind::integer);
  static constexpr std::size_t bound(const T&) noexcept { return number_bytes_max; }
  static std::byte* put(writer&, std::byte* to, T from) noexcept { return put_integer(to, static_cast<number>(from)); }
  static void decode_into(reader& in, T& to) { to = static_cast<T>(in.integer<number>()); }
  static int fit(reader& in) { return fit_integer<number>(in); }
};

template <class T>
struct builtin_codec<T, shape::named_enum> : flat_codec<T> {
  static constexpr kind_set accepts = kinds(item_kind::str);
  static constexpr std::size_t bound(const T&) noexcept {
    std::size_t longest = 0;
    for (const auto& each : enumerators<T>)
      if (each.name.size() > longest) longest = each.name.size();
    return header_bytes_max + longest;
  }
  static std::byte* put(writer& out, std::byte* to, T from) {
    for (const auto& each : enumerators<T>)
      if (each.value == from) return out.put_str(to, each.name);
    out.fail("the number " + std::to_string(static_cast<long long>(from)) + " is none of the described enumerators");
  }
  static void decode_into(reader& in, T& to) {
    const std::byte* const start = in.position();
    const std::string_view text = in.str();
    for (const auto& each : enumerators<T>) {
      if (each.name != text) continue;
      to = each.value;
      return;
    }
    in.fail_expected_at(start, choices());
  }
  static int fit(reader& in) {
    const std::string_view text = in.str();
    for (const auto& each : enumerators<T>)
      if (each.name == text) return 2;
    return 0;
  }

 private:
  static std::string choices() {
    std::string text = "one of";
    for (const auto& each : enumerators<T>) text.append(&each == &enumerators<T>[0] ? " '" : ", '").append(each.name).append("'");
    return text;
  }
};

template <class T>
struct builtin_codec<T, shape::real> : flat_codec<T> {
  static constexpr kind_set accepts = kinds(item_kind::real, item_kind::integer);
  static constexpr std::size_t bound(const T&) noexcept { return number_bytes_max; }
  static std::byte* put(writer&, std::byte* to, T from) noexcept { return put_double(to, from); }
  static void decode_into(reader& in, T& to) {
    const std::byte* const start = in.position();
    const double wide = in.real();
    to = static_cast<T>(wide);
    if constexpr (!std::is_same_v<T, double>)
      if (std::isinf(to) && !std::isinf(wide)) in.fail_expected_at(start, "a number that fits float32");
  }
  static int fit(reader& in) { return in.peek() == item_kind::real ? 2 : 1; }
};

template <class T>
struct text_codec : flat_codec<T> {
  static constexpr kind_set accepts = kinds(item_kind::str);
  static constexpr std::size_t bound(const T& from) noexcept { return header_bytes_max + std::string_view(from).size(); }
  static std::byte* put(writer& out, std::byte* to, const T& from) { return out.put_str(to, from); }
};
template <class T>
struct builtin_codec<T, shape::text> : text_codec<T> {
  static void decode_into(reader& in, T& to) { assign_bytes(to, as_bytes(in.str())); }
};
template <class T>
struct builtin_codec<T, shape::text_view> : text_codec<T> {
  static void decode_into(reader& in, T& to) { to = in.str(); }
};
template <class T>
struct builtin_codec<T, shape::c_text> {
  static constexpr kind_set accepts = kinds(item_kind::str);
  static void encode(writer& out, const char* from) {
    if (from == nullptr) out.fail("a null const char* is no text");
    out.str(from);
  }
};

template <class T>
struct binary_codec : flat_codec<T> {
  static constexpr kind_set accepts = kinds(item_kind::bin);
  static constexpr std::size_t bound(const T& from) noexcept { return header_bytes_max + from.size(); }
  static std::byte* put(writer& out, std::byte* to, const T& from) { return out.put_bin(to, from); }
};
template <class T>
struct builtin_codec<T, shape::binary> : binary_codec<T> {
  static void decode_into(reader& in, T& to) { assign_bytes(to, in.bin()); }
};
template <class T>
struct builtin_codec<T, shape::binary_view> : binary_codec<T> {
  static void decode_into(reader& in, bytes_view& to) { to = in.bin(); }
};
template <class T>
struct builtin_codec<T, shape::fixed_binary> : binary_codec<T> {
  static void decode_into(reader& in, T& to) {
    const std::byte* const start = in.position();
    const bytes_view data = in.bin();
    if (data.size() != to.size()) in.fail_expected_at(start, "bin of " + std::to_string(to.size()) + " bytes");
    if (!data.empty()) std::memcpy(to.data(), data.data(), data.size());
  }
  static int fit(reader& in) { return in.bin().size() == std::tuple_size_v<T> ? 2 : 0; }
};

template <class T>
struct builtin_codec<T, shape::uuid> : flat_codec<T> {
  static constexpr kind_set accepts = kinds(item_kind::str);
  static constexpr std::size_t bound(const T&) noexcept { return 2 + T::text_bytes; }
  static std::byte* put(writer&, std::byte* to, const T& from) noexcept {
    to = put_str_header(to, T::text_bytes);
    from.write_text(reinterpret_cast<char*>(to));
    return to + T::text_bytes;
  }
  static void decode_into(reader& in, T& to) {
    const std::byte* const start = in.position();
    const auto parsed = T::parse(in.str());
    if (!parsed) in.fail_expected_at(start, "a uuid of 36 characters");
    to = *parsed;
  }
  static int fit(reader& in) { return T::parse(in.str()) ? 2 : 0; }
};

template <class T>
struct builtin_codec<T, shape::value> {
  static constexpr kind_set accepts = all_kinds;
  static void encode(writer& out, const T& from) { encode_value(out, from); }
  static void decode_into(reader& in, T& to) { decode_value(in, to); }
  static int fit(reader&) { return 1; }
};
template <class T>
struct builtin_codec<T, shape::value_map> {
  static constexpr kind_set accepts = kinds(item_kind::map);
  static void encode(writer& out, const T& from) { encode_value_map(out, from); }
  static void decode_into(reader& in, T& to) { decode_value_map(in, to); }
  static int fit(reader&) { return 1; }
};

template <class T>
struct builtin_codec<T, shape::raw> {
  static constexpr kind_set accepts = all_kinds;
  static void encode(writer& out, const T& from) { out.raw_item(from.data); }
  static void decode_into(reader& in, T& to) { to = T(in.raw_item()); }
  static int fit(reader&) { return 1; }
};
template <class T>
struct builtin_codec<T, shape::raw_view> {
  static constexpr kind_set accepts = all_kinds;
  static void encode(writer& out, const T& from) { out.raw_item(from.data); }
  static void decode_into(reader& in, T& to) { to = in.raw_item(); }
};

}  // namespace tractor::msg::detail
