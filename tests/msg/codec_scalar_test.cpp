// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "msg_test.hpp"
#include "tractor/base/uuid.hpp"
#include "tractor/msg/describe.hpp"

namespace tractor::msg {
namespace {

using test::decode_complaint;
using test::decoded;
using test::encode_complaint;
using test::encoded;
using test::round_trip;

TEST(codec, integers_take_the_shortest_form) {
  EXPECT_EQ(encoded(0), "00");
  EXPECT_EQ(encoded(127), "7f");
  EXPECT_EQ(encoded(128), "cc80");
  EXPECT_EQ(encoded(255), "ccff");
  EXPECT_EQ(encoded(256), "cd0100");
  EXPECT_EQ(encoded(65535), "cdffff");
  EXPECT_EQ(encoded(65536), "ce00010000");
  EXPECT_EQ(encoded(0xffff'ffffLL), "ceffffffff");
  EXPECT_EQ(encoded(0x1'0000'0000LL), "cf0000000100000000");
  EXPECT_EQ(encoded(std::numeric_limits<std::uint64_t>::max()), "cfffffffffffffffff");
  EXPECT_EQ(encoded(-1), "ff");
  EXPECT_EQ(encoded(-32), "e0");
  EXPECT_EQ(encoded(-33), "d0df");
  EXPECT_EQ(encoded(-128), "d080");
  EXPECT_EQ(encoded(-129), "d1ff7f");
  EXPECT_EQ(encoded(-32768), "d18000");
  EXPECT_EQ(encoded(-32769), "d2ffff7fff");
  EXPECT_EQ(encoded(-0x8000'0000LL), "d280000000");
  EXPECT_EQ(encoded(-0x8000'0001LL), "d3ffffffff7fffffff");
  EXPECT_EQ(encoded(std::numeric_limits<std::int64_t>::min()), "d38000000000000000");
}

TEST(codec, longer_forms_of_integers_are_accepted) {
  for (const char* form :
       {"07", "cc07", "cd0007", "ce00000007", "cf0000000000000007", "d007", "d10007", "d200000007", "d30000000000000007"}) {
    EXPECT_EQ(decoded<int>(form), 7) << form;
    EXPECT_EQ(decoded<std::uint8_t>(form), 7) << form;
    EXPECT_EQ(decoded<double>(form), 7.0) << form;
  }
  for (const char* form : {"ff", "d0ff", "d1ffff", "d2ffffffff", "d3ffffffffffffffff"}) EXPECT_EQ(decoded<std::int8_t>(form), -1) << form;
}

template <class Integer>
void expect_range() {
  constexpr auto least = std::numeric_limits<Integer>::min();
  constexpr auto most = std::numeric_limits<Integer>::max();
  EXPECT_EQ(round_trip(least), least);
  EXPECT_EQ(round_trip(most), most);
  EXPECT_EQ(round_trip(static_cast<Integer>(most / 3)), most / 3);
  if constexpr (sizeof(Integer) < 8) {
    const std::string above = encoded(static_cast<std::int64_t>(most) + 1), below = encoded(static_cast<std::int64_t>(least) - 1);
    const std::string expected = "expected int from " + std::to_string(least) + " to " + std::to_string(most) + ", got int ";
    EXPECT_EQ(decode_complaint<Integer>(above), expected + std::to_string(static_cast<std::int64_t>(most) + 1));
    EXPECT_EQ(decode_complaint<Integer>(below), expected + std::to_string(static_cast<std::int64_t>(least) - 1));
  }
}

TEST(codec, integers_are_range_checked) {
  expect_range<std::int8_t>();
  expect_range<std::uint8_t>();
  expect_range<std::int16_t>();
  expect_range<std::uint16_t>();
  expect_range<std::int32_t>();
  expect_range<std::uint32_t>();
  expect_range<std::int64_t>();
  expect_range<std::uint64_t>();
  expect_range<char>();
  EXPECT_EQ(decode_complaint<std::uint64_t>("ff"), "expected int from 0 to 18446744073709551615, got int -1");
  EXPECT_EQ(decode_complaint<std::int64_t>("cf8000000000000000"),
            "expected int from -9223372036854775808 to 9223372036854775807, got int 9223372036854775808");
  EXPECT_EQ(decode_complaint<std::int8_t>("cfffffffffffffffff"), "expected int from -128 to 127, got int 18446744073709551615");
}

TEST(codec, numbers_are_not_taken_for_one_another) {
  EXPECT_EQ(decode_complaint<int>("cb3ff0000000000000"), "expected int, got float 1.0");
  EXPECT_EQ(decode_complaint<int>("c3"), "expected int, got bool True");
  EXPECT_EQ(decode_complaint<bool>("01"), "expected bool, got int 1");
  EXPECT_EQ(decode_complaint<double>("a131"), "expected float, got str '1'");
  EXPECT_EQ(decode_complaint<int>("c0"), "expected int, got nil");
}

TEST(codec, booleans_and_nil_are_one_byte) {
  EXPECT_EQ(encoded(true), "c3");
  EXPECT_EQ(encoded(false), "c2");
  EXPECT_EQ(encoded(nullptr), "c0");
  EXPECT_EQ(encoded(std::monostate{}), "c0");
  EXPECT_TRUE(decoded<bool>("c3"));
  EXPECT_EQ(decoded<std::nullptr_t>("c0"), nullptr);
  EXPECT_EQ(decode_complaint<std::monostate>("c2"), "expected nil, got bool False");
}

TEST(codec, floats_travel_as_float64) {
  EXPECT_EQ(encoded(1.5), "cb3ff8000000000000");
  EXPECT_EQ(encoded(1.5F), "cb3ff8000000000000");
  EXPECT_EQ(decoded<double>("ca3fc00000"), 1.5);
  EXPECT_EQ(decoded<float>("cb3ff8000000000000"), 1.5F);
  EXPECT_EQ(decoded<double>("d3ffffff0000000000"), -1099511627776.0);
  EXPECT_EQ(decoded<double>("cf8000000000000000"), 9223372036854775808.0);
}

TEST(codec, special_floats_survive) {
  EXPECT_TRUE(std::isnan(round_trip(std::numeric_limits<double>::quiet_NaN())));
  EXPECT_TRUE(std::isnan(round_trip(std::numeric_limits<float>::quiet_NaN())));
  EXPECT_EQ(round_trip(-std::numeric_limits<double>::infinity()), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(round_trip(std::numeric_limits<float>::infinity()), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::signbit(round_trip(-0.0)));
  EXPECT_EQ(round_trip(std::numeric_limits<double>::denorm_min()), std::numeric_limits<double>::denorm_min());
  EXPECT_EQ(decode_complaint<float>(encoded(1e300)), "expected a number that fits float32, got float 1e+300");
}

TEST(codec, text_takes_the_shortest_header) {
  EXPECT_EQ(encoded("abc"), "a3616263");
  EXPECT_EQ(encoded(std::string()), "a0");
  EXPECT_EQ(encoded(std::string_view("h\xc3\xa9")), "a368c3a9");
  const char* pointer = "x";
  EXPECT_EQ(encoded(pointer), "a178");
  for (const std::size_t size : {31U, 32U, 255U, 256U, 65535U, 65536U}) {
    const std::string text(size, 'x');
    EXPECT_EQ(round_trip(text), text);
    buffer out;
    encode(out, text);
    EXPECT_EQ(out.size() - size, size < 32 ? 1U : size < 256 ? 2U : size < 65536 ? 3U : 5U);
  }
}

TEST(codec, longer_headers_of_text_are_accepted) {
  for (const char* form : {"a178", "d90178", "da000178", "db0000000178"}) EXPECT_EQ(decoded<std::string>(form), "x");
}

TEST(codec, text_that_is_not_utf8_is_refused_both_ways) {
  EXPECT_EQ(encode_complaint(std::string("a\xff")), R"(text that is not UTF-8 has no msgpack form (send it as bytes): 'a\xff')");
  EXPECT_EQ(decode_complaint<std::string>("a261ff"), R"(a str is not UTF-8: 'a\xff')");
  EXPECT_EQ(decode_complaint<std::string>("d90261ff"), R"(a str is not UTF-8: 'a\xff')");
  EXPECT_EQ(decode_complaint<std::string>("da000261ff"), R"(a str is not UTF-8: 'a\xff')");
}

TEST(codec, null_text_is_refused) {
  const char* null = nullptr;
  EXPECT_EQ(encode_complaint(null), "a null const char* is no text");
}

TEST(codec, bytes_travel_as_bin) {
  const bytes data = test::unhex("00ff");
  EXPECT_EQ(encoded(data), "c40200ff");
  EXPECT_EQ(encoded(bytes_view(data)), "c40200ff");
  EXPECT_EQ(encoded(std::array<std::byte, 2>{std::byte{1}, std::byte{2}}), "c4020102");
  for (const char* form : {"c40200ff", "c5000200ff", "c60000000200ff"}) EXPECT_EQ(decoded<bytes>(form), data);
  for (const std::size_t size : {0U, 255U, 256U, 65535U, 65536U}) EXPECT_EQ(round_trip(bytes(size)).size(), size);
  EXPECT_EQ(decode_complaint<bytes>("a2c3a9"), "expected bytes, got str 'é'");
  EXPECT_EQ(decode_complaint<std::string>("c40200ff"), R"(expected str, got bytes b'\x00\xff')");
  EXPECT_EQ((decode_complaint<std::array<std::byte, 3>>("c40200ff")), R"(expected bin of 3 bytes, got bytes b'\x00\xff')");
}

enum class plain : std::uint8_t { a = 1, b = 200 };
enum class named : int { red = 3, green = 7 };
TRACTOR_DESCRIBE_ENUM(named, red, green)

TEST(codec, enumerations_travel_as_numbers_or_as_described_names) {
  EXPECT_EQ(encoded(plain::b), "ccc8");
  EXPECT_EQ(decoded<plain>("01"), plain::a);
  EXPECT_EQ(decode_complaint<plain>("cd0100"), "expected int from 0 to 255, got int 256");

  EXPECT_EQ(encoded(named::green), "a5677265656e");
  EXPECT_EQ(decoded<named>("a3726564"), named::red);
  EXPECT_EQ(decode_complaint<named>("a3626c75"), "expected one of 'red', 'green', got str 'blu'");
  EXPECT_EQ(encode_complaint(static_cast<named>(5)), "the number 5 is none of the described enumerators");
}

TEST(codec, uuids_travel_as_text) {
  const auto id = uuid::parse("6f63cb36-af91-4424-aa60-ba87f005ce1e");
  ASSERT_TRUE(id);
  EXPECT_EQ(encoded(*id), encoded(id->text()));
  EXPECT_EQ(round_trip(*id), *id);
  EXPECT_EQ(decode_complaint<uuid>("a3616263"), "expected a uuid of 36 characters, got str 'abc'");
}

TEST(codec, raw_items_pass_through) {
  const bytes item = test::unhex("82a16101a16292c0c3");
  EXPECT_EQ(encoded(raw_view{item}), "82a16101a16292c0c3");
  EXPECT_EQ(encoded(raw(item)), "82a16101a16292c0c3");
  EXPECT_EQ(encoded(raw()), "c0");
  EXPECT_EQ(decoded<raw>("82a16101a16292c0c3").data, item);

  const auto pair = decoded<std::pair<raw, int>>("9292c0c307");
  EXPECT_EQ(test::hex(pair.first), "92c0c3");
  EXPECT_EQ(pair.second, 7);
  EXPECT_TRUE(decode<std::vector<bool>>(test::unhex("91c3")).front());
}

struct celsius {
  double degrees;
};

}  // namespace

template <>
struct codec<celsius> {
  static constexpr std::string_view type_text = "temperature";
  static void encode(writer& out, const celsius& from) { out.str(std::to_string(from.degrees)); }
  static celsius decode(reader& in) {
    const std::byte* const start = in.position();
    const std::string text(in.str());
    char* end = nullptr;
    const double degrees = std::strtod(text.c_str(), &end);
    if (*end != '\0') in.fail_expected_at(start, "a temperature");
    return {degrees};
  }
};

namespace {

TEST(codec, a_specialisation_serves_a_type_of_ones_own) {
  EXPECT_EQ(type_name<std::vector<celsius>>(), "list[temperature]");
  EXPECT_EQ(round_trip(celsius{21.5}).degrees, 21.5);
  EXPECT_EQ(round_trip(std::vector<celsius>{{1}, {2}}).at(1).degrees, 2);
  EXPECT_EQ((decode_complaint<std::vector<celsius>>("92a131a178")), "[1]: expected a temperature, got str 'x'");
}

}  // namespace
}  // namespace tractor::msg
