// SPDX-License-Identifier: Apache-2.0
//
// Durations as ISO 8601 text ("P1DT1.5S"; hours, minutes and weeks are understood, too) and points of system time as
// msgpack timestamps.

#pragma once

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <ratio>
#include <type_traits>

#include "tractor/msg/codec.hpp"
#include "tractor/msg/detail/codec_core.hpp"

namespace tractor::msg::detail {

// Seconds and nanoseconds of the same sign.
struct split_duration {
  std::int64_t seconds = 0;
  std::int32_t nanoseconds = 0;
};

inline constexpr std::size_t duration_text_bytes_max = 48;

// Writes the text with its header; at most 1 + duration_text_bytes_max.
[[nodiscard]] TRACTOR_API std::byte* put_duration(std::byte* to, split_duration from) noexcept;
[[nodiscard]] TRACTOR_API bool parse_duration(std::string_view text, split_duration& to) noexcept;
[[nodiscard]] TRACTOR_API split_duration read_duration(reader& in);

// Seconds since 1970, rounded down, and 0 to 999,999,999 nanoseconds.
inline constexpr std::size_t timestamp_bytes_max = 15;
[[nodiscard]] TRACTOR_API std::byte* put_timestamp(std::byte* to, split_duration from) noexcept;
[[nodiscard]] TRACTOR_API split_duration read_timestamp(reader& in);

__extension__ using wide_int = __int128;

// False when the seconds do not fit. Below a nanosecond is cut off.
template <class Rep, class Period>
bool split(std::chrono::duration<Rep, Period> from, split_duration& to) noexcept {
  if constexpr (std::is_floating_point_v<Rep>) {
    const auto seconds = static_cast<long double>(from.count()) * Period::num / Period::den;
    if (!(std::abs(seconds) < 9.2e18L)) return false;
    to.seconds = static_cast<std::int64_t>(seconds);
    to.nanoseconds = static_cast<std::int32_t>(std::lround((seconds - static_cast<long double>(to.seconds)) * 1e9L));
    if (to.nanoseconds == 1'000'000'000 || to.nanoseconds == -1'000'000'000) {
      to.seconds += to.nanoseconds < 0 ? -1 : 1;
      to.nanoseconds = 0;
    }
  } else {
    const wide_int units = static_cast<wide_int>(from.count()) * Period::num;
    const wide_int seconds = units / Period::den;
    if (seconds > std::numeric_limits<std::int64_t>::max() || seconds < std::numeric_limits<std::int64_t>::min()) return false;
    to.seconds = static_cast<std::int64_t>(seconds);
    to.nanoseconds = static_cast<std::int32_t>(units % Period::den * 1'000'000'000 / Period::den);
  }
  return true;
}

// False when the target's counter does not hold it.
template <class Rep, class Period>
bool unite(split_duration from, std::chrono::duration<Rep, Period>& to) noexcept {
  if constexpr (std::is_floating_point_v<Rep>) {
    const auto seconds = static_cast<long double>(from.seconds) + static_cast<long double>(from.nanoseconds) * 1e-9L;
    to = std::chrono::duration<Rep, Period>(static_cast<Rep>(seconds * Period::den / Period::num));
  } else {
    const wide_int nanoseconds = static_cast<wide_int>(from.seconds) * 1'000'000'000 + from.nanoseconds;
    // Neither product overflows: 2^63 s in ns are below 2^93.
    const wide_int count = Period::den > 1'000'000'000 ? nanoseconds * (Period::den / 1'000'000'000) / Period::num
                                                       : nanoseconds * Period::den / (wide_int{1'000'000'000} * Period::num);
    if (count > std::numeric_limits<Rep>::max() || count < std::numeric_limits<Rep>::min()) return false;
    to = std::chrono::duration<Rep, Period>(static_cast<Rep>(count));
  }
  return true;
}

template <class T>
struct builtin_codec<T, shape::duration> : flat_codec<T> {
  static constexpr kind_set accepts = kinds(item_kind::str);
  static constexpr std::size_t bound(const T&) noexcept { return 1 + duration_text_bytes_max; }
  static std::byte* put(writer& out, std::byte* to, const T& from) {
    split_duration parts;
    if (!split(from, parts)) out.fail("a duration beyond 292 thousand million years, or none at all, has no msgpack form");
    return put_duration(to, parts);
  }
  static void decode_into(reader& in, T& to) {
    const std::byte* const start = in.position();
    if (!unite(read_duration(in), to)) in.fail_expected_at(start, "a duration that fits the unit of the field");
  }
  static int fit(reader& in) {
    split_duration parts;
    return parse_duration(in.str(), parts) ? 2 : 0;
  }
};

template <class T>
struct builtin_codec<T, shape::time_point> : flat_codec<T> {
  static constexpr kind_set accepts = kinds(item_kind::ext);
  static constexpr std::size_t bound(const T&) noexcept { return timestamp_bytes_max; }
  static std::byte* put(writer& out, std::byte* to, const T& from) {
    split_duration parts;
    if (!split(from.time_since_epoch(), parts)) out.fail("a time beyond 292 thousand million years has no msgpack form");
    if (parts.nanoseconds < 0) {
      parts.seconds -= 1;
      parts.nanoseconds += 1'000'000'000;
    }
    return put_timestamp(to, parts);
  }
  static void decode_into(reader& in, T& to) {
    const std::byte* const start = in.position();
    typename T::duration since{};
    if (!unite(read_timestamp(in), since)) in.fail_expected_at(start, "a time that fits the clock's unit");
    to = T(since);
  }
  static int fit(reader& in) { return in.ext().type == -1 ? 2 : 0; }
};

}  // namespace tractor::msg::detail
