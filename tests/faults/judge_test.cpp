// SPDX-License-Identifier: Apache-2.0
//
// The sweep's judge finds what must not be.

#include "judge.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "damage.hpp"
#include "tractor/msg/protocol.hpp"

namespace {

using faults::damage;
using faults::damage_of;
using faults::fault_at;
using faults::kind;
using faults::operation;
using faults::outcome;
using faults::record;
using faults::side;
namespace msg = tractor::msg;

// Frames, and where in them something is.
class sent {
 public:
  template <class Encode>
  explicit sent(Encode encode) {
    encode(frames_);
  }
  [[nodiscard]] std::span<const std::byte> stream() const { return frames_.view(); }
  [[nodiscard]] std::size_t where(std::string_view text) const {
    const auto bytes = frames_.view();
    const std::string all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return all.find(text);
  }

 private:
  msg::buffer frames_;
};

TEST(damage_test, length_that_is_too_large_leaves_the_message_unfinished) {
  const sent stop([](msg::buffer& out) { msg::encode_stop(out, "some-cid"); });
  EXPECT_EQ(damage_of(stop.stream(), 1), damage::unfinished);
}

TEST(damage_test, length_that_takes_in_the_next_message_is_refused) {
  const sent two([](msg::buffer& out) {
    for (int i = 0; i < 2; ++i) msg::encode_stop(out, "some-cid");
  });
  EXPECT_EQ(damage_of(two.stream(), 0), damage::refused);
}

TEST(damage_test, kind_that_there_is_not_is_refused) {
  const sent stop([](msg::buffer& out) { msg::encode_stop(out, "some-cid"); });
  EXPECT_EQ(damage_of(stop.stream(), stop.where("Stop")), damage::refused);
}

TEST(damage_test, cid_that_there_is_not_sends_the_message_to_nobody) {
  const sent stop([](msg::buffer& out) { msg::encode_stop(out, "some-cid"); });
  EXPECT_EQ(damage_of(stop.stream(), stop.where("some-cid")), damage::to_nobody);
}

TEST(damage_test, request_to_cancel_that_is_not_understood_cancels_nobody) {
  const auto no_arguments = [](msg::writer& to) { to.map_header(0); };
  const sent request(
      [&](msg::buffer& out) { msg::encode_start(out, "some-cid", "self", "cancel", no_arguments, msg::uid_view("opener", "some-uuid")); });
  EXPECT_EQ(damage_of(request.stream(), request.where("cancel")), damage::to_nobody);
  const sent call([&](msg::buffer& out) {
    msg::encode_start(out, "some-cid", "module", "function", no_arguments, msg::uid_view("opener", "some-uuid"));
  });
  EXPECT_EQ(damage_of(call.stream(), call.where("function")), damage::changed);
}

TEST(damage_test, less_credit_is_less_room_and_more_is_another_message) {
  const auto with = [](std::uint64_t messages) {
    return sent([=](msg::buffer& out) { msg::encode_credit(out, {.cid = "some-cid", .bytes = 0, .messages = messages}); });
  };
  const sent less = with(0x10);
  const sent more = with(0x01);
  EXPECT_EQ(damage_of(less.stream(), less.where("\x10")), damage::less_room);
  EXPECT_EQ(damage_of(more.stream(), more.where("\x01")), damage::changed);
}

// --- the judge ---

constexpr fault_at none{.of = side::opener, .plan = {.fault = kind::delay, .where = operation::send, .at = 2}};
constexpr fault_at cut{.of = side::opener, .plan = {.fault = kind::cut, .where = operation::send, .at = 2}};
constexpr fault_at stall{.of = side::opener, .plan = {.fault = kind::stall, .where = operation::send, .at = 2}};
constexpr fault_at corrupt{.of = side::opener, .plan = {.fault = kind::corrupt, .where = operation::send, .at = 2}};

outcome ended_as(std::string text, record seen) {
  outcome found{.text = std::move(text), .record = seen};
  found.progress[0].hit = true;
  return found;
}
// With a Stop in which that byte was another.
outcome ended_after_flip(std::string text, record seen, std::string_view where) {
  outcome found = ended_as(std::move(text), seen);
  const sent stop([](msg::buffer& out) { msg::encode_stop(out, "some-cid"); });
  auto& made = found.progress[0];
  made.moved.assign(stop.stream().begin(), stop.stream().end());
  made.moved_in_time = made.moved.size();
  made.flipped = where.empty() ? 1 : stop.where(where);
  return found;
}
constexpr record one_returned{.entered = 1, .returned = 1};
constexpr record one_failed{.entered = 1, .failed = 1};
constexpr record one_cancelled{.entered = 1, .cancelled = 1};
const outcome undisturbed = ended_as("5", one_returned);

TEST(judge_test, what_is_as_ever_is_right) {
  for (const auto& fault : {none, cut, stall}) EXPECT_EQ(judge(undisturbed, undisturbed, fault), "");
}

TEST(judge_test, nothing_else_may_come_of_a_delay) {
  EXPECT_NE(judge(ended_as("6", one_returned), undisturbed, none), "");
  EXPECT_NE(judge(ended_as("error:TransportClosed", one_returned), undisturbed, none), "");
  EXPECT_NE(judge(ended_as("5", {.entered = 2, .returned = 2}), undisturbed, none), "");
}

TEST(judge_test, who_is_cut_off_is_told) {
  EXPECT_EQ(judge(ended_as("error:TransportClosed", one_cancelled), undisturbed, cut), "");
  EXPECT_NE(judge(ended_as("hung", one_cancelled), undisturbed, cut), "");
  EXPECT_NE(judge(ended_as("error:RuntimeError", one_cancelled), undisturbed, cut), "");
}

TEST(judge_test, who_is_cut_off_is_told_at_once) {
  auto found = ended_as("error:TransportClosed", one_cancelled);
  found.took = std::chrono::milliseconds(1);
  EXPECT_NE(judge(found, undisturbed, cut), "");
  found.text = "hung";
  EXPECT_EQ(judge(found, undisturbed, stall), "");
}

TEST(judge_test, who_waits_for_what_was_lost_may_wait_and_no_other) {
  EXPECT_EQ(judge(ended_as("hung", one_cancelled), undisturbed, stall), "");
  EXPECT_NE(judge(ended_as("error:TransportClosed", one_cancelled), undisturbed, stall), "");
  EXPECT_EQ(judge(ended_after_flip("hung", one_cancelled, "some-cid"), undisturbed, corrupt), "") << "it came to nobody";
  EXPECT_EQ(judge(ended_after_flip("hung", one_cancelled, ""), undisturbed, corrupt), "") << "it is not so long";
  EXPECT_NE(judge(ended_after_flip("hung", one_cancelled, "Stop"), undisturbed, corrupt), "") << "the connection ended";
}

TEST(judge_test, wait_that_began_before_the_bit_was_flipped_is_not_for_that) {
  auto found = ended_after_flip("hung", one_cancelled, "some-cid");
  found.progress[0].moved_in_time = 0;
  EXPECT_NE(judge(found, undisturbed, corrupt), "");
}

TEST(judge_test, result_comes_of_an_endpoint_that_returned) {
  for (const record& seen : {one_failed, one_cancelled, record{}}) EXPECT_NE(judge(ended_as("5", seen), undisturbed, cut), "");
}

TEST(judge_test, error_of_an_endpoint_comes_of_one_that_failed) {
  const outcome before = ended_as("error:RemoteActorError(ValueError)", one_failed);
  EXPECT_EQ(judge(before, before, cut), "");
  EXPECT_NE(judge(ended_as(before.text, one_returned), before, cut), "");
}

TEST(judge_test, endpoint_that_would_be_cancelled_may_not_have_begun) {
  const outcome before = ended_as("cancelled", one_cancelled);
  EXPECT_EQ(judge(ended_as("cancelled", {}), before, cut), "");
  EXPECT_NE(judge(ended_as("cancelled", one_returned), before, cut), "");
}

TEST(judge_test, nobody_begins_without_a_handshake) {
  EXPECT_EQ(judge(ended_as("no handshake", {}), undisturbed, cut), "");
  EXPECT_NE(judge(ended_as("no handshake", one_cancelled), undisturbed, cut), "");
}

TEST(judge_test, all_end) {
  auto found = ended_as("hung", one_cancelled);
  found.unwinding = std::chrono::minutes(1);
  EXPECT_NE(judge(found, undisturbed, stall), "");
  found = ended_as("hung", one_cancelled);
  found.server_had_to_be_ended = true;
  EXPECT_NE(judge(found, undisturbed, stall), "") << "it is the opener's sending that stands still, and it hangs up";
  auto at_server = stall;
  at_server.of = side::server;
  at_server.plan.where = operation::receive;
  found.progress[1].hit = true;
  EXPECT_EQ(judge(found, undisturbed, at_server), "");
  found.broken = "calls are left";
  EXPECT_NE(judge(found, undisturbed, at_server), "");
}

}  // namespace
