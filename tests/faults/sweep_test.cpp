// SPDX-License-Identifier: Apache-2.0
//
// Every dialog, with every fault at every operation of either side's connection, and with every timer late, until it gets through. Two
// actors in one run, on the virtual clock, with one or two connections in memory. After each: both sides have ended, what they know of the
// end fits together, and nothing is left.
//
// (Calls that fail, accepts, connects, forks and waits, and kills: examples_faults_test.py, with real ones.)

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include "dialogs.hpp"
#include "fault_stream.hpp"
#include "run.hpp"

namespace {

using faults::delay;
using faults::fault_at;
using faults::kind;
using faults::operation;
using faults::outcome;
using faults::side;
using namespace std::chrono_literals;
namespace sc = tractor::sc;

constexpr auto timer_stall = 1min;              // longer than any bound in a dialog
constexpr std::size_t failures_shown_max = 10;  // of a dialog
constexpr std::size_t points_min = 10'000;
constexpr std::size_t timers_min = 100;

// What tells of a connection that is gone. Behind an actor in the middle it is that one's endpoint that fails by it.
bool tells_of_loss(const std::string& text) {
  return text == "no handshake" || text == "error:TransportClosed" || text == "error:RemoteActorError(TransportClosed)";
}

// What is wrong with how a dialog ended that would have ended as `undisturbed`; empty: nothing.
std::string judge(const outcome& ended, const outcome& undisturbed, kind fault) {
  if (!ended.broken.empty()) return ended.broken;
  const bool as_ever = ended.text == undisturbed.text;
  if (fault == kind::shorten || fault == kind::delay) {
    if (!as_ever) return "nothing was lost, and it ended otherwise";
    if (ended.record != undisturbed.record) return "nothing was lost, and its endpoints ended otherwise";
  }
  if (ended.server_had_to_be_ended && fault != kind::stall && fault != kind::corrupt) return "the server did not see the end";
  if (fault == kind::cut) {
    if (ended.text == "hung") return "the connection was gone, and the dialog waited";
    if (!as_ever && !tells_of_loss(ended.text)) return "the connection was gone, and it ended as something else";
  }
  return {};
}

// The same where everybody slept for longer than anybody's patience: a connection may have been given up for that, but all end.
std::string judge_stalled(const outcome& ended, const outcome& undisturbed) {
  if (!ended.broken.empty()) return ended.broken;
  if (ended.server_had_to_be_ended) return "the server did not see the end";
  if (ended.text == undisturbed.text || tells_of_loss(ended.text)) return {};
  return ended.text == "hung" ? "the dialog waited for ever" : "it ended as something else";
}

class sweep : public ::testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(dialogs, sweep, ::testing::Range<std::size_t>(0, faults::dialogs().size()),
                         [](const auto& tested) { return std::string(faults::dialogs()[tested.param].name); });

TEST_P(sweep, every_fault_at_every_operation) {
  const faults::dialog& said = faults::dialogs()[GetParam()];
  const std::uint64_t seed = 1;
  const outcome undisturbed = run_with(said, {}, seed);
  ASSERT_EQ(undisturbed.broken, "");
  ASSERT_FALSE(undisturbed.server_had_to_be_ended);
  ASSERT_NE(undisturbed.text, "hung");
  std::size_t points = 0, failures = 0;
  for (const side of : faults::sides_of(said.shape))
    for (const operation where : faults::operations)
      for (const kind fault : faults::kinds) {
        std::size_t at = 1;
        for (;; ++at) {
          const fault_at planned{.of = of, .plan = {.fault = fault, .where = where, .at = at}};
          const outcome ended = run_with(said, planned, seed + at);
          const std::string wrong = judge(ended, undisturbed, fault);
          if (!wrong.empty() && ++failures <= failures_shown_max)
            ADD_FAILURE() << to_string(fault) << " at " << to_string(where) << " " << at << " of " << to_string(of) << ": " << wrong
                          << "\n  ended as " << ended.text << ", undisturbed as " << undisturbed.text;
          if (!ended.progress[static_cast<std::size_t>(of)].hit) break;
          ++points;
        }
        EXPECT_GT(at, 1U) << "no " << to_string(where) << " of " << to_string(of) << " was hit";
      }
  // Watched, tasks take their steps in another order, and whether an overrun finds its sender still at it depends on that.
  const outcome watched = run_with(said, {.timer = SIZE_MAX}, seed);
  ASSERT_EQ(watched.broken, "");
  ASSERT_FALSE(watched.server_had_to_be_ended);
  ASSERT_NE(watched.text, "hung");
  for (const sc::duration late : {sc::duration(delay), sc::duration(timer_stall)})
    for (std::size_t timer = 1;; ++timer) {
      const outcome ended = run_with(said, {.timer = timer, .late = late}, seed);
      const std::string wrong = late == delay ? judge(ended, watched, kind::delay) : judge_stalled(ended, watched);
      if (!wrong.empty() && ++failures <= failures_shown_max)
        ADD_FAILURE() << "timer " << timer << " late by " << late << ": " << wrong << "\n  ended as " << ended.text << ", undisturbed as "
                      << watched.text;
      if (!ended.timer_hit) break;
      ++points;
    }
  std::printf("%s: %zu points; undisturbed it gives %s\n", said.name, points, undisturbed.text.c_str());
}

// So that the sweep does not shrink unseen: as many faults as there are operations in the dialogs, undisturbed.
TEST(sweep_size, is_ten_thousand_points_and_no_operation_is_left_out) {
  std::size_t points = 0, timers = 0;
  for (const auto& said : faults::dialogs()) {
    const outcome undisturbed = run_with(said, {}, 1);
    for (const side of : faults::sides_of(said.shape))
      for (const std::size_t operations : undisturbed.progress[static_cast<std::size_t>(of)].operations) {
        EXPECT_NE(operations, 0U) << said.name;
        points += operations * faults::kinds.size();
      }
    timers += run_with(said, {.timer = SIZE_MAX}, 1).timers;
  }
  EXPECT_GE(timers, timers_min);
  std::printf("%zu points, and %zu timers\n", points, timers);
  EXPECT_GE(points, points_min);
}

}  // namespace
