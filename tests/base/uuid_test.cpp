// SPDX-License-Identifier: Apache-2.0

#include "tractor/base/uuid.hpp"

#include <gtest/gtest.h>

#include <cctype>
#include <random>
#include <string>

namespace {

using tractor::uuid;

constexpr const char* sample = "6f63cb36-af91-4424-aa60-ba87f005ce1e";

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

TEST(uuid, default_constructed_is_all_zero) { EXPECT_EQ(uuid{}.text(), "00000000-0000-0000-0000-000000000000"); }

TEST(uuid, text_of_parsed_text_is_the_same) {
  const auto id = uuid::parse(sample);

  ASSERT_TRUE(id);
  EXPECT_EQ(id->text(), sample);
  EXPECT_EQ(id->bytes[0], 0x6f);
  EXPECT_EQ(id->bytes[15], 0x1e);
}

TEST(uuid, parse_accepts_upper_case) { EXPECT_EQ(uuid::parse(upper(sample)), uuid::parse(sample)); }

TEST(uuid, parse_refuses_what_is_not_the_hyphenated_form) {
  const std::string text = sample;
  EXPECT_FALSE(uuid::parse(""));
  EXPECT_FALSE(uuid::parse(text.substr(1)));
  EXPECT_FALSE(uuid::parse(text + "0"));
  EXPECT_FALSE(uuid::parse("{" + text + "}"));
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string broken = text;
    broken[i] = broken[i] == '-' ? '0' : 'g';
    EXPECT_FALSE(uuid::parse(broken)) << broken;
  }
}

TEST(uuid, from_random_sets_version_and_variant_and_keeps_the_other_bits) {
  EXPECT_EQ(uuid::from_random(0, 0).text(), "00000000-0000-4000-8000-000000000000");
  EXPECT_EQ(uuid::from_random(~0ULL, ~0ULL).text(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
  EXPECT_EQ(uuid::from_random(0x0123456789abcdefULL, 0xfedcba9876543210ULL).text(), "01234567-89ab-4def-bedc-ba9876543210");
}

TEST(uuid, random_ids_survive_their_text) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 bits(seed);

  for (int i = 0; i < 1000; ++i) {
    const uuid id = uuid::from_random(bits(), bits());
    ASSERT_EQ(uuid::parse(id.text()), id);
    ASSERT_EQ(uuid::parse(upper(id.text())), id);
  }
}

TEST(uuid, order_is_that_of_the_text) {
  const auto low = uuid::parse("00000000-0000-4000-8000-0000000000ff"), high = uuid::parse("00000000-0000-4000-8000-000000000100");

  EXPECT_LT(*low, *high);
  EXPECT_LT(low->text(), high->text());
}

}  // namespace
