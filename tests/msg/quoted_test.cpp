// SPDX-License-Identifier: Apache-2.0

#include "tractor/msg/quoted.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

namespace msg = tractor::msg;

TEST(quoted, plain_name_stays_as_it_is) {
  EXPECT_EQ("'worker'", msg::quoted("worker"));
  EXPECT_EQ("'K\xc3\xbcrbis'", msg::quoted("K\xc3\xbcrbis"));
  EXPECT_EQ("'" + std::string(msg::quoted_bytes_max, 'n') + "'", msg::quoted(std::string(msg::quoted_bytes_max, 'n')));
}

TEST(quoted, long_name_is_cut_and_its_length_told) {
  EXPECT_EQ("'" + std::string(msg::quoted_bytes_max, 'n') + "…' (50000 bytes)", msg::quoted(std::string(50'000, 'n')));
}

TEST(escaped, is_the_same_without_quotes) {
  EXPECT_EQ("worker", msg::escaped("worker"));
  EXPECT_EQ(R"(it\'s\n)", msg::escaped("it's\n"));
  EXPECT_EQ(std::string(msg::quoted_bytes_max, 'n') + "…", msg::escaped(std::string(50'000, 'n')));
  EXPECT_EQ("", msg::escaped(""));
}

TEST(quoted, control_characters_are_escaped) {
  EXPECT_EQ(R"('two\nlines')", msg::quoted("two\nlines"));
  EXPECT_EQ(R"('\x1b[2J\x7f')", msg::quoted("\x1b[2J\x7f"));
  EXPECT_EQ(R"('\xc2\x9bH')", msg::quoted("\xc2\x9bH")) << "what ESC [ is in one character";
}

TEST(quoted, text_that_is_no_utf8_is_escaped) { EXPECT_EQ(R"('a\xff')", msg::quoted("a\xff")); }

}  // namespace
