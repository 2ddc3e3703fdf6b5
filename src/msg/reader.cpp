// SPDX-License-Identifier: Apache-2.0

#include "tractor/msg/reader.hpp"

#include <algorithm>

#include "tractor/msg/errors.hpp"

namespace tractor::msg {

integer_item reader::other_integer() {
  need(1);
  const auto tag = static_cast<unsigned>(*at_);
  if (tag < 0x80 || tag >= 0xe0) {
    ++at_;
    return {static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<std::int8_t>(tag))), tag >= 0xe0};
  }
  if (tag < 0xcc || tag > 0xd3) fail_expected("int");
  const std::size_t width = std::size_t{1} << (tag & 3);
  need(1 + width);
  const std::byte* const from = at_ + 1;
  at_ = from + width;
  const auto of_signed = [](std::int64_t value) { return integer_item{static_cast<std::uint64_t>(value), value < 0}; };
  switch (tag) {
    case 0xcc: return {load<std::uint8_t>(from), false};
    case 0xcd: return {load<std::uint16_t>(from), false};
    case 0xce: return {load<std::uint32_t>(from), false};
    case 0xcf: return {load<std::uint64_t>(from), false};
    case 0xd0: return of_signed(static_cast<std::int8_t>(load<std::uint8_t>(from)));
    case 0xd1: return of_signed(static_cast<std::int16_t>(load<std::uint16_t>(from)));
    case 0xd2: return of_signed(static_cast<std::int32_t>(load<std::uint32_t>(from)));
    default: return of_signed(static_cast<std::int64_t>(load<std::uint64_t>(from)));
  }
}

double reader::other_real() {
  need(1);
  const auto tag = static_cast<unsigned>(*at_);
  if (tag == 0xca) {
    need(5);
    const auto narrow = std::bit_cast<float>(load<std::uint32_t>(at_ + 1));
    at_ += 5;
    return narrow;
  }
  if (tag == 0xcb) need(9);
  if (peek() != item_kind::integer) fail_expected("float");
  const integer_item item = any_integer();
  return item.negative ? static_cast<double>(static_cast<std::int64_t>(item.bits)) : static_cast<double>(item.bits);
}

namespace {

std::size_t big_endian(const std::byte* from, std::size_t width) noexcept {
  std::size_t value = 0;
  for (std::size_t i = 0; i < width; ++i) value = value << 8 | static_cast<std::size_t>(from[i]);
  return value;
}

// How an item goes on behind a first byte from 0xc0 to 0xdf: bytes of its length field, bytes of content that need no length
// (with ext's type), and what the length counts.
enum class counts : std::uint8_t { nothing, bytes, elements, entries, invalid };
struct item_form {
  std::uint8_t length_bytes;
  std::uint8_t fixed_bytes;
  counts what;
};
constexpr item_form forms[32] = {{0, 0, counts::nothing},  {0, 0, counts::invalid},  {0, 0, counts::nothing}, {0, 0, counts::nothing},
                                 {1, 0, counts::bytes},    {2, 0, counts::bytes},    {4, 0, counts::bytes},   {1, 1, counts::bytes},
                                 {2, 1, counts::bytes},    {4, 1, counts::bytes},    {0, 4, counts::nothing}, {0, 8, counts::nothing},
                                 {0, 1, counts::nothing},  {0, 2, counts::nothing},  {0, 4, counts::nothing}, {0, 8, counts::nothing},
                                 {0, 1, counts::nothing},  {0, 2, counts::nothing},  {0, 4, counts::nothing}, {0, 8, counts::nothing},
                                 {0, 2, counts::nothing},  {0, 3, counts::nothing},  {0, 5, counts::nothing}, {0, 9, counts::nothing},
                                 {0, 17, counts::nothing}, {1, 0, counts::bytes},    {2, 0, counts::bytes},   {4, 0, counts::bytes},
                                 {2, 0, counts::elements}, {4, 0, counts::elements}, {2, 0, counts::entries}, {4, 0, counts::entries}};

}  // namespace

bytes_view reader::take(const std::byte* content, std::size_t count) {
  if (count > static_cast<std::size_t>(end_ - content)) fail_truncated();
  if (count > limits_->string_bytes_max)
    fail("an item of " + std::to_string(count) + " bytes is above the bound of " + std::to_string(limits_->string_bytes_max) +
         " (string_bytes_max)");
  at_ = content + count;
  return {content, count};
}

std::string_view reader::long_str() {
  need(1);
  const auto tag = static_cast<unsigned>(*at_);
  if (kind_of(*at_) != item_kind::str) fail_expected("str");
  std::size_t header = 1, count = tag & 0x1f;
  if (tag >= 0xd9 && tag <= 0xdb) {
    const std::size_t width = std::size_t{1} << (tag - 0xd9);
    need(1 + width);
    header += width;
    count = big_endian(at_ + 1, width);
  }
  const std::byte* const start = at_;
  const std::string_view text = as_text(take(at_ + header, count));
  if (!is_utf8(text)) {
    at_ = start;
    fail_utf8(text);
  }
  return text;
}

bytes_view reader::bin() {
  need(1);
  const auto tag = static_cast<unsigned>(*at_);
  if (tag < 0xc4 || tag > 0xc6) fail_expected("bytes");
  const std::size_t width = std::size_t{1} << (tag - 0xc4);
  need(1 + width);
  return take(at_ + 1 + width, big_endian(at_ + 1, width));
}

ext_item reader::ext() {
  need(1);
  const auto tag = static_cast<unsigned>(*at_);
  if (kind_of(*at_) != item_kind::ext) fail_expected("ext");
  const bool fixed = tag >= 0xd4;
  const std::size_t width = fixed ? 0 : std::size_t{1} << (tag - 0xc7);
  need(2 + width);
  const std::size_t count = fixed ? std::size_t{1} << (tag - 0xd4) : big_endian(at_ + 1, width);
  const auto type = static_cast<std::int8_t>(at_[1 + width]);
  return {type, take(at_ + 2 + width, count)};
}

std::size_t reader::long_header(item_kind kind) {
  need(1);
  if (kind_of(*at_) != kind) fail_expected(kind_name(kind));
  const auto tag = static_cast<unsigned>(*at_);
  const std::size_t each_min = kind == item_kind::map ? 2 : 1;
  const std::size_t width = tag == 0xdc || tag == 0xde ? 2 : 4;
  need(1 + width);
  return count_elements(big_endian(at_ + 1, width), at_ + 1 + width, each_min);
}

void reader::skip() {
  const std::byte* at = at_;
  std::uint64_t open = 1;  // items still to pass over
  while (open != 0) {
    if (open > static_cast<std::uint64_t>(end_ - at)) fail_truncated();
    --open;
    const auto tag = static_cast<unsigned>(*at++);
    std::size_t content = 0;
    if (tag < 0x80 || tag >= 0xe0) continue;
    if (tag < 0x90) {
      open += 2 * (tag & 0x0fU);
    } else if (tag < 0xa0) {
      open += tag & 0x0fU;
    } else if (tag < 0xc0) {
      content = tag & 0x1f;
    } else {
      const item_form form = forms[tag - 0xc0];
      if (form.what == counts::invalid) {
        at_ = at - 1;
        fail_expected("an item");
      }
      if (form.length_bytes > end_ - at) fail_truncated();
      const std::size_t length = big_endian(at, form.length_bytes);
      at += form.length_bytes;
      content = form.fixed_bytes;
      if (form.what == counts::bytes) content += length;
      if (form.what == counts::elements) open += length;
      if (form.what == counts::entries) open += 2 * length;
    }
    if (content > static_cast<std::size_t>(end_ - at)) fail_truncated();
    at += content;
  }
  at_ = at;
}

}  // namespace tractor::msg
