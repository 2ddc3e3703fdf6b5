// SPDX-License-Identifier: Apache-2.0

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "msg_test.hpp"

namespace tractor::msg {
namespace {

using test::decode_complaint;
using test::decoded;
using test::encode_complaint;
using test::encoded;
using test::round_trip;

TEST(codec, sequences_travel_as_arrays) {
  EXPECT_EQ(encoded(std::vector<int>{1, 2, 300}), "930102cd012c");
  EXPECT_EQ(encoded(std::vector<int>{}), "90");
  EXPECT_EQ(encoded(std::vector<bool>{true, false}), "92c3c2");
  EXPECT_EQ(encoded(std::vector<std::uint8_t>{1, 255}), "9201ccff");
  EXPECT_EQ(encoded(std::array<int, 2>{1, 2}), "920102");
  EXPECT_EQ(encoded(std::vector<std::string>{"a", "b"}), "92a161a162");
  EXPECT_EQ(round_trip(std::deque<std::string>{"a", "b"}), (std::deque<std::string>{"a", "b"}));
  EXPECT_EQ(round_trip(std::list<double>{1, 2.5}), (std::list<double>{1, 2.5}));
  EXPECT_EQ(round_trip(std::vector<std::vector<int>>{{1}, {}, {2, 3}}), (std::vector<std::vector<int>>{{1}, {}, {2, 3}}));
  for (const std::size_t size : {15U, 16U, 65535U, 65536U}) {
    const std::vector<std::size_t> numbers(size, size);
    EXPECT_EQ(round_trip(numbers), numbers);
  }
}

TEST(codec, longer_headers_of_arrays_and_maps_are_accepted) {
  for (const char* form : {"9107", "dc000107", "dd0000000107"}) EXPECT_EQ(decoded<std::vector<int>>(form), std::vector<int>{7});
  for (const char* form : {"810708", "de00010708", "df000000010708"})
    EXPECT_EQ((decoded<std::map<int, int>>(form)), (std::map<int, int>{{7, 8}}));
}

TEST(codec, tuples_have_a_fixed_length) {
  const std::tuple<int, std::string, bool> three{1, "x", true};
  EXPECT_EQ(encoded(three), "9301a178c3");
  EXPECT_EQ(round_trip(three), three);
  EXPECT_EQ(encoded(std::pair{1, 2.5}), "9201cb4004000000000000");
  EXPECT_EQ(encoded(std::tuple<>{}), "90");
  EXPECT_EQ((decode_complaint<std::pair<int, int>>("93010203")), "expected array of 2, got array of 3");
  EXPECT_EQ((decode_complaint<std::array<int, 2>>("9101")), "expected array of 2, got array of 1");
  EXPECT_EQ((decode_complaint<std::tuple<int, std::string>>("920102")), "[1]: expected str, got int 2");
}

TEST(codec, sets_travel_as_arrays_and_swallow_repetitions) {
  EXPECT_EQ(encoded(std::set<int>{3, 1, 2}), "93010203");
  EXPECT_EQ(decoded<std::set<int>>("93020102"), (std::set<int>{1, 2}));
  EXPECT_EQ(round_trip(std::unordered_set<std::string>{"a", "b"}), (std::unordered_set<std::string>{"a", "b"}));
}

TEST(codec, maps_take_keys_of_any_type) {
  EXPECT_EQ(encoded(std::map<std::string, int>{{"a", 1}, {"b", 2}}), "82a16101a16202");
  EXPECT_EQ(encoded(std::map<int, bool>{{1, true}}), "8101c3");
  const std::map<std::pair<int, int>, std::vector<int>> by_pair{{{1, 2}, {3}}, {{4, 5}, {}}};
  EXPECT_EQ(round_trip(by_pair), by_pair);
  const std::unordered_map<std::string, double> hashed{{"x", 1.5}, {"y", 2}};
  EXPECT_EQ(round_trip(hashed), hashed);
  EXPECT_EQ(round_trip(std::multimap<int, int>{{1, 1}, {1, 2}}).size(), 2U);
  for (const int size : {15, 16, 65536}) {
    std::map<int, int> numbers;
    for (int i = 0; i < size; ++i) numbers[i] = -i;
    EXPECT_EQ(round_trip(numbers), numbers);
  }
}

TEST(codec, of_equal_keys_of_a_map_the_last_counts) {
  EXPECT_EQ((decoded<std::map<int, int>>("8201020103")), (std::map<int, int>{{1, 3}}));
}

TEST(codec, ordered_maps_keep_the_order_of_the_wire) {
  const char* wire = "83a17a01a16102a16d03";
  const auto map = decoded<ordered_map<std::string, int>>(wire);
  ASSERT_NE(map.find("m"), nullptr);
  EXPECT_EQ(*map.find("m"), 3);
  EXPECT_EQ(encoded(map), wire);
}

TEST(codec, nothing_is_nil_and_something_is_itself) {
  EXPECT_EQ(encoded(std::optional<int>()), "c0");
  EXPECT_EQ(encoded(std::optional<int>(7)), "07");
  EXPECT_EQ(decoded<std::optional<int>>("c0"), std::nullopt);
  EXPECT_EQ(decoded<std::optional<std::string>>("a178"), "x");
  EXPECT_EQ(encoded(std::unique_ptr<int>()), "c0");
  EXPECT_EQ(encoded(std::make_unique<int>(7)), "07");
  EXPECT_EQ(*decoded<std::unique_ptr<int>>("07"), 7);
  EXPECT_EQ(decode_complaint<std::optional<int>>("a178"), "expected int, got str 'x'");
}

TEST(codec, errors_name_the_element) {
  EXPECT_EQ(decode_complaint<std::vector<int>>("9301a17803"), "[1]: expected int, got str 'x'");
  EXPECT_EQ((decode_complaint<std::map<std::string, std::vector<int>>>("81a16b9201a178")), "['k'][1]: expected int, got str 'x'");
  EXPECT_EQ((decode_complaint<std::map<std::string, int>>("82a16b010203")), "[1]: expected str, got int 2");
  EXPECT_EQ((decode_complaint<std::map<int, int>>("820102c203")), "[1]: expected int, got bool False");
  EXPECT_EQ((decode_complaint<std::map<int, int>>("8201020304", {.elements_max = 1})),
            "a map of 2 exceeds the bound of 1 elements in all (elements_max)");
  EXPECT_EQ((decode_complaint<std::vector<int>>("9101a1a1", {}, "pld")), "pld: 2 bytes follow the value");
}

TEST(codec, errors_of_encoding_name_the_element) {
  const std::string bad = "\xff";
  const std::string reason = R"(text that is not UTF-8 has no msgpack form (send it as bytes): '\xff')";
  EXPECT_EQ(encode_complaint(bad, "pld"), "pld: " + reason);
  EXPECT_EQ(encode_complaint(std::vector<std::string>{"a", bad}, "pld"), "pld[1]: " + reason);
  EXPECT_EQ(encode_complaint(std::tuple(1, bad)), "[1]: " + reason);
  EXPECT_EQ(encode_complaint(std::tuple(std::vector{1}, bad)), "[1]: " + reason);
  EXPECT_EQ(encode_complaint(std::map<std::string, std::string>{{"k", bad}}), "['k']: " + reason);
  EXPECT_EQ(encode_complaint(std::map<std::string, int>{{"a", 1}, {bad, 2}}), "[1]: " + reason);
}

struct link {
  std::unique_ptr<link> next;
};

TEST(codec, values_that_contain_themselves_are_bounded_by_depth) {
  const auto chain = [](unsigned length) {
    link head;
    for (unsigned i = 0; i < length; ++i) head.next = std::make_unique<link>(link{std::move(head.next)});
    return head;
  };
  buffer out;
  encode(out, chain(20));
  EXPECT_EQ(out.size(), 21 * 6 + 1U);
  unsigned length = 0;
  const auto decoded_chain = decode<link>(out.view());
  for (const link* at = &decoded_chain; at->next; at = at->next.get()) ++length;
  EXPECT_EQ(length, 20U);

  EXPECT_THAT(encode_complaint(chain(1000)), testing::HasSubstr("nests deeper than 64 levels (encode_depth_max)"));
}

}  // namespace
}  // namespace tractor::msg
