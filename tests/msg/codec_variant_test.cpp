// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "msg_test.hpp"
#include "tractor/base/uuid.hpp"
#include "tractor/msg/describe.hpp"

namespace tractor::msg {
namespace {

using test::decode_complaint;
using test::decoded;
using test::encode_complaint;
using test::encoded;

TEST(codec, the_alternative_of_a_variant_follows_the_kind_of_item) {
  using any_scalar = std::variant<std::monostate, bool, int, double, std::string, bytes>;
  for (const char* wire : {"c0", "c3", "07", "cb3ff8000000000000", "a178", "c40100"}) EXPECT_EQ(encoded(decoded<any_scalar>(wire)), wire);
  EXPECT_EQ(decoded<any_scalar>("c0").index(), 0U);
  EXPECT_EQ(decoded<any_scalar>("c3").index(), 1U);
  EXPECT_EQ(decoded<any_scalar>("07").index(), 2U);
  EXPECT_EQ(decoded<any_scalar>("cb3ff8000000000000").index(), 3U);
  EXPECT_EQ(decoded<any_scalar>("a178").index(), 4U);
  EXPECT_EQ(decoded<any_scalar>("c40100").index(), 5U);
  EXPECT_EQ(decode_complaint<any_scalar>("91c0"), "expected None | bool | int | float | str | bytes, got array of 1");
}

TEST(codec, a_whole_number_is_an_int_before_it_is_a_float) {
  using number = std::variant<double, std::int8_t, int>;
  EXPECT_EQ(decoded<number>("07").index(), 1U);
  EXPECT_EQ(decoded<number>("cd012c").index(), 2U);
  EXPECT_EQ(decoded<number>("cf8000000000000000").index(), 0U);
  EXPECT_EQ(decoded<number>("cb3ff8000000000000").index(), 0U);
}

TEST(codec, with_one_candidate_the_error_names_the_place) {
  using either = std::variant<int, std::vector<int>>;
  EXPECT_EQ(decode_complaint<either>("9201a178", {}, "pld"), "pld[1]: expected int, got str 'x'");
}

struct a_point {
  int x = 0;
  int y = 0;
};
struct a_point_3d {
  int x = 0;
  int y = 0;
  int z = 0;
};
struct a_name {
  std::string name;
  std::optional<int> age;
};

TEST(codec, structures_are_told_apart_by_their_fields) {
  using any_shape = std::variant<a_point, a_point_3d, a_name>;
  EXPECT_EQ(decoded<any_shape>(encoded(a_point{1, 2})).index(), 0U);
  EXPECT_EQ(decoded<any_shape>(encoded(a_point_3d{1, 2, 3})).index(), 1U);
  EXPECT_EQ(decoded<any_shape>(encoded(a_name{"n", {}})).index(), 2U);
  // {"name": "n"}: an optional field may be missing
  EXPECT_EQ(decoded<any_shape>("81a46e616d65a16e").index(), 2U);
  // {"x": 1, "y": 2, "w": 3}: nothing matches exactly, the first that has all it needs
  EXPECT_EQ(decoded<any_shape>("83a17801a17902a17703").index(), 0U);
  // {"x": 1}
  EXPECT_EQ(decode_complaint<any_shape>("81a17801"), "expected a_point | a_point_3d | a_name, got map of 1");
}

struct holds_int {
  int v = 0;
};
struct holds_text {
  std::string v;
};

TEST(codec, structures_with_the_same_names_are_told_apart_by_the_values) {
  using either = std::variant<holds_int, holds_text>;
  EXPECT_EQ(decoded<either>("81a17607").index(), 0U);
  EXPECT_EQ(decoded<either>("81a176a178").index(), 1U);
}

TEST(codec, what_looked_right_at_first_is_not_the_last_attempt) {
  using either = std::variant<std::vector<int>, std::vector<std::variant<int, std::string>>>;
  // the first element fits both; the second only the second
  EXPECT_EQ(decoded<either>("9201a178").index(), 1U);
  EXPECT_EQ(decode_complaint<either>("9201c3"), "[1]: expected int, got bool True");
}

TEST(codec, containers_are_told_apart_by_size_and_content) {
  using any = std::variant<std::array<int, 2>, std::tuple<int, std::string>, std::map<std::string, int>, std::map<int, int>,
                           std::vector<std::string>>;
  EXPECT_EQ(decoded<any>("920102").index(), 0U);
  EXPECT_EQ(decoded<any>("9201a178").index(), 1U);
  EXPECT_EQ(decoded<any>("81a17801").index(), 2U);
  EXPECT_EQ(decoded<any>("810102").index(), 3U);
  EXPECT_EQ(decoded<any>("93a178a178a178").index(), 4U);
}

enum class colour { red, green };
TRACTOR_DESCRIBE_ENUM(colour, red, green)

TEST(codec, texts_are_told_apart_by_what_they_say) {
  using any = std::variant<uuid, std::chrono::milliseconds, colour, std::string>;
  EXPECT_EQ(decoded<any>(encoded(uuid())).index(), 0U);
  EXPECT_EQ(decoded<any>(encoded("PT1.5S")).index(), 1U);
  EXPECT_EQ(decoded<any>(encoded("green")).index(), 2U);
  EXPECT_EQ(decoded<any>(encoded("blue")).index(), 3U);
}

TEST(codec, anything_else_falls_to_a_dynamic_value) {
  using any = std::variant<value, a_point, int>;
  EXPECT_EQ(decoded<any>("07").index(), 2U);
  EXPECT_EQ(decoded<any>(encoded(a_point{1, 2})).index(), 1U);
  EXPECT_EQ(decoded<any>("c3").index(), 0U);
}

TEST(codec, nested_variants_and_optionals_are_looked_into) {
  using any = std::variant<std::optional<std::variant<int, bool>>, std::string>;
  EXPECT_EQ(decoded<any>("c0").index(), 0U);
  EXPECT_EQ(decoded<any>("c3").index(), 0U);
  EXPECT_EQ(decoded<any>("a178").index(), 1U);
}

TEST(codec, limits_hold_across_attempts) {
  using either = std::variant<std::vector<int>, std::vector<std::variant<int, std::string>>>;
  EXPECT_EQ(decoded<either>("9201a178", {.elements_max = 2}).index(), 1U);
}

}  // namespace
}  // namespace tractor::msg
