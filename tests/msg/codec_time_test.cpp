// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <string>

#include "msg_test.hpp"

namespace tractor::msg {
namespace {

using namespace std::chrono_literals;
using test::decode_complaint;
using test::decoded;
using test::encode_complaint;
using test::encoded;
using test::round_trip;

template <class Duration>
std::string text_of(Duration from) {
  return decoded<std::string>(encoded(from));
}
template <class Duration>
Duration from_text(std::string_view text) {
  return decoded<Duration>(encoded(text));
}

TEST(codec, durations_travel_as_iso_8601_text) {
  EXPECT_EQ(text_of(1500ms), "PT1.5S");
  EXPECT_EQ(text_of(90s), "PT90S");
  EXPECT_EQ(text_of(0s), "PT0S");
  EXPECT_EQ(text_of(24h), "P1D");
  EXPECT_EQ(text_of(25h), "P1DT3600S");
  EXPECT_EQ(text_of(-1500ms), "-PT1.5S");
  EXPECT_EQ(text_of(1ns), "PT0.000000001S");
  EXPECT_EQ(text_of(-24h), "-P1D");
  EXPECT_EQ(text_of(std::chrono::duration<double>(0.25)), "PT0.25S");
  EXPECT_EQ(text_of(std::chrono::duration<std::int64_t, std::pico>(1'500)), "PT0.000000001S");
  EXPECT_EQ(text_of(std::chrono::seconds::max()), "P106751991167300DT55807S");
  EXPECT_EQ(text_of(std::chrono::seconds::min()), "-P106751991167300DT55808S");
}

TEST(codec, durations_are_read_in_all_usual_forms) {
  EXPECT_EQ(from_text<std::chrono::seconds>("P1W"), 7 * 24h);
  EXPECT_EQ(from_text<std::chrono::seconds>("P1DT2H3M4S"), 26h + 3min + 4s);
  EXPECT_EQ(from_text<std::chrono::milliseconds>("pt1,5s"), 1500ms);
  EXPECT_EQ(from_text<std::chrono::milliseconds>("+PT0.5M"), 30s);
  EXPECT_EQ(from_text<std::chrono::nanoseconds>("-PT0.000000001S"), -1ns);
  EXPECT_EQ(from_text<std::chrono::nanoseconds>("PT0.0000000019S"), 1ns);
  EXPECT_EQ(from_text<std::chrono::milliseconds>("PT0.0019S"), 1ms) << "what the unit cannot hold is cut off";
  EXPECT_EQ(from_text<std::chrono::duration<double>>("PT0.25S").count(), 0.25);
}

TEST(codec, what_is_no_duration_is_refused) {
  for (const char* bad : {"", "P", "PT", "P1", "PT1", "1S", "P1S", "PT1D", "P1DT", "PT1S1M", "PT1.5M1S", "P1Y", "PT1S ", "--PT1S", "PT-1S",
                          "P1D1D", "PT99999999999999999999S", "PT9223372036854775808S", "P15250284452472W"})
    EXPECT_FALSE([&] {
      try {
        static_cast<void>(from_text<std::chrono::nanoseconds>(bad));
        return true;
      } catch (const decode_error&) {
        return false;
      }
    }()) << bad;
  EXPECT_EQ(decode_complaint<std::chrono::seconds>(encoded("soon")), "expected a duration like 'PT1.5S', got str 'soon'");
  EXPECT_EQ(decode_complaint<std::chrono::seconds>("07"), "expected a duration like 'PT1.5S', got int 7");
  EXPECT_EQ(decode_complaint<std::chrono::nanoseconds>(encoded(std::chrono::seconds::max())),
            "expected a duration that fits the unit of the field, got str 'P106751991167300DT55807S'");
  EXPECT_EQ((decode_complaint<std::chrono::duration<std::int64_t, std::atto>>(encoded(3600s))),
            "expected a duration that fits the unit of the field, got str 'PT3600S'");
}

TEST(codec, a_duration_without_a_finite_value_is_refused) {
  const std::string reason = "a duration beyond 292 thousand million years, or none at all, has no msgpack form";
  EXPECT_EQ(encode_complaint(std::chrono::duration<double>(std::numeric_limits<double>::infinity())), reason);
  EXPECT_EQ(encode_complaint(std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN())), reason);
  EXPECT_EQ(encode_complaint(std::chrono::hours(std::numeric_limits<std::int64_t>::max() / 60)), reason);
}

TEST(codec, random_durations_survive) {
  test::seeded random;
  for (int round = 0; round < 10'000; ++round) {
    const std::chrono::nanoseconds some(static_cast<std::int64_t>(random.engine()() >> random.below(63)) * (random.below(2) == 0 ? 1 : -1));
    ASSERT_EQ(round_trip(some), some);
  }
}

using sys_ns = std::chrono::sys_time<std::chrono::nanoseconds>;

TEST(codec, points_of_time_travel_as_timestamps_in_the_shortest_form) {
  EXPECT_EQ(encoded(std::chrono::sys_seconds(1s)), "d6ff00000001");
  EXPECT_EQ(encoded(std::chrono::sys_seconds(0xffff'ffffs)), "d6ffffffffff");
  EXPECT_EQ(encoded(std::chrono::sys_seconds(0x1'0000'0000s)), "d7ff0000000100000000");
  EXPECT_EQ(encoded(sys_ns(1ns)), "d7ff0000000400000000");
  EXPECT_EQ(encoded(std::chrono::sys_seconds(0x4'0000'0000s)), "c70cff000000000000000400000000");
  EXPECT_EQ(encoded(sys_ns(-1ns)), "c70cff3b9ac9ffffffffffffffffff");
  // 2024-01-02 03:04:05.000006 UTC, as the reference wrote it
  EXPECT_EQ(encoded(sys_ns(1'704'164'645s + 6us)), "d7ff00005dc065937d25");
}

TEST(codec, points_of_time_survive) {
  for (const auto since : {0ns, 1ns, -1ns, -1'000'000'000ns, 1'700'000'000'123'456'789ns, -9'000'000'000'000'000'001ns})
    EXPECT_EQ(round_trip(sys_ns(since)), sys_ns(since));
  for (const std::int64_t s : {std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min(), std::int64_t{-1}})
    EXPECT_EQ(round_trip(std::chrono::sys_seconds(std::chrono::seconds(s))), std::chrono::sys_seconds(std::chrono::seconds(s)));
  const auto now = std::chrono::system_clock::time_point(1'700'000'000'123'456'789ns);
  EXPECT_EQ(round_trip(now), now);
}

TEST(codec, what_is_no_timestamp_is_refused) {
  EXPECT_EQ(decode_complaint<sys_ns>("07"), "expected a timestamp, got int 7");
  EXPECT_EQ(decode_complaint<sys_ns>("d40500"), R"(expected a timestamp, got ext ext(5, b'\x00'))");
  EXPECT_EQ(decode_complaint<sys_ns>("d5ff0000"), R"(expected a timestamp, got ext ext(-1, b'\x00\x00'))");
  EXPECT_EQ(decode_complaint<sys_ns>("d7ffffffffff00000000"),
            "expected a timestamp with less than a second of nanoseconds, "
            R"(got ext ext(-1, b'\xff\xff\xff\xff\x00\x00\x00\x00'))");
  EXPECT_EQ(decode_complaint<sys_ns>("c70cff000000000000040000000000"),
            R"(expected a time that fits the clock's unit, got ext ext(-1, b'\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00'))");
}

}  // namespace
}  // namespace tractor::msg
