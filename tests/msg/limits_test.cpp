// SPDX-License-Identifier: Apache-2.0
//
// Input that nobody means well with: truncated, overlong, deeper and larger than announced or allowed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "msg_test.hpp"

namespace tractor::msg {
namespace {

using test::decode_complaint;
using test::decoded;

struct sample {
  int number = 0;
  std::string text;
  std::vector<double> list;
  std::map<std::string, std::optional<bytes>> map;
};

// A value with every form in it.
constexpr const char* all_forms =
    "dc0024c0c2c300ffe0cc80cdffffceffffffffcf8000000000000000d080d18000d280000000d38000000000000000ca3fc00000cb3ff8000000000000a0a178d90179"
    "da00017adb0000000161c40100c5000100c60000000100900192c0c08081a161c0de000101c0d40501d5050102d60501020304d7050102030405060708"
    "d80501020304050607080910111213141516c7030501020a";

TEST(limits, every_truncation_is_an_error_and_never_a_value) {
  const bytes whole = test::unhex(all_forms);
  static_cast<void>(decode<value>(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));  // exactly sized: a sanitizer sees what lies behind
    EXPECT_THROW(static_cast<void>(decode<value>(part)), decode_error) << size;
    EXPECT_THROW(static_cast<void>(decode<raw>(part)), decode_error) << size;
  }
}

TEST(limits, every_truncation_of_a_structure_is_an_error) {
  buffer out;
  encode(out, sample{300, std::string(40, 'x'), {1, 2}, {{"a", bytes(3)}, {"b", {}}}});
  for (std::size_t size = 0; size < out.size(); ++size) {
    const bytes part(out.data(), out.data() + size);
    EXPECT_THROW(static_cast<void>(decode<sample>(part)), decode_error) << size;
  }
}

TEST(limits, bytes_after_the_value_are_an_error) {
  EXPECT_EQ(decode_complaint<int>("0102", {}, "pld"), "pld: 1 bytes follow the value");
  EXPECT_EQ(decode_complaint<value>("90c0"), "1 bytes follow the value");
  EXPECT_EQ(decode_complaint<raw>("c0c0"), "1 bytes follow the value");
}

TEST(limits, an_announcement_allocates_nothing) {
  // 2^32 - 1 elements in nine bytes
  EXPECT_EQ(decode_complaint<value>("ddffffffff01020304"), "an array of 4294967295 is announced, but only 4 bytes follow");
  EXPECT_EQ(decode_complaint<value>("dfffffffff01020304"), "a map of 4294967295 is announced, but only 4 bytes follow");
  EXPECT_EQ(decode_complaint<std::vector<double>>("ddffffffff01020304"), "an array of 4294967295 is announced, but only 4 bytes follow");
  EXPECT_EQ((decode_complaint<std::map<int, int>>("dfffffffff01020304")), "a map of 4294967295 is announced, but only 4 bytes follow");
  EXPECT_EQ(decode_complaint<sample>("dfffffffff01020304"), "a map of 4294967295 is announced, but only 4 bytes follow");
  EXPECT_EQ(decode_complaint<std::string>("dbffffffff61"), "the input ends within a str, 6 bytes after its start");
  EXPECT_EQ(decode_complaint<bytes>("c6ffffffff61"), "the input ends within a bytes, 6 bytes after its start");
  EXPECT_EQ(decode_complaint<value>("c9ffffffff0561"), "the input ends within a ext, 7 bytes after its start");
  EXPECT_EQ(decode_complaint<raw>("ddffffffff01020304"), "the input ends within an array, 9 bytes after its start");
}

struct large {
  std::array<double, 1000> numbers{};
};

TEST(limits, reserved_memory_follows_what_arrives_not_what_is_announced) {
  // A million bytes that are not even the first element: 8 GB if the count were believed.
  bytes input = test::unhex("dd000f4240");
  input.resize(input.size() + 1'000'000, std::byte{0xc0});
  EXPECT_THROW(static_cast<void>(decode<std::vector<large>>(input)), decode_error);
}

std::string nested_arrays(unsigned depth) {
  std::string wire;
  for (unsigned i = 0; i < depth; ++i) wire += "91";
  return wire + "c0";
}

TEST(limits, depth_is_bounded) {
  static_cast<void>(decoded<value>(nested_arrays(64)));
  EXPECT_THAT(decode_complaint<value>(nested_arrays(65)), testing::EndsWith("the value nests deeper than 64 levels (depth_max)"));
  EXPECT_THAT(decode_complaint<value>(nested_arrays(100'000)), testing::EndsWith("the value nests deeper than 64 levels (depth_max)"));
  EXPECT_THAT(decode_complaint<value>(nested_arrays(4), {.depth_max = 3}),
              testing::EndsWith("the value nests deeper than 3 levels (depth_max)"));
  static_cast<void>(decoded<value>(nested_arrays(3), {.depth_max = 3}));
  // Passing over does not recurse, whatever the depth.
  EXPECT_EQ(decoded<raw>(nested_arrays(100'000)).data.size(), 100'001U);
}

TEST(limits, values_deeper_than_a_peer_decodes_are_not_sent) {
  value deep;
  for (int i = 0; i < 64; ++i) deep = value::array{std::move(deep)};
  static_cast<void>(test::round_trip(deep));
  deep = value::array{std::move(deep)};
  EXPECT_THAT(test::encode_complaint(deep), testing::HasSubstr("nests deeper than 64 levels"));
}

TEST(limits, elements_are_counted_over_the_whole_value) {
  const decode_limits ten{.elements_max = 10};
  static_cast<void>(decoded<value>("9592c0c092c0c0c0c0c0", {.elements_max = 9}));
  EXPECT_EQ(decode_complaint<value>("9592c0c092c0c0c0c0c0", {.elements_max = 8}),
            "[1]: an array of 2 exceeds the bound of 8 elements in all (elements_max)");
  EXPECT_EQ((decode_complaint<std::vector<std::vector<int>>>("939300010293000102930001020304", ten)),
            "[2]: an array of 3 exceeds the bound of 10 elements in all (elements_max)");
}

TEST(limits, sizes_are_bounded) {
  EXPECT_EQ(decode_complaint<value>("a3616263", {.bytes_max = 3}), "the input of 4 bytes is above the bound of 3 (bytes_max)");
  const decode_limits short_texts{.string_bytes_max = 2};
  EXPECT_EQ(decoded<std::string>("a26162", short_texts), "ab");
  EXPECT_EQ(decode_complaint<std::string>("a3616263", short_texts), "an item of 3 bytes is above the bound of 2 (string_bytes_max)");
  EXPECT_EQ(decode_complaint<std::string>("d903616263", short_texts), "an item of 3 bytes is above the bound of 2 (string_bytes_max)");
  EXPECT_EQ(decode_complaint<bytes>("c403616263", short_texts), "an item of 3 bytes is above the bound of 2 (string_bytes_max)");
  EXPECT_EQ(decode_complaint<value>("c70305616263", short_texts), "an item of 3 bytes is above the bound of 2 (string_bytes_max)");
}

TEST(limits, the_byte_that_msgpack_never_uses_is_an_error) {
  EXPECT_EQ(decode_complaint<value>("c1"), "expected a value, got the invalid byte 0xc1");
  EXPECT_EQ(decode_complaint<int>("c1"), "expected int, got the invalid byte 0xc1");
  EXPECT_EQ(decode_complaint<std::string>("c1"), "expected str, got the invalid byte 0xc1");
  EXPECT_EQ(decode_complaint<std::optional<int>>("c1"), "expected int, got the invalid byte 0xc1");
  EXPECT_EQ(decode_complaint<raw>("92c0c1"), "expected an item, got the invalid byte 0xc1");
}

TEST(limits, an_empty_input_is_an_error_for_every_type) {
  EXPECT_EQ(decode_complaint<value>(""), "the input ends where a value is expected");
  EXPECT_EQ(decode_complaint<int>(""), "the input ends where a value is expected");
  EXPECT_EQ(decode_complaint<double>(""), "the input ends where a value is expected");
  EXPECT_EQ(decode_complaint<bool>(""), "the input ends where a value is expected");
  EXPECT_EQ(decode_complaint<std::nullptr_t>(""), "expected nil, but the input ends here");
  EXPECT_EQ(decode_complaint<std::string>(""), "the input ends where a value is expected");
  EXPECT_EQ(decode_complaint<sample>(""), "the input ends where a value is expected");
  EXPECT_EQ(decode_complaint<std::vector<int>>(""), "the input ends where a value is expected");
  EXPECT_EQ((decode_complaint<std::variant<int, bool>>("")), "the input ends where a value is expected");
}

TEST(limits, random_bytes_decode_or_are_refused_but_nothing_else) {
  test::seeded random;
  std::size_t values = 0;
  for (int round = 0; round < 20'000; ++round) {
    bytes input(1 + random.below(40));
    for (std::byte& b : input) b = static_cast<std::byte>(random.engine()());
    try {
      const value v = decode<value>(input);
      ++values;
      buffer again;
      encode(again, v);
      ASSERT_EQ(test::hex(again.view()), test::encoded(decode<value>(again.view()))) << test::hex(input);
    } catch (const decode_error&) {
    }
    try {
      static_cast<void>(decode<sample>(input));
    } catch (const decode_error&) {
    }
  }
  EXPECT_GT(values, 0U);
}

}  // namespace
}  // namespace tractor::msg
