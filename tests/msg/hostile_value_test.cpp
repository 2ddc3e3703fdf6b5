// SPDX-License-Identifier: Apache-2.0
//
// Small inputs that would cost much: stack by nesting, time by ambiguity, memory by announcing what is big.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "msg_test.hpp"

namespace hostile_value_types {

struct leaf {
  int v = 0;
};
struct node {
  std::unique_ptr<node> next;
};
struct sum;
struct product;
struct difference;
using expression = std::variant<double, std::unique_ptr<sum>, std::unique_ptr<difference>, std::unique_ptr<product>>;
struct sum {
  expression left, right;
};
struct difference {
  expression left, right;
};
struct product {
  expression left, right;
  std::optional<int> mark;
};
// Two that look alike until their last byte is read, within themselves.
struct first;
struct second;
using either = std::variant<std::unique_ptr<first>, std::unique_ptr<second>, bool>;
struct first {
  either next;
  std::vector<int> tail;
};
struct second {
  either next;
  std::vector<int> tail;
};
struct person {
  std::optional<std::string> a, b, c, d, e, f, g, h;
};

}  // namespace hostile_value_types

namespace tractor::msg {
namespace {

using namespace hostile_value_types;
using testing::HasSubstr;

template <class T>
std::string complaint(const buffer& in) {
  try {
    static_cast<void>(decode<T>(in.view()));
  } catch (const decode_error& error) {
    return error.what();
  }
  return "it was decoded";
}

// Deeper than any stack: found out by the depth of the value, not of the calls.
TEST(hostile_value, nesting_below_a_variant_is_bounded) {
  buffer in;
  for (int i = 0; i < 1'000'000; ++i) in.append(std::string_view("\x81\xa4next"));
  in.push_back(std::byte{0xc0});

  EXPECT_THAT((complaint<std::variant<leaf, node>>(in)), HasSubstr("depth_max"));
}

// Alternatives within alternatives, honest ones: the cost grows with the size, not with the number of ways to read it.
TEST(hostile_value, deep_expression_of_ambiguous_types_is_decoded) {
  constexpr int depth = 60;
  expression whole = 1.0;
  for (int i = 0; i < depth; ++i) {
    auto outer = std::make_unique<product>();
    outer->left = std::move(whole);
    outer->right = 2.0;
    outer->mark = i;
    whole = std::move(outer);
  }
  buffer in;
  encode(in, whole);

  const auto back = decode<expression>(in.view());

  const expression* at = &back;
  for (int i = depth - 1; i >= 0; --i) {
    ASSERT_EQ(at->index(), 3U);
    EXPECT_EQ(std::get<3>(*at)->mark, i);
    at = &std::get<3>(*at)->left;
  }
  EXPECT_EQ(std::get<double>(*at), 1.0);
}

// Every level begins right for both and fails at its end: 2 to the 40th attempts, of which a bounded number is made.
TEST(hostile_value, attempts_that_fail_are_bounded) {
  buffer in;
  constexpr int depth = 40;
  for (int i = 0; i < depth; ++i) in.append(std::string_view("\x82\xa4next"));
  in.push_back(std::byte{0xc3});
  for (int i = 0; i < depth; ++i) in.append(std::string_view("\xa4tail\x92\x01\xa1x"));

  EXPECT_THAT(complaint<either>(in), HasSubstr("reread_bytes_per_input_byte"));
}

// A byte that becomes hundreds: refused before the memory is taken.
TEST(hostile_value, big_elements_of_a_small_input_are_bounded) {
  constexpr std::size_t count = 1 << 20;
  buffer in;
  writer to(in);
  to.array_header(count);
  for (std::size_t i = 0; i < count; ++i) in.push_back(std::byte{0x80});

  EXPECT_THAT(complaint<std::vector<person>>(in), HasSubstr("object_bytes_per_input_byte"));
}

// A million absent texts, which are a byte each, are nothing unusual.
TEST(hostile_value, many_absent_elements_are_decoded) {
  buffer in;
  encode(in, std::vector<std::optional<std::string>>(1'000'000));

  EXPECT_EQ(decode<std::vector<std::optional<std::string>>>(in.view()).size(), 1'000'000U);
}

}  // namespace
}  // namespace tractor::msg
