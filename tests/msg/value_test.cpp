// SPDX-License-Identifier: Apache-2.0

#include "tractor/msg/value.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "msg_test.hpp"

namespace tractor::msg {
namespace {

using test::decoded;
using test::encoded;

std::string complaint_of(auto call) {
  try {
    call();
  } catch (const decode_error& error) {
    return error.message();
  }
  ADD_FAILURE() << "no error";
  return {};
}

TEST(value, literals_make_values) {
  const value v = {{"epoch", 3}, {"loss", 0.5}, {"tags", value::array{"a", nullptr, true}}, {7, bytes{std::byte{1}}}};

  EXPECT_EQ(v.kind(), item_kind::map);
  EXPECT_EQ(v.size(), 4U);
  EXPECT_EQ(v.at("epoch").as_int(), 3);
  EXPECT_EQ(v.at("loss").as_double(), 0.5);
  EXPECT_EQ(v.at("tags").at(0).as_str(), "a");
  EXPECT_TRUE(v.at("tags").at(1).is_nil());
  EXPECT_TRUE(v.at("tags").at(2).as_bool());
  EXPECT_EQ(v.find("absent"), nullptr);
  EXPECT_EQ(v.find("tags")->find("x"), nullptr);
  EXPECT_EQ(encoded(v), "84a565706f636803a46c6f7373cb3fe0000000000000a47461677393a161c0c307c40101");
}

TEST(value, whatever_arrives_encodes_to_the_same_bytes) {
  for (const char* wire : {"c0",
                           "c2",
                           "c3",
                           "00",
                           "7f",
                           "ff",
                           "e0",
                           "cc80",
                           "cdffff",
                           "ceffffffff",
                           "cf8000000000000000",
                           "d080",
                           "d18000",
                           "d280000000",
                           "d38000000000000000",
                           "cb3ff8000000000000",
                           "a0",
                           "a3616263",
                           "c400",
                           "c40200ff",
                           "90",
                           "9301a178c0",
                           "80",
                           "82a16101c202",
                           "d40501",
                           "d5050102",
                           "d60501020304",
                           "d7050102030405060708",
                           "d80501020304050607080910111213141516",
                           "c7030501020a",
                           "d6ff00000001",
                           "c70005"})
    EXPECT_EQ(encoded(decoded<value>(wire)), wire);
}

TEST(value, large_items_keep_their_size) {
  for (const std::size_t size : {255U, 256U, 65535U, 65536U}) {
    const value ext = value::ext{9, bytes(size)};
    EXPECT_EQ(test::round_trip(ext), ext);
    const value text = std::string(size, 'x');
    EXPECT_EQ(test::round_trip(text), text);
    value::array elements(size);
    EXPECT_EQ(test::round_trip(value(elements)).size(), size);
  }
}

TEST(value, accessors_refuse_other_kinds) {
  EXPECT_EQ(complaint_of([] { static_cast<void>(value("x").as_int()); }), "expected int, got str 'x'");
  EXPECT_EQ(complaint_of([] { static_cast<void>(value(1).as_bool()); }), "expected bool, got int 1");
  EXPECT_EQ(complaint_of([] { static_cast<void>(value(-1).as_uint()); }), "expected int of 64 bits without a sign, got int -1");
  EXPECT_EQ(complaint_of([] { static_cast<void>(value(1ULL << 63).as_int()); }),
            "expected int of 64 bits with a sign, got int 9223372036854775808");
  EXPECT_EQ(complaint_of([] { static_cast<void>(value().as_double()); }), "expected float, got nil");
  EXPECT_EQ(complaint_of([] { static_cast<void>(value().as_str()); }), "expected str, got nil");
  EXPECT_EQ(complaint_of([] { static_cast<void>(value().as_bytes()); }), "expected bytes, got nil");
  EXPECT_EQ(complaint_of([] { static_cast<void>(value(1.5).as_array()); }), "expected array, got float 1.5");
  EXPECT_EQ(complaint_of([] { static_cast<void>(value(value::array{1}).as_map()); }), "expected map, got array of 1");
  EXPECT_EQ(complaint_of([] { static_cast<void>(value(value::array{1}).at(1)); }), "no element 1 in an array of 1");
  EXPECT_EQ(complaint_of([] { static_cast<void>(value({{"a", 1}}).at("b")); }), "no key 'b' in {'a': 1}");
}

TEST(value, numbers_are_equal_by_value_and_floats_are_apart) {
  EXPECT_EQ(value(7), value(7U));
  EXPECT_EQ(value(std::uint64_t{7}), value(std::int8_t{7}));
  EXPECT_NE(value(-1), value(std::numeric_limits<std::uint64_t>::max()));
  EXPECT_NE(value(1), value(1.0));
  EXPECT_NE(value(1), value(true));
  EXPECT_NE(value(nullptr), value(false));
  EXPECT_NE(value("a"), value(bytes{std::byte{'a'}}));
  EXPECT_EQ(value("a"), "a");
  EXPECT_EQ(value(0.0), value(-0.0));
  EXPECT_NE(value(std::nan("")), value(std::nan("")));
}

TEST(value, maps_are_equal_in_any_order) {
  EXPECT_EQ(value({{"a", 1}, {"b", 2}, {3, nullptr}}), value({{3, nullptr}, {"b", 2}, {"a", 1}}));
  EXPECT_NE(value({{"a", 1}, {"b", 2}}), value({{"a", 2}, {"b", 1}}));
  EXPECT_NE(value({{"a", 1}}), value({{"a", 1}, {"b", 2}}));
  // maps, arrays and every scalar as keys
  const value one = {
      {value({{"x", 1}, {"y", 2}}), 1}, {value::array{1, "a"}, 2}, {1.5, 3}, {true, 4}, {value::ext{1, {}}, 5}, {1ULL << 63, 6}};
  const value two = {
      {1ULL << 63, 6}, {true, 4}, {value::ext{1, {}}, 5}, {1.5, 3}, {value::array{1, "a"}, 2}, {value({{"y", 2}, {"x", 1}}), 1}};
  EXPECT_EQ(one, two);
}

TEST(value, text_reads_like_python) {
  const value v = {
      {"a", value::array{1, -2.0, nullptr, true}}, {"b", bytes{std::byte{0}, std::byte{'x'}}}, {1, "it's\n\x01"}, {2, value::ext{5, {}}}};
  EXPECT_EQ(v.text(), R"({'a': [1, -2.0, None, True], 'b': b'\x00x', 1: 'it\'s\n\x01', 2: ext(5, b'')})");
  EXPECT_EQ(value(1e300).text(), "1e+300");
  EXPECT_EQ(value(std::nan("")).text(), "nan");
  EXPECT_EQ(value(-std::numeric_limits<double>::infinity()).text(), "-inf");
  EXPECT_EQ(value(std::numeric_limits<std::uint64_t>::max()).text(), "18446744073709551615");
  EXPECT_EQ(value("h\xc3\xa9").text(), "'h\xc3\xa9'");
  EXPECT_EQ(value("bad\xff").text(), R"('bad\xff')");
}

TEST(value, text_is_bounded_and_cut_between_characters) {
  EXPECT_EQ(value(std::string(100, 'x')).text(10), "'xxxxxxxxxx…'");
  EXPECT_EQ(value("xxxxxxxxx\xc3\xa9").text(10), "'xxxxxxxxx…'");
  EXPECT_EQ(value(value::array(1000, value(7))).text(10), "[7, 7, 7, …]");
  value deep;
  for (int i = 0; i < 1000; ++i) deep = value::array{std::move(deep)};
  EXPECT_LT(deep.text(100'000).size(), 200U);
  value::map wide;
  for (int i = 0; i < 10'000; ++i) wide.append(i, std::string(1000, 'x'));
  EXPECT_LT(value(wide).text().size(), 400U);
}

TEST(value, encoded_items_read_the_same) {
  const value cut_in_a_key = {{value::array{std::string(300, 'x'), 1}, "y"}, {1, 2}};
  EXPECT_EQ(item_text(test::unhex(encoded(cut_in_a_key))), cut_in_a_key.text());
  const value v = {{"a", value::array{1, -2.0, nullptr, true}}, {"b", bytes{std::byte{0}, std::byte{'x'}}}, {2, value::ext{5, {}}}};
  EXPECT_EQ(item_text(test::unhex(encoded(v))), v.text());
  EXPECT_EQ(item_text(test::unhex("9301c102")), "[1, <invalid>");
  EXPECT_EQ(item_text(test::unhex("c1")), "<invalid>");
  EXPECT_EQ(item_text({}), "<invalid>");
  EXPECT_EQ(item_description(test::unhex("c0")), "nil");
  EXPECT_EQ(item_description(test::unhex("82a16101a16202")), "map of 2");
  EXPECT_EQ(item_description(test::unhex("dd00ffffff")), "a broken array");
  EXPECT_EQ(item_description(test::unhex("c1")), "the invalid byte 0xc1");
  EXPECT_EQ(item_description({}), "nothing");
  EXPECT_EQ(item_description(test::unhex("a3616263")), "str 'abc'");
}

struct progress {
  int epoch = 0;
  double loss = 0;
};

TEST(value, values_become_types_and_types_values) {
  EXPECT_EQ(from_value<progress>({{"epoch", 3}, {"loss", 0.5}}).epoch, 3);
  EXPECT_EQ(to_value(progress{3, 0.5}), value({{"epoch", 3}, {"loss", 0.5}}));
  EXPECT_EQ(complaint_of([] { static_cast<void>(from_value<progress>({{"epoch", "x"}, {"loss", 0.5}})); }),
            "epoch: expected int, got str 'x'");
}

TEST(value, text_that_is_not_utf8_names_its_place_when_encoded) {
  const value v = {{"a", value::array{1, {{"b", "\xff"}}}}};
  EXPECT_EQ(test::encode_complaint(v, "pld"), R"(pld['a'][1]['b']: text that is not UTF-8 has no msgpack form (send it as bytes): '\xff')");
}

TEST(value, errors_name_the_place) {
  EXPECT_EQ(test::decode_complaint<value>("82a161920182a16201a163a1ffc0", {}, "pld"), R"(pld['a'][1]['c']: a str is not UTF-8: '\xff')");
  EXPECT_EQ(test::decode_complaint<value>("8101c1", {}, "pld"), "pld[0]: expected a value, got the invalid byte 0xc1");
}

}  // namespace
}  // namespace tractor::msg
