// SPDX-License-Identifier: Apache-2.0
//
// The counting behind flow control, without actors: a sender never has more under way than the receiver has room for, and is never left
// waiting by a receiver that has taken everything.

#include "tractor/runtime/detail/credit.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <random>

#include "tractor/msg/protocol.hpp"

namespace {

using tractor::stream_window_bytes;
using tractor::detail::receive_credit;
using tractor::detail::send_credit;

TEST(send_credit, is_without_bound_until_the_peer_says_so) {
  send_credit credit;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(credit.available());
    credit.spend(stream_window_bytes);
  }
  credit.add(3, 3);  // of a peer that never said that it counts: nothing
  EXPECT_TRUE(credit.available());
}

// S-OVR-9
TEST(send_credit, is_used_up_message_by_message) {
  send_credit credit;
  credit.bind(2);
  credit.spend(1);
  EXPECT_TRUE(credit.available());
  credit.spend(1);
  EXPECT_FALSE(credit.available());
  credit.add(64, 1);
  EXPECT_TRUE(credit.available());
  credit.spend(1);
  EXPECT_FALSE(credit.available());
  credit.release();
  EXPECT_TRUE(credit.available());
}

TEST(send_credit, is_used_up_by_bytes_but_for_one_message) {
  send_credit credit;
  credit.bind(100);
  credit.spend(stream_window_bytes - 1);
  EXPECT_TRUE(credit.available()) << "one message more, of any size";
  credit.spend(10 * stream_window_bytes);
  EXPECT_FALSE(credit.available());
  credit.add(stream_window_bytes - 1, 0);
  EXPECT_FALSE(credit.available()) << "the big one is still under way";
  credit.add(10 * stream_window_bytes, 0);
  EXPECT_TRUE(credit.available());
}

TEST(send_credit, of_a_peer_that_gives_without_end_does_not_wrap) {
  send_credit credit;
  credit.bind(5);
  for (int i = 0; i < 3; ++i) credit.add(~std::uint64_t{0}, ~std::uint64_t{0});
  EXPECT_TRUE(credit.available());
  credit.spend(1);
  EXPECT_TRUE(credit.available());
}

// S-OVR-9
TEST(receive_credit, refuses_what_was_not_allowed) {
  receive_credit credit;
  credit.bind(2);
  EXPECT_TRUE(credit.receive());
  EXPECT_TRUE(credit.receive());
  EXPECT_FALSE(credit.receive());
}

std::size_t messages_of(const std::optional<tractor::detail::grant>& grant) { return grant ? grant->messages : 0; }

TEST(receive_credit, gives_in_portions_of_half_the_window) {
  receive_credit credit;
  credit.bind(10);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(credit.receive());
  for (std::size_t unread = 9; unread > 5; --unread) {
    credit.take(1);
    EXPECT_FALSE(credit.take_grant(unread));
  }
  credit.take(1);
  const auto half = credit.take_grant(5);
  ASSERT_TRUE(half);
  EXPECT_EQ(half->messages, 5u);
  EXPECT_EQ(half->bytes, 5u * 64);
  credit.take(1);
  EXPECT_FALSE(credit.take_grant(4));
}

TEST(receive_credit, gives_when_half_of_the_bytes_were_taken_too) {
  receive_credit credit;
  credit.bind(100);
  EXPECT_TRUE(credit.receive());
  credit.take(stream_window_bytes / 2);
  const auto one = credit.take_grant(0);
  ASSERT_TRUE(one);
  EXPECT_EQ(one->messages, 1u);
  EXPECT_EQ(one->bytes, stream_window_bytes / 2);
}

TEST(receive_credit, window_that_shrinks_takes_nothing_back_and_one_that_grows_is_given) {
  receive_credit credit;
  credit.bind(10);
  credit.set_window(1);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(credit.receive()) << "the peer was told so";
  EXPECT_EQ(messages_of(credit.take_grant(1)), 0u);
  EXPECT_EQ(messages_of(credit.take_grant(0)), 1u);
  credit.set_window(8);
  EXPECT_EQ(messages_of(credit.take_grant(0)), 7u);
}

// S-OVR-9: both sides, with the messages between them on their way for a while, and a window that changes.
TEST(flow_control, sender_and_receiver_agree_whatever_the_order) {
  std::mt19937 random(7);
  const auto any_size = [&] { return random() % 3 == 0 ? random() % (stream_window_bytes * 2) : random() % 200; };
  for (int round = 0; round < 500; ++round) {
    const std::size_t first_window = 1 + random() % 9;
    std::size_t window_max = first_window;
    send_credit sender;
    receive_credit receiver;
    receiver.bind(first_window);
    sender.bind(first_window);
    std::deque<std::size_t> on_its_way, unread;              // sizes
    std::deque<tractor::detail::grant> grants_on_their_way;  // to the sender
    std::size_t sent = 0, taken = 0;
    constexpr std::size_t messages = 200;
    const auto give = [&] {
      if (const auto more = receiver.take_grant(unread.size())) grants_on_their_way.push_back(*more);
    };
    for (int idle = 0; taken < messages;) {
      const std::size_t before = sent + taken + on_its_way.size() + grants_on_their_way.size();
      switch (random() % 5) {
        case 0:
          if (sent < messages && sender.available()) {
            on_its_way.push_back(any_size());
            sender.spend(on_its_way.back());
            ++sent;
          }
          break;
        case 1:
          if (!on_its_way.empty()) {
            unread.push_back(on_its_way.front());
            on_its_way.pop_front();
            ASSERT_TRUE(receiver.receive()) << "round " << round << ": the sender had no credit";
          }
          break;
        case 2:
          if (!unread.empty()) {
            receiver.take(unread.front());
            unread.pop_front();
            ++taken;
            give();
          }
          break;
        case 3:
          if (!grants_on_their_way.empty()) {
            sender.add(grants_on_their_way.front().bytes, grants_on_their_way.front().messages);
            grants_on_their_way.pop_front();
          }
          break;
        default:
          if (round % 3 == 0 && random() % 20 == 0) {
            const std::size_t window = 1 + random() % 20;
            window_max = std::max(window_max, window);
            receiver.set_window(window);
            give();
          }
      }
      ASSERT_LE(unread.size() + on_its_way.size(), window_max) << "round " << round;
      idle = before == sent + taken + on_its_way.size() + grants_on_their_way.size() ? idle + 1 : 0;
      ASSERT_LT(idle, 1000) << "round " << round << ": nothing can go on any more";
    }
  }
}

TEST(credit_message, goes_through_a_frame_and_back) {
  namespace msg = tractor::msg;
  for (const std::optional<std::uint64_t> messages : {std::optional<std::uint64_t>(32), std::optional<std::uint64_t>()}) {
    msg::buffer out;
    msg::encode_credit(out, {.cid = "c1", .bytes = 7, .messages = messages});
    const auto decoded = msg::decode_envelope(out.view().subspan(msg::frame_header_bytes));
    const auto* credit = std::get_if<msg::credit>(&decoded);
    ASSERT_NE(credit, nullptr);
    EXPECT_EQ(credit->cid, "c1");
    EXPECT_EQ(credit->bytes, 7u);
    EXPECT_EQ(credit->messages, messages);
    EXPECT_EQ(msg::cid_of(decoded), "c1");
    EXPECT_EQ(msg::wire_name(msg::kind_of(decoded)), "Credit");
    msg::buffer again;
    msg::encode_envelope(again, decoded);
    EXPECT_TRUE(std::ranges::equal(again.view(), out.view()));
  }
}

TEST(credit_message, both_sides_know_what_of_a_frame_is_payload) {
  namespace msg = tractor::msg;
  for (const std::size_t cid_bytes : {1UZ, 31UZ, 32UZ, 36UZ, 255UZ, 256UZ, 70'000UZ}) {
    const std::string cid(cid_bytes, 'c');
    msg::buffer out, payload;
    msg::encode_yield(out, cid, std::string("hello"));
    msg::encode(payload, std::string("hello"), "pld");
    EXPECT_EQ(out.size() - msg::yield_overhead_bytes(cid), payload.size()) << cid_bytes;
  }
}

}  // namespace
