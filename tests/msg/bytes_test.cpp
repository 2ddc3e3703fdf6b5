// SPDX-License-Identifier: Apache-2.0

#include "tractor/msg/bytes.hpp"

#include <gtest/gtest.h>

namespace tractor::msg {
namespace {

TEST(buffer, appended_bytes_are_read_back_in_order) {
  buffer out;
  out.append(std::string_view("abc"));
  out.push_back(std::byte{'d'});
  out.append(as_bytes("ef"));

  EXPECT_EQ(as_text(out.view()), "abcdef");
  EXPECT_EQ(out.size(), 6U);
}

TEST(buffer, cleared_keeps_its_memory) {
  buffer out;
  for (int i = 0; i < 10'000; ++i) out.append(std::string_view("0123456789"));
  const std::size_t capacity = out.capacity();
  const std::byte* const data = out.data();

  out.clear();
  for (int i = 0; i < 10'000; ++i) out.append(std::string_view("0123456789"));

  EXPECT_EQ(out.capacity(), capacity);
  EXPECT_EQ(out.data(), data);
}

TEST(buffer, excess_is_released_only_when_empty_and_above_the_bound) {
  buffer out;
  out.append(std::string_view("x"));
  out.reserve(100'000);

  out.release_excess(1'000);
  EXPECT_GE(out.capacity(), 100'000U);
  out.clear();
  out.release_excess(200'000);
  EXPECT_GE(out.capacity(), 100'000U);
  out.release_excess(1'000);
  EXPECT_EQ(out.capacity(), 0U);
  out.append(std::string_view("y"));
  EXPECT_EQ(as_text(out.view()), "y");
}

TEST(buffer, patched_length_is_little_endian) {
  buffer out;
  out.append(std::string_view("<....>"));

  out.patch_u32_le(1, 0x04030201);

  EXPECT_EQ(as_text(out.view()), std::string_view("<\x01\x02\x03\x04>"));
}

TEST(buffer, patch_behind_the_content_is_refused) {
  buffer out;
  out.append(std::string_view("1234"));
  EXPECT_DEATH(out.patch_u32_le(1, 0), "only bytes that were appended can be patched");
}

TEST(buffer, moved_from_is_empty_and_usable) {
  buffer from;
  from.append(std::string_view("abc"));

  buffer to = std::move(from);
  from.append(std::string_view("new"));  // NOLINT(bugprone-use-after-move): that is what is tested

  EXPECT_EQ(as_text(to.view()), "abc");
  EXPECT_EQ(as_text(from.view()), "new");
}

TEST(buffer, truncated_drops_the_end_only) {
  buffer out;
  out.append(std::string_view("abcdef"));
  out.truncate(10);
  EXPECT_EQ(out.size(), 6U);
  out.truncate(2);
  EXPECT_EQ(as_text(out.view()), "ab");
}

}  // namespace
}  // namespace tractor::msg
