// SPDX-License-Identifier: Apache-2.0
//
// Durations as text, points of time as timestamps.

#include <charconv>
#include <limits>
#include <string_view>

#include "tractor/msg/codec.hpp"

namespace tractor::msg::detail {

namespace {

constexpr std::int64_t seconds_a_day = 86'400;
constexpr std::int64_t nanoseconds_a_second = 1'000'000'000;
constexpr std::int8_t timestamp_type = -1;

char* put_number(char* to, std::uint64_t number) noexcept { return std::to_chars(to, to + 20, number).ptr; }

// ".5" for half a second.
char* put_fraction(char* to, std::uint32_t nanoseconds) noexcept {
  *to++ = '.';
  for (std::uint32_t digit = 100'000'000; nanoseconds != 0; digit /= 10) {
    *to++ = static_cast<char>('0' + nanoseconds / digit);
    nanoseconds %= digit;
  }
  return to;
}

}  // namespace

std::byte* put_duration(std::byte* to, split_duration from) noexcept {
  char text[duration_text_bytes_max];
  char* at = text;
  if (from.seconds < 0 || from.nanoseconds < 0) *at++ = '-';
  *at++ = 'P';
  const std::uint64_t seconds = from.seconds < 0 ? 0 - static_cast<std::uint64_t>(from.seconds) : static_cast<std::uint64_t>(from.seconds);
  const auto nanoseconds = static_cast<std::uint32_t>(from.nanoseconds < 0 ? -from.nanoseconds : from.nanoseconds);
  const std::uint64_t days = seconds / seconds_a_day, rest = seconds % seconds_a_day;
  if (days != 0) {
    at = put_number(at, days);
    *at++ = 'D';
  }
  if (rest != 0 || nanoseconds != 0 || days == 0) {
    *at++ = 'T';
    at = put_number(at, rest);
    if (nanoseconds != 0) at = put_fraction(at, nanoseconds);
    *at++ = 'S';
  }
  const auto size = static_cast<std::size_t>(at - text);
  return put_copy(put_str_header(to, size), text, size);
}

namespace {

// Reads "12.5S" and the like off the front of a duration's text.
struct duration_parser {
  std::string_view rest;
  wide_int nanoseconds = 0;
  bool any = false;

  bool take_char(char c) noexcept {
    if (rest.empty() || (rest.front() | 0x20) != (c | 0x20)) return false;
    rest.remove_prefix(1);
    return true;
  }

  // A number with one of `units`; each may come once, in this order, and only the last number may have a fraction.
  bool take_parts(std::string_view units, const std::int64_t* seconds_each) noexcept {
    std::size_t next = 0;
    while (!rest.empty() && rest.front() >= '0' && rest.front() <= '9') {
      std::uint64_t whole = 0;
      const auto [end, fault] = std::from_chars(rest.data(), rest.data() + rest.size(), whole);
      if (fault != std::errc() || whole > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return false;
      rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
      std::int64_t billionths = 0;
      const bool fraction = take_fraction(billionths);
      while (next < units.size() && !take_char(units[next])) ++next;
      if (next == units.size() || (fraction && !rest.empty())) return false;
      nanoseconds += (static_cast<wide_int>(whole) * nanoseconds_a_second + billionths) * seconds_each[next];
      ++next;
      any = true;
    }
    return true;
  }

 private:
  bool take_fraction(std::int64_t& billionths) noexcept {
    if (rest.empty() || (rest.front() != '.' && rest.front() != ',')) return false;
    rest.remove_prefix(1);
    for (std::int64_t digit = 100'000'000; !rest.empty() && rest.front() >= '0' && rest.front() <= '9'; digit /= 10) {
      billionths += (rest.front() - '0') * digit;
      rest.remove_prefix(1);
    }
    return true;
  }
};

}  // namespace

bool parse_duration(std::string_view text, split_duration& to) noexcept {
  static constexpr std::int64_t date_units[] = {7 * seconds_a_day, seconds_a_day};
  static constexpr std::int64_t time_units[] = {3'600, 60, 1};
  duration_parser parser{text};
  const bool negative = parser.take_char('-');
  if (!negative) static_cast<void>(parser.take_char('+'));
  if (!parser.take_char('P') || !parser.take_parts("WD", date_units)) return false;
  if (parser.take_char('T')) {
    parser.any = false;
    if (!parser.take_parts("HMS", time_units)) return false;
  }
  if (!parser.any || !parser.rest.empty()) return false;
  const wide_int nanoseconds = negative ? -parser.nanoseconds : parser.nanoseconds;
  const wide_int seconds = nanoseconds / nanoseconds_a_second;
  if (seconds > std::numeric_limits<std::int64_t>::max() || seconds < std::numeric_limits<std::int64_t>::min()) return false;
  to = {static_cast<std::int64_t>(seconds), static_cast<std::int32_t>(nanoseconds % nanoseconds_a_second)};
  return true;
}

split_duration read_duration(reader& in) {
  const std::byte* const start = in.position();
  if (in.peek() != item_kind::str) in.fail_expected("a duration like 'PT1.5S'");
  split_duration parts;
  if (!parse_duration(in.str(), parts)) in.fail_expected_at(start, "a duration like 'PT1.5S'");
  return parts;
}

std::byte* put_timestamp(std::byte* to, split_duration from) noexcept {
  const auto nanoseconds = static_cast<std::uint32_t>(from.nanoseconds);
  if (from.seconds >= 0 && from.seconds >> 34 == 0) {
    const std::uint64_t packed = std::uint64_t{nanoseconds} << 34 | static_cast<std::uint64_t>(from.seconds);
    const bool short_form = packed >> 32 == 0;
    to = put_u8(to, short_form ? 0xd6 : 0xd7);
    to = put_u8(to, static_cast<std::uint8_t>(timestamp_type));
    return short_form ? put_number_be(to, static_cast<std::uint32_t>(packed)) : put_number_be(to, packed);
  }
  to = put_u8(put_u8(to, 0xc7), 12);
  to = put_number_be(put_u8(to, static_cast<std::uint8_t>(timestamp_type)), nanoseconds);
  return put_number_be(to, static_cast<std::uint64_t>(from.seconds));
}

split_duration read_timestamp(reader& in) {
  const std::byte* const start = in.position();
  if (in.peek() != item_kind::ext) in.fail_expected("a timestamp");
  const ext_item item = in.ext();
  const auto number = [&](std::size_t from, std::size_t width) {
    std::uint64_t bits = 0;
    for (std::size_t i = from; i < from + width; ++i) bits = bits << 8 | static_cast<std::uint64_t>(item.data[i]);
    return bits;
  };
  std::uint64_t nanoseconds = 0;
  std::int64_t seconds = 0;
  const std::size_t size = item.data.size();
  if (item.type != timestamp_type || (size != 4 && size != 8 && size != 12)) in.fail_expected_at(start, "a timestamp");
  if (size == 4) {
    seconds = static_cast<std::int64_t>(number(0, 4));
  } else if (size == 8) {
    const std::uint64_t packed = number(0, 8);
    nanoseconds = packed >> 34;
    seconds = static_cast<std::int64_t>(packed & 0x3'ffff'ffff);
  } else {
    nanoseconds = number(0, 4);
    seconds = static_cast<std::int64_t>(number(4, 8));
  }
  if (nanoseconds >= static_cast<std::uint64_t>(nanoseconds_a_second))
    in.fail_expected_at(start, "a timestamp with less than a second of nanoseconds");
  return {seconds, static_cast<std::int32_t>(nanoseconds)};
}

}  // namespace tractor::msg::detail
