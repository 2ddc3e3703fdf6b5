// SPDX-License-Identifier: Apache-2.0
//
// The byte level of msgpack, inwards: one item after the other out of bytes that are not trusted. Longer forms than the
// shortest are accepted. Text and binary come out as views into the input.
//
// `reader` is what a `codec<T>::decode` reads from. Every mistake is a `decode_error`; the containers
// around add its place.
// No count is believed: an announced array or map needs at least a byte for each item that is still to come.

#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>

#include "tractor/msg/bytes.hpp"
#include "tractor/msg/raw.hpp"
#include "tractor/msg/utf8.hpp"

namespace tractor::msg {

// What one decode may cost. All of them are checked before anything is allocated.
struct decode_limits {
  unsigned depth_max = 64;                                                   // containers within containers
  std::size_t elements_max = std::size_t{1} << 24;                           // elements and map entries of the whole value
  std::size_t bytes_max = std::numeric_limits<std::uint32_t>::max();         // of the whole input
  std::size_t string_bytes_max = std::numeric_limits<std::uint32_t>::max();  // of one str, bin or ext
};

// What decoding an input of n bytes may cost, as multiples of n and a sum: objects made on the word of announcements, by their size,
// and bytes looked at a second time to choose among alternatives that begin alike.
inline constexpr std::size_t object_bytes_per_input_byte = 32;
inline constexpr std::size_t object_bytes_free = std::size_t{64} << 20;
inline constexpr std::size_t reread_bytes_per_input_byte = 256;
inline constexpr std::size_t reread_bytes_free = std::size_t{64} << 10;

// The kinds that msgpack tells apart, by an item's first byte.
enum class item_kind : std::uint8_t { nil, boolean, integer, real, str, bin, array, map, ext, invalid };

// "int", "str", "array": as error messages call it.
[[nodiscard]] TRACTOR_API std::string_view kind_name(item_kind kind) noexcept;

[[nodiscard]] constexpr item_kind kind_of(std::byte first) noexcept {
  const auto tag = static_cast<unsigned>(first);
  if (tag < 0x80 || tag >= 0xe0) return item_kind::integer;
  if (tag < 0x90) return item_kind::map;
  if (tag < 0xa0) return item_kind::array;
  if (tag < 0xc0) return item_kind::str;
  constexpr item_kind table[32] = {item_kind::nil,     item_kind::invalid, item_kind::boolean, item_kind::boolean, item_kind::bin,
                                   item_kind::bin,     item_kind::bin,     item_kind::ext,     item_kind::ext,     item_kind::ext,
                                   item_kind::real,    item_kind::real,    item_kind::integer, item_kind::integer, item_kind::integer,
                                   item_kind::integer, item_kind::integer, item_kind::integer, item_kind::integer, item_kind::integer,
                                   item_kind::ext,     item_kind::ext,     item_kind::ext,     item_kind::ext,     item_kind::ext,
                                   item_kind::str,     item_kind::str,     item_kind::str,     item_kind::array,   item_kind::array,
                                   item_kind::map,     item_kind::map};
  return table[tag - 0xc0];
}

// A whole number of either sign: `negative` tells how to read the bits.
struct integer_item {
  std::uint64_t bits;
  bool negative;
};

struct ext_item {
  std::int8_t type;
  bytes_view data;
};

class TRACTOR_API reader {
 public:
  // `limits` must outlive the reader.
  explicit reader(bytes_view in, const decode_limits& limits)
      : at_(in.data()),
        end_(in.data() + in.size()),
        limits_(&limits),
        elements_left_(limits.elements_max),
        object_bytes_left_(object_bytes_free + object_bytes_per_input_byte * in.size()),
        reread_bytes_left_(reread_bytes_free + reread_bytes_per_input_byte * in.size()),
        depth_left_(limits.depth_max) {
    if (in.size() > limits.bytes_max) [[unlikely]]
      fail_size();
  }

  [[nodiscard]] bool at_end() const noexcept { return at_ == end_; }
  [[nodiscard]] std::size_t bytes_left() const noexcept { return static_cast<std::size_t>(end_ - at_); }
  [[nodiscard]] const std::byte* position() const noexcept { return at_; }
  // Throws unless the input is used up.
  void expect_end() const {
    if (!at_end()) [[unlikely]]
      fail_trailing();
  }

  // The kind of the next item; throws at the end of the input.
  [[nodiscard]] item_kind peek() const {
    need(1);
    return kind_of(*at_);
  }
  [[nodiscard]] bool try_nil() {
    if (at_ == end_ || *at_ != std::byte{0xc0}) return false;
    ++at_;
    return true;
  }
  void nil() {
    if (!try_nil()) fail_expected("nil");
  }

  [[nodiscard]] bool boolean() {
    need(1);
    const auto tag = static_cast<unsigned>(*at_);
    if ((tag & 0xfe) != 0xc2) [[unlikely]]
      fail_expected("bool");
    ++at_;
    return (tag & 1) != 0;
  }

  template <std::integral Integer>
  [[nodiscard]] Integer integer() {
    if (at_ != end_ && static_cast<unsigned>(*at_) < 0x80) return static_cast<Integer>(*at_++);  // fits every integer type
    const std::byte* const start = at_;
    const integer_item item = any_integer();
    if constexpr (std::unsigned_integral<Integer>) {
      if (item.negative || item.bits > std::numeric_limits<Integer>::max()) [[unlikely]]
        fail_range(start, 0, std::numeric_limits<Integer>::max());
    } else {
      const auto value = static_cast<std::int64_t>(item.bits);
      if (item.negative != (value < 0) || value < std::numeric_limits<Integer>::min() || value > std::numeric_limits<Integer>::max())
          [[unlikely]]
        fail_range(start, std::numeric_limits<Integer>::min(), static_cast<std::uint64_t>(std::numeric_limits<Integer>::max()));
    }
    return static_cast<Integer>(item.bits);
  }
  [[nodiscard]] integer_item any_integer() {
    if (bytes_left() >= 9) [[likely]] {  // enough for all forms
      const auto tag = static_cast<unsigned>(*at_);
      const std::byte* const from = at_ + 1;
      const auto take = [&](std::size_t bytes, std::uint64_t bits, bool negative = false) {
        at_ = from + bytes;
        return integer_item{bits, negative};
      };
      if (tag < 0x80) return take(0, tag);
      if (tag == 0xcc) return take(1, load<std::uint8_t>(from));
      if (tag == 0xcd) return take(2, load<std::uint16_t>(from));
      if (tag == 0xce) return take(4, load<std::uint32_t>(from));
      if (tag == 0xcf) return take(8, load<std::uint64_t>(from));
    }
    return other_integer();
  }

  // Whole numbers are accepted, rounded where float64 has to.
  [[nodiscard]] double real() {
    if (bytes_left() >= 9 && *at_ == std::byte{0xcb}) [[likely]] {
      const double value = std::bit_cast<double>(load<std::uint64_t>(at_ + 1));
      at_ += 9;
      return value;
    }
    return other_real();
  }

  // Views into the input; text is checked to be UTF-8.
  [[nodiscard]] std::string_view str() {
    if (at_ != end_) [[likely]] {
      const auto tag = static_cast<unsigned>(*at_);
      if ((tag & 0xe0) == 0xa0) return short_str(at_ + 1, tag & 0x1f);
      if (tag == 0xd9 && bytes_left() >= 2) return short_str(at_ + 2, static_cast<std::size_t>(at_[1]));
    }
    return long_str();
  }
  [[nodiscard]] bytes_view bin();
  [[nodiscard]] ext_item ext();

  // The number of elements, or of entries, that follow. Not more than the rest of the input can hold.
  [[nodiscard]] std::size_t array_header() {
    if (at_ != end_ && (static_cast<unsigned>(*at_) & 0xf0) == 0x90) [[likely]]
      return count_elements(static_cast<unsigned>(*at_) & 0x0f, at_ + 1, 1);
    return long_header(item_kind::array);
  }
  [[nodiscard]] std::size_t map_header() {
    if (at_ != end_ && (static_cast<unsigned>(*at_) & 0xf0) == 0x80) [[likely]]
      return count_elements(static_cast<unsigned>(*at_) & 0x0f, at_ + 1, 2);
    return long_header(item_kind::map);
  }

  // The header of an array of exactly `count` elements.
  void array_of(std::size_t count) {
    const std::byte* const start = at_;
    if (array_header() != count) [[unlikely]]
      fail_array_size(start, count);
  }

  // `count` objects of `bytes_each` are about to be made of what comes. Throws when a short input would make too many big ones.
  void charge_objects(std::size_t count, std::size_t bytes_each) {
    if (count > object_bytes_left_ / bytes_each) [[unlikely]]
      fail_objects(count, bytes_each);
    object_bytes_left_ -= count * bytes_each;
  }
  // `count` bytes were looked at and will be read again. Throws when that has happened too often.
  void charge_reread(std::size_t count) {
    if (count >= reread_bytes_left_) [[unlikely]]
      fail_reread();
    reread_bytes_left_ -= count;
  }

  // Passes over one item, with all that is in it. Checks its structure, but neither text nor nesting depth.
  void skip();
  [[nodiscard]] raw_view raw_item() {
    const std::byte* const start = at_;
    skip();
    return {{start, at_}};
  }
  // Passes over these bytes if they are what comes next.
  template <std::size_t Count>
  [[nodiscard]] bool try_bytes(const std::array<char, Count>& expected) noexcept {
    if (bytes_left() < Count || std::memcmp(at_, expected.data(), Count) != 0) return false;
    at_ += Count;
    return true;
  }

  // "expected str, got int 5": what stands here is not what should.
  [[noreturn]] void fail_expected(std::string_view expected) const;
  // The same about an item that was read already.
  [[noreturn]] void fail_expected_at(const std::byte* start, std::string_view expected) const;
  [[noreturn]] static void fail(std::string reason);

  // An open container: bounds how deep they nest.
  class nested {
   public:
    explicit nested(reader& in) : in_(in) {
      if (in.depth_left_ == 0) [[unlikely]]
        in.fail_depth();
      --in.depth_left_;
    }
    nested(const nested&) = delete;
    nested& operator=(const nested&) = delete;
    ~nested() { ++in_.depth_left_; }

   private:
    reader& in_;
  };

  // A place to come back to, for a second attempt at the same item (variants). Only from the same nesting.
  struct mark {
    const std::byte* at;
    std::size_t elements_left;
    std::size_t object_bytes_left;
  };
  [[nodiscard]] mark save() const noexcept { return {at_, elements_left_, object_bytes_left_}; }
  void rewind(const mark& to) noexcept {
    at_ = to.at;
    elements_left_ = to.elements_left;
    object_bytes_left_ = to.object_bytes_left;
  }

 private:
  template <class Unsigned>
  static Unsigned load(const std::byte* from) noexcept {
    Unsigned value;
    std::memcpy(&value, from, sizeof value);
    if constexpr (sizeof(Unsigned) > 1 && std::endian::native == std::endian::little) value = std::byteswap(value);
    return value;
  }

  void need(std::size_t count) const {
    if (bytes_left() < count) [[unlikely]]
      fail_truncated();
  }
  std::string_view short_str(const std::byte* content, std::size_t count) {
    if (count > static_cast<std::size_t>(end_ - content) || count > limits_->string_bytes_max) [[unlikely]]
      return long_str();
    const std::string_view text(reinterpret_cast<const char*>(content), count);
    if (!is_utf8(text)) [[unlikely]]
      fail_utf8(text);
    at_ = content + count;
    return text;
  }
  // `content` is behind the header; an entry takes at least `bytes_each_min`.
  std::size_t count_elements(std::size_t count, const std::byte* content, std::size_t bytes_each_min) {
    if (count * bytes_each_min > static_cast<std::size_t>(end_ - content) || count > elements_left_) [[unlikely]]
      fail_count(count, content, bytes_each_min);
    elements_left_ -= count;
    at_ = content;
    return count;
  }

  std::string_view long_str();
  std::size_t long_header(item_kind kind);
  integer_item other_integer();
  double other_real();
  bytes_view take(const std::byte* content, std::size_t count);

  [[noreturn]] void fail_size() const;
  [[noreturn]] void fail_array_size(const std::byte* start, std::size_t expected) const;
  [[noreturn]] void fail_truncated() const;
  [[noreturn]] void fail_trailing() const;
  [[noreturn]] void fail_depth() const;
  [[noreturn]] void fail_objects(std::size_t count, std::size_t bytes_each) const;
  [[noreturn]] void fail_reread() const;
  [[noreturn]] static void fail_utf8(std::string_view text);
  [[noreturn]] void fail_range(const std::byte* start, std::int64_t least, std::uint64_t most) const;
  [[noreturn]] void fail_count(std::size_t count, const std::byte* content, std::size_t bytes_each_min) const;

  const std::byte* at_;
  const std::byte* end_;
  const decode_limits* limits_;
  std::size_t elements_left_;
  std::size_t object_bytes_left_;
  std::size_t reread_bytes_left_;
  unsigned depth_left_;
};

}  // namespace tractor::msg
