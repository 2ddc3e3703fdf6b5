// SPDX-License-Identifier: Apache-2.0

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "msg_test.hpp"
#include "tractor/msg/describe.hpp"

namespace tractor::msg {
namespace {

using test::decode_complaint;
using test::decoded;
using test::encode_complaint;
using test::encoded;
using test::round_trip;

struct point {
  int x = 0;
  int y = 0;
  friend bool operator==(const point&, const point&) = default;
};
struct shape_of_all {
  std::string name;
  std::vector<point> corners;
  std::optional<double> area;
  std::map<std::string, point> labels;
  point centre;
  friend bool operator==(const shape_of_all&, const shape_of_all&) = default;
};

// {"x": 1, "y": 2}
constexpr const char* point_wire = "82a17801a17902";

TEST(codec, structures_travel_as_maps_keyed_by_field_name) {
  EXPECT_EQ(encoded(point{1, 2}), point_wire);
  EXPECT_EQ(decoded<point>(point_wire), (point{1, 2}));
  const shape_of_all nested{"s", {{1, 2}, {3, 4}}, 2.5, {{"a", {5, 6}}}, {7, 8}};
  EXPECT_EQ(round_trip(nested), nested);
}

struct nothing {};

TEST(codec, a_structure_without_fields_is_an_empty_map) {
  EXPECT_EQ(encoded(nothing{}), "80");
  static_cast<void>(decoded<nothing>("80"));
  static_cast<void>(decoded<nothing>(point_wire));
}

// S-MSG-2
TEST(codec, keys_may_come_in_any_order_and_form) {
  EXPECT_EQ(decoded<point>("82a17902a17801"), (point{1, 2}));
  EXPECT_EQ(decoded<point>("de0002d90178cc01db000000017902"), (point{1, 2}));
}

// S-MSG-2
TEST(codec, unknown_keys_are_ignored_wherever_they_stand) {
  // "z": [{}, {"x": nil}] in front of, between and behind the fields
  EXPECT_EQ(decoded<point>("83a17a928081a178c0a17801a17902"), (point{1, 2}));
  EXPECT_EQ(decoded<point>("83a17801a17a928081a178c0a17902"), (point{1, 2}));
  EXPECT_EQ(decoded<point>("83a17801a17902a17a928081a178c0"), (point{1, 2}));
  EXPECT_EQ(decode_complaint<point>("8305c0a17801a17902"), "expected a field name, got int 5");
}

TEST(codec, a_key_that_occurs_twice_is_an_error) {
  EXPECT_EQ(decode_complaint<point>("83a17801a17902a17803"), "expected each field once, got str 'x'");
  EXPECT_EQ(decode_complaint<point>("82a17801a17801"), "expected each field once, got str 'x'");
}

struct with_optionals {
  int must = 1;
  std::optional<int> may = 2;
  std::unique_ptr<int> may_own = std::make_unique<int>(3);
};
struct with_defaults {
  static constexpr bool tractor_defaults = true;
  int first = 1;
  std::string second = "two";
};

TEST(codec, a_missing_key_is_an_error_unless_the_field_may_be_missing) {
  EXPECT_EQ(decode_complaint<point>("81a17801"), "the field 'y' is missing");
  EXPECT_EQ(decode_complaint<point>("81a17901"), "the field 'x' is missing");
  EXPECT_EQ(decode_complaint<point>("80", {}, "pld"), "pld: the field 'x' is missing");

  const auto partly = decoded<with_optionals>("81a46d75737407");
  EXPECT_EQ(partly.must, 7);
  EXPECT_EQ(partly.may, 2);
  EXPECT_EQ(*partly.may_own, 3);
  EXPECT_EQ(decode_complaint<with_optionals>("81a36d617907"), "the field 'must' is missing");

  const auto defaulted = decoded<with_defaults>("81a67365636f6e64a178");
  EXPECT_EQ(defaulted.first, 1);
  EXPECT_EQ(defaulted.second, "x");
}

TEST(codec, errors_name_the_path_and_the_value) {
  // {"name": "s", "corners": [{"x":1,"y":2}, {"x":1,"y":"a"}], "labels": {}, "centre": {}}
  const std::string head = "84a46e616d65a173a7636f726e65727392";
  EXPECT_EQ(decode_complaint<shape_of_all>(head + point_wire + "82a17801a179a161", {}, "pld"),
            "pld.corners[1].y: expected int, got str 'a'");
  // the same field, met out of order
  EXPECT_EQ(decode_complaint<shape_of_all>("81a7636f726e6572739182a179a161a17801", {}, "pld"),
            "pld.corners[0].y: expected int, got str 'a'");
  EXPECT_EQ(decode_complaint<shape_of_all>("81a66c6162656c7381a16b07", {}, "pld"), "pld.labels['k']: expected map, got int 7");
  EXPECT_EQ(decode_complaint<shape_of_all>("81a66c6162656c7381a16b80", {}, "pld"), "pld.labels['k']: the field 'x' is missing");
  EXPECT_EQ(decode_complaint<point>("9102"), "expected map, got array of 1");
}

struct texts {
  int number = 0;
  std::string first;
  std::string second;
};
struct deeper {
  texts flat;
  std::vector<texts> many;
};

TEST(codec, errors_of_encoding_name_the_path) {
  const std::string reason = R"(text that is not UTF-8 has no msgpack form (send it as bytes): '\xff')";
  EXPECT_EQ(encode_complaint(texts{1, "a", "\xff"}, "pld"), "pld.second: " + reason);
  EXPECT_EQ(encode_complaint(deeper{{1, "\xff", "b"}, {}}, "pld"), "pld.flat.first: " + reason);
  EXPECT_EQ(encode_complaint(deeper{{}, {{}, {1, "a", "\xff"}}}, "pld"), "pld.many[1].second: " + reason);
}

struct person {
  std::string name;
};
struct employee : person {
  int salary = 0;
};
TRACTOR_DESCRIBE(employee, name, salary)

class account {
 public:
  account() = default;
  account(std::string owner, int balance) : owner_(std::move(owner)), balance_(balance) {}
  friend bool operator==(const account&, const account&) = default;
  TRACTOR_DESCRIBE_PRIVATE(account, owner_, balance_)

 private:
  std::string owner_;
  int balance_ = 0;
};

TEST(codec, described_types_travel_as_maps) {
  employee ada;
  ada.name = "Ada";
  ada.salary = 3;
  EXPECT_EQ(encoded(ada), "82a46e616d65a3416461a673616c61727903");
  EXPECT_EQ(round_trip(ada).name, "Ada");
  EXPECT_EQ(round_trip(account("x", 4)), account("x", 4));
}

struct tree {
  int value = 0;
  std::vector<tree> children;
  friend bool operator==(const tree&, const tree&) = default;
};

TEST(codec, recursive_structures_are_bounded_by_depth) {
  tree root{1, {{2, {}}, {3, {{4, {}}}}}};
  EXPECT_EQ(round_trip(root), root);

  tree deep;
  for (int i = 0; i < 1000; ++i) {
    tree outer;
    outer.children.push_back(std::move(deep));
    deep = std::move(outer);
  }
  EXPECT_THAT(encode_complaint(deep), testing::HasSubstr("nests deeper than 64 levels (encode_depth_max)"));

  buffer out;
  for (int i = 0; i < 1000; ++i) out.append(test::unhex("82a576616c756501a86368696c6472656e91"));
  EXPECT_THROW(static_cast<void>(decode<tree>(out.view())), decode_error);
}

struct of_64 {
  int a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21, a22, a23, a24, a25, a26, a27, a28,
      a29, a30, a31, a32, a33, a34, a35, a36, a37, a38, a39, a40, a41, a42, a43, a44, a45, a46, a47, a48, a49, a50, a51, a52, a53, a54, a55,
      a56, a57, a58, a59, a60, a61, a62, a63;
};

TEST(codec, sixty_four_fields_work_in_and_out_of_order) {
  of_64 object{};
  int next = 0;
  for_each_field(object, [&](std::string_view, int& field) { field = next++; });
  EXPECT_EQ(round_trip(object).a63, 63);

  buffer out;
  writer to(out);
  to.map_header(64);
  for (int i = 63; i >= 0; --i) {
    to.str("a" + std::to_string(i));
    to.integer(i);
  }
  const auto back = decode<of_64>(out.view());
  EXPECT_EQ(back.a0, 0);
  EXPECT_EQ(back.a40, 40);
  EXPECT_EQ(back.a63, 63);

  // the last one is missing
  out.clear();
  to.map_header(63);
  for (int i = 0; i < 63; ++i) {
    to.str("a" + std::to_string(i));
    to.integer(i);
  }
  EXPECT_EQ(decode_complaint<of_64>(test::hex(out.view())), "the field 'a63' is missing");
}

TEST(codec, long_field_names_have_a_longer_header) {
  struct long_named {
    int a_field_name_of_more_than_thirty_one_bytes = 0;
  };
  EXPECT_EQ(encoded(long_named{7}), "81d92a" + test::hex(as_bytes("a_field_name_of_more_than_thirty_one_bytes")) + "07");
  EXPECT_EQ(round_trip(long_named{7}).a_field_name_of_more_than_thirty_one_bytes, 7);
}

}  // namespace
}  // namespace tractor::msg
