// SPDX-License-Identifier: Apache-2.0

#include "tractor/msg/utf8.hpp"

#include <gtest/gtest.h>

#include <string>

#include "msg_test.hpp"

namespace tractor::msg {
namespace {

// The definition, letter by letter: decodes one code point, or says no.
bool is_utf8_by_definition(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const int extra = lead < 0x80 ? 0 : lead >> 5 == 6 ? 1 : lead >> 4 == 14 ? 2 : lead >> 3 == 30 ? 3 : -1;
    if (extra < 0 || i + static_cast<std::size_t>(extra) >= text.size()) return false;
    unsigned point = extra == 0 ? lead : lead & (0x3fU >> extra);
    for (int k = 1; k <= extra; ++k) {
      const auto next = static_cast<unsigned char>(text[i + static_cast<std::size_t>(k)]);
      if (next >> 6 != 2) return false;
      point = point << 6 | (next & 0x3fU);
    }
    static constexpr unsigned least[] = {0, 0x80, 0x800, 0x10000};
    if (point < least[extra] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return false;
    i += static_cast<std::size_t>(extra) + 1;
  }
  return true;
}

TEST(utf8, ascii_of_any_length_and_alignment_is_accepted) {
  const std::string text(100, 'x');
  for (std::size_t from = 0; from < 9; ++from)
    for (std::size_t size = 0; size < 80; ++size) EXPECT_TRUE(is_utf8(std::string_view(text).substr(from, size)));
}

TEST(utf8, a_single_bad_byte_is_found_at_every_position) {
  for (std::size_t size = 1; size < 40; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      std::string text(size, 'x');
      text[at] = '\xff';
      EXPECT_FALSE(is_utf8(text)) << size << ' ' << at;
    }
  }
}

TEST(utf8, boundaries_of_every_length_follow_rfc_3629) {
  for (const char* good :
       {"\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
    EXPECT_TRUE(is_utf8(good));
  for (const char* bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xe1\x80",
                          "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf1\x80\x80", "\xff", "\xc3\x28", "\xe2\x28\xa1"})
    EXPECT_FALSE(is_utf8(bad));
}

TEST(utf8, random_text_agrees_with_the_definition) {
  test::seeded random;
  static constexpr char alphabet[] = "ab\x80\x9f\xa0\xbf\xc2\xc3\xe0\xe2\xed\xef\xf0\xf4\xff";
  for (int round = 0; round < 100'000; ++round) {
    std::string text(random.below(14), '\0');
    for (char& c : text) c = alphabet[random.below(sizeof alphabet - 1)];
    ASSERT_EQ(is_utf8(text), is_utf8_by_definition(text)) << test::hex(as_bytes(text));
  }
}

}  // namespace
}  // namespace tractor::msg
