// SPDX-License-Identifier: Apache-2.0
//
// The byte level of msgpack, outwards: canonical (shortest) forms, floats as float64, text checked to be UTF-8.
//
// `writer` is what a `codec<T>::encode` writes to. The `put_*` functions write one item at a pointer that has room for it
// (see the `*_bytes_max` constants) and return the end; `writer`'s members reserve that room themselves.

#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "tractor/msg/bytes.hpp"
#include "tractor/msg/utf8.hpp"

namespace tractor::msg {

// How deep values may nest when they are encoded: what a peer with default limits still decodes.
inline constexpr unsigned encode_depth_max = 64;

// The most that the header of an item takes, and the most of a whole number.
inline constexpr std::size_t header_bytes_max = 5;
inline constexpr std::size_t number_bytes_max = 9;

namespace detail {

inline std::byte* put_u8(std::byte* to, unsigned value) noexcept {
  *to = static_cast<std::byte>(value);
  return to + 1;
}

template <class Unsigned>
inline std::byte* put_number_be(std::byte* to, Unsigned value) noexcept {
  if constexpr (sizeof(Unsigned) > 1 && std::endian::native == std::endian::little) value = std::byteswap(value);
  std::memcpy(to, &value, sizeof value);
  return to + sizeof value;
}
template <class Unsigned>
inline std::byte* put_tagged(std::byte* to, unsigned tag, Unsigned value) noexcept {
  return put_number_be(put_u8(to, tag), value);
}

inline std::byte* put_uint(std::byte* to, std::uint64_t value) noexcept {
  if (value < 0x80) return put_u8(to, static_cast<unsigned>(value));
  if (value <= 0xff) return put_tagged(to, 0xcc, static_cast<std::uint8_t>(value));
  if (value <= 0xffff) return put_tagged(to, 0xcd, static_cast<std::uint16_t>(value));
  if (value <= 0xffff'ffff) return put_tagged(to, 0xce, static_cast<std::uint32_t>(value));
  return put_tagged(to, 0xcf, value);
}

inline std::byte* put_int(std::byte* to, std::int64_t value) noexcept {
  if (value >= 0) return put_uint(to, static_cast<std::uint64_t>(value));
  if (value >= -0x20) return put_u8(to, static_cast<std::uint8_t>(value));
  if (value >= -0x80) return put_tagged(to, 0xd0, static_cast<std::uint8_t>(value));
  if (value >= -0x8000) return put_tagged(to, 0xd1, static_cast<std::uint16_t>(value));
  if (value >= -0x8000'0000LL) return put_tagged(to, 0xd2, static_cast<std::uint32_t>(value));
  return put_tagged(to, 0xd3, static_cast<std::uint64_t>(value));
}

inline std::byte* put_double(std::byte* to, double value) noexcept { return put_tagged(to, 0xcb, std::bit_cast<std::uint64_t>(value)); }
inline std::byte* put_bool(std::byte* to, bool value) noexcept { return put_u8(to, value ? 0xc3U : 0xc2U); }
inline std::byte* put_nil(std::byte* to) noexcept { return put_u8(to, 0xc0); }

inline std::byte* put_copy(std::byte* to, const void* from, std::size_t count) noexcept { return copy_bytes(to, from, count); }

// Headers; `count` fits 32 bits.
inline std::byte* put_str_header(std::byte* to, std::size_t count) noexcept {
  if (count < 0x20) return put_u8(to, 0xa0U | static_cast<unsigned>(count));
  if (count <= 0xff) return put_tagged(to, 0xd9, static_cast<std::uint8_t>(count));
  if (count <= 0xffff) return put_tagged(to, 0xda, static_cast<std::uint16_t>(count));
  return put_tagged(to, 0xdb, static_cast<std::uint32_t>(count));
}
inline std::byte* put_bin_header(std::byte* to, std::size_t count) noexcept {
  if (count <= 0xff) return put_tagged(to, 0xc4, static_cast<std::uint8_t>(count));
  if (count <= 0xffff) return put_tagged(to, 0xc5, static_cast<std::uint16_t>(count));
  return put_tagged(to, 0xc6, static_cast<std::uint32_t>(count));
}
inline std::byte* put_array_header(std::byte* to, std::size_t count) noexcept {
  if (count < 0x10) return put_u8(to, 0x90U | static_cast<unsigned>(count));
  if (count <= 0xffff) return put_tagged(to, 0xdc, static_cast<std::uint16_t>(count));
  return put_tagged(to, 0xdd, static_cast<std::uint32_t>(count));
}
inline std::byte* put_map_header(std::byte* to, std::size_t count) noexcept {
  if (count < 0x10) return put_u8(to, 0x80U | static_cast<unsigned>(count));
  if (count <= 0xffff) return put_tagged(to, 0xde, static_cast<std::uint16_t>(count));
  return put_tagged(to, 0xdf, static_cast<std::uint32_t>(count));
}

}  // namespace detail

class TRACTOR_API writer {
 public:
  explicit writer(buffer& out) noexcept : out_(out) {}
  writer(const writer&) = delete;
  writer& operator=(const writer&) = delete;

  [[nodiscard]] buffer& out() noexcept { return out_; }

  void nil() { out_.push_back(std::byte{0xc0}); }
  void boolean(bool value) { out_.push_back(value ? std::byte{0xc3} : std::byte{0xc2}); }
  void integer(std::int64_t value) { out_.advance_to(detail::put_int(out_.room(number_bytes_max), value)); }
  void unsigned_integer(std::uint64_t value) { out_.advance_to(detail::put_uint(out_.room(number_bytes_max), value)); }
  void real(double value) { out_.advance_to(detail::put_double(out_.room(number_bytes_max), value)); }
  void str(std::string_view text) { out_.advance_to(put_str(out_.room(header_bytes_max + text.size()), text)); }
  void bin(bytes_view data) { out_.advance_to(put_bin(out_.room(header_bytes_max + data.size()), data)); }
  void ext(std::int8_t type, bytes_view data);
  // `count` elements, or `count` keys and values alternating, have to follow.
  void array_header(std::size_t count) {
    check_count(count);
    out_.advance_to(detail::put_array_header(out_.room(header_bytes_max), count));
  }
  void map_header(std::size_t count) {
    check_count(count);
    out_.advance_to(detail::put_map_header(out_.room(header_bytes_max), count));
  }
  // One item that is encoded already.
  void raw_item(bytes_view item) {
    if (item.empty())
      nil();
    else
      out_.append(item);
  }

  // The same at a pointer with room for the header and the content.
  [[gnu::always_inline]] static std::byte* put_str(std::byte* to, std::string_view text) {
    if (!is_utf8(text)) [[unlikely]]
      fail_utf8(text);
    check_count(text.size());
    return detail::put_copy(detail::put_str_header(to, text.size()), text.data(), text.size());
  }
  static std::byte* put_bin(std::byte* to, bytes_view data) {
    check_count(data.size());
    return detail::put_copy(detail::put_bin_header(to, data.size()), data.data(), data.size());
  }

  // Throws encode_error. The place is added by the containers around.
  [[noreturn]] static void fail(std::string reason);

  // An open container: bounds how deep they nest. Only containers that can hold themselves need one.
  class nested {
   public:
    explicit nested(writer& out) : out_(out) {
      if (++out.depth_ > encode_depth_max) [[unlikely]]
        fail_depth();
    }
    nested(const nested&) = delete;
    nested& operator=(const nested&) = delete;
    ~nested() { --out_.depth_; }

   private:
    writer& out_;
  };

 private:
  static constexpr std::size_t count_max = 0xffff'ffff;

  static void check_count(std::size_t count) {
    if (count > count_max) [[unlikely]]
      fail_count(count);
  }
  [[noreturn]] static void fail_utf8(std::string_view text);
  [[noreturn]] static void fail_count(std::size_t count);
  [[noreturn]] static void fail_depth();

  buffer& out_;
  unsigned depth_ = 0;
};

}  // namespace tractor::msg
