// SPDX-License-Identifier: Apache-2.0

#include "tractor/msg/framing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "msg_test.hpp"

namespace tractor::msg {
namespace {

std::string frame_of(std::string_view body) {
  std::string frame;
  for (unsigned shift = 0; shift < 32; shift += 8) frame += static_cast<char>(body.size() >> shift);
  return frame.append(body);
}

void feed(frame_splitter& splitter, std::string_view received) {
  const auto tail = splitter.writable_tail(received.size());
  ASSERT_GE(tail.size(), received.size());
  std::ranges::copy(as_bytes(received), tail.begin());
  splitter.commit(received.size());
}

std::vector<std::string> take_all(frame_splitter& splitter) {
  std::vector<std::string> bodies;
  while (const auto body = splitter.next()) bodies.emplace_back(as_text(*body));
  return bodies;
}

// S-FRM-1
TEST(frame_splitter, frames_of_one_read_come_out_in_order) {
  frame_splitter splitter;
  feed(splitter, frame_of("one") + frame_of("") + frame_of("three"));

  EXPECT_THAT(take_all(splitter), testing::ElementsAre("one", "", "three"));
  EXPECT_TRUE(splitter.at_frame_boundary());
}

TEST(frame_splitter, frames_that_arrive_byte_by_byte_come_out_whole) {
  frame_splitter splitter;
  const std::string stream = frame_of("one") + frame_of(std::string(300, 'x'));
  std::vector<std::string> bodies;
  for (const char c : stream) {
    feed(splitter, {&c, 1});
    std::ranges::copy(take_all(splitter), std::back_inserter(bodies));
  }
  EXPECT_THAT(bodies, testing::ElementsAre("one", std::string(300, 'x')));
}

TEST(frame_splitter, missing_is_what_the_frame_at_hand_still_needs) {
  frame_splitter splitter;
  const std::string frame = frame_of(std::string(100, 'x'));
  EXPECT_EQ(splitter.missing(), 0u);
  feed(splitter, frame.substr(0, 3));
  EXPECT_EQ(splitter.missing(), 0u) << "nobody knows";
  feed(splitter, frame.substr(3, 1));
  EXPECT_EQ(splitter.missing(), 100u);
  feed(splitter, frame.substr(4, 60));
  EXPECT_EQ(splitter.missing(), 40u);
  feed(splitter, frame.substr(64) + frame.substr(0, 14));
  EXPECT_EQ(splitter.missing(), 0u);
  EXPECT_TRUE(splitter.next());
  EXPECT_EQ(splitter.missing(), 90u) << "of the next one";
}

TEST(frame_splitter, any_cutting_of_the_stream_gives_the_same_frames) {
  test::seeded random;
  for (int round = 0; round < 300; ++round) {
    std::string stream;
    std::vector<std::string> sent, got;
    while (stream.size() < 20'000) {
      sent.emplace_back(random.below(4) == 0 ? random.below(5'000) : random.below(50), static_cast<char>('a' + random.below(26)));
      stream += frame_of(sent.back());
    }
    frame_splitter splitter;
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t size = std::min<std::size_t>(stream.size() - at, 1 + random.below(random.below(3) == 0 ? 8'000 : 60));
      feed(splitter, std::string_view(stream).substr(at, size));
      at += size;
      if (random.below(4) != 0) std::ranges::copy(take_all(splitter), std::back_inserter(got));
    }
    std::ranges::copy(take_all(splitter), std::back_inserter(got));
    ASSERT_EQ(got, sent);
    ASSERT_TRUE(splitter.at_frame_boundary());
  }
}

TEST(frame_splitter, bodies_of_one_read_stay_valid_until_the_next) {
  frame_splitter splitter;
  feed(splitter, frame_of("one") + frame_of("two") + "\x05");

  const auto one = splitter.next();
  const auto two = splitter.next();
  EXPECT_FALSE(splitter.next());

  EXPECT_EQ(as_text(*one), "one");
  EXPECT_EQ(as_text(*two), "two");
}

// S-FRM-2 [BETTER]: the announced size is bounded.
TEST(frame_splitter, a_frame_above_the_bound_is_refused_for_good) {
  frame_splitter splitter(1000);
  feed(splitter, frame_of("fine"));
  feed(splitter, std::string("\xe8\x03\x00\x00", 4));  // 1000: allowed
  EXPECT_THAT(take_all(splitter), testing::ElementsAre("fine"));
  feed(splitter, std::string(1000, 'x'));
  EXPECT_EQ(take_all(splitter).size(), 1U);

  feed(splitter, std::string("\xe9\x03\x00\x00", 4));
  for (int attempt = 0; attempt < 2; ++attempt) {
    try {
      static_cast<void>(splitter.next());
      ADD_FAILURE() << "no error";
    } catch (const protocol_error& error) {
      EXPECT_STREQ(error.what(), "the peer announced a frame of 1001 bytes; the bound is 1000 (frame_bytes_max)");
      EXPECT_EQ(error.category(), error_category::protocol);
    }
  }
}

TEST(frame_splitter, four_gigabytes_are_refused_by_default) {
  frame_splitter splitter;
  feed(splitter, "\xff\xff\xff\xff");
  EXPECT_THROW(static_cast<void>(splitter.next()), protocol_error);
  EXPECT_LT(splitter.capacity(), 100U);
}

TEST(frame_splitter, memory_follows_what_arrived) {
  frame_splitter splitter;
  feed(splitter, std::string("\x00\x00\x00\x04", 4));  // 64 MiB announced
  std::size_t received = 4;
  for (; received < 1'000'000; received += 1000) {
    EXPECT_FALSE(splitter.next());
    EXPECT_LE(splitter.capacity(), 2 * received + 1000);
    feed(splitter, std::string(1000, 'x'));
  }
}

TEST(frame_splitter, memory_does_not_grow_with_the_length_of_the_stream) {
  frame_splitter splitter;
  const std::string frame = frame_of(std::string(700, 'x'));
  std::string stream;
  for (int i = 0; i < 1000; ++i) stream += frame;
  for (std::size_t at = 0; at < stream.size(); at += 1000) {
    feed(splitter, std::string_view(stream).substr(at, 1000));
    static_cast<void>(take_all(splitter));
  }
  EXPECT_LE(splitter.capacity(), 8'000U);
  EXPECT_EQ(splitter.buffered_bytes(), stream.size() % 704);
}

// S-FRM-5, S-FRM-6 [BETTER]: the end of the stream inside a frame says where.
TEST(frame_splitter, the_end_of_the_stream_is_told_apart) {
  frame_splitter splitter;
  EXPECT_TRUE(splitter.at_frame_boundary());
  EXPECT_EQ(splitter.describe_eof(), "the stream ended between two frames");

  feed(splitter, frame_of("x") + std::string("\x64\x00", 2));
  static_cast<void>(take_all(splitter));
  EXPECT_FALSE(splitter.at_frame_boundary());
  EXPECT_EQ(splitter.describe_eof(), "the stream ended inside a frame: 2 of 4 bytes of the header had arrived");

  feed(splitter, std::string("\x00\x00", 2) + "0123456789");
  EXPECT_TRUE(take_all(splitter).empty());
  EXPECT_EQ(splitter.describe_eof(), "the stream ended inside a frame: 10 of 100 bytes of the body had arrived");
}

TEST(frame_splitter, moved_keeps_what_was_received) {
  frame_splitter from(500);
  feed(from, frame_of("x").substr(0, 3));

  frame_splitter to = std::move(from);
  feed(to, frame_of("x").substr(3));

  EXPECT_THAT(take_all(to), testing::ElementsAre("x"));
  EXPECT_EQ(to.frame_bytes_max(), 500U);
  feed(from, frame_of("y"));  // NOLINT(bugprone-use-after-move): empty and usable
  EXPECT_THAT(take_all(from), testing::ElementsAre("y"));
}

TEST(frame_splitter, committing_more_than_the_tail_is_a_bug_that_stops) {
  frame_splitter splitter;
  const auto tail = splitter.writable_tail(1);
  EXPECT_DEATH(splitter.commit(tail.size() + 1), "more bytes committed");
}

}  // namespace
}  // namespace tractor::msg
