// SPDX-License-Identifier: Apache-2.0
//
// Every dialog, with every fault at every operation of either side's connection, and with every timer late, until it gets through. Two
// actors in one run, on the virtual clock, with one or two connections in memory. After each: both sides have ended, what they know of the
// end fits together, and nothing is left.
//
// (Calls that fail, accepts, connects, forks and waits, and kills: examples_faults_test.py, with real ones.)

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "dialogs.hpp"
#include "fault_stream.hpp"
#include "tests/runtime/in_process_actor.hpp"
#include "tractor/sc/memory_stream.hpp"

namespace {

using namespace std::chrono_literals;
using faults::kind;
using faults::operation;
namespace sc = tractor::sc;
namespace msg = tractor::msg;

enum class side : unsigned char { opener, server };
constexpr std::array sides{side::opener, side::server};
const char* to_string(side of) { return of == side::opener ? "the opener" : "the server"; }

// More than any dialog takes that a fault does not hold up, with all its bounded waits; then somebody loses patience.
constexpr auto patience = 1h;
constexpr auto delay = 20ms;
constexpr auto timer_stall = 1min;              // longer than any bound in a dialog
constexpr std::size_t buffer_bytes = 2048;      // of each direction of the connection
constexpr std::size_t failures_shown_max = 10;  // of a dialog
constexpr std::size_t points_min = 10'000;
constexpr std::size_t timers_min = 100;

struct fault_at {
  side of = side::opener;
  faults::plan plan{};    // of its first connection
  std::size_t timer = 0;  // or the n-th time that a task goes on because time has passed, it is so much later already; 0: never
  sc::duration late{};
};

struct outcome {
  std::string text;                                 // what the dialog gave, "error:TYPE", or "hung"
  faults::record record;                            // of the endpoints
  std::array<faults::progress, 2> progress{};       // by side
  std::array<faults::progress, 2> until_the_end{};  // of the dialog; what comes then is the hanging up
  std::size_t timers = 0;                           // how often time has passed
  bool timer_hit = false;
  bool server_had_to_be_ended = false;
  std::string broken;  // what is wrong with it; empty: nothing
};

// Makes one timer late: whoever it wakes finds the time long past.
class late_timer : public sc::instrument {
 public:
  late_timer(sc::virtual_clock& clock, const fault_at& fault, outcome& found) : clock_(clock), fault_(fault), found_(found) {}

  void before_task_step(const sc::task_note&) noexcept override {
    if (clock_.now() == before_) return;
    if (++found_.timers == fault_.timer) {
      found_.timer_hit = true;
      clock_.advance(fault_.late);
    }
    before_ = clock_.now();
  }

 private:
  sc::virtual_clock& clock_;
  const fault_at& fault_;
  outcome& found_;
  sc::time_point before_ = clock_.now();
};

// Several tasks that have all found the same are one finding.
std::string error_text(const std::exception_ptr& error) {
  const auto* const group = tractor::exception_ptr_cast<sc::exception_group>(error);
  if (group == nullptr) return "error:" + tractor::wire_type_name(error);
  std::string text = error_text(group->exceptions().front());
  for (const auto& member : group->exceptions())
    if (error_text(member) != text) text += ", " + error_text(member);
  return text;
}

sc::task<> hold(const faults::dialog& said, const fault_at& fault, outcome& found) {
  co_await sc::open_nursery([&](sc::nursery& all) -> sc::task<> {
    const auto later = [&all](std::function<void()> release) {
      all.start_soon([release = std::move(release)]() -> sc::task<> {
        co_await sc::sleep(delay);
        release();
      });
    };
    const auto with_fault = [&](std::unique_ptr<sc::byte_stream> stream, side of) {
      return std::make_unique<faults::fault_stream>(std::move(stream), fault.of == of ? fault.plan : faults::plan{},
                                                    found.progress[static_cast<std::size_t>(of)], later);
    };
    runtime_test::in_process_actor::streams near_ends, far_ends;
    for (std::size_t i = 0; i < said.connections; ++i) {
      auto [near, far] = sc::open_memory_streams(buffer_bytes);
      if (i == 0) {
        near_ends.push_back(with_fault(std::move(near), side::opener));
        far_ends.push_back(with_fault(std::move(far), side::server));
      } else {
        near_ends.push_back(std::move(near));
        far_ends.push_back(std::move(far));
      }
    }
    runtime_test::in_process_actor opener("opener", {}, std::move(near_ends));
    runtime_test::in_process_actor server("server", {"fault_dialogs"}, std::move(far_ends));

    sc::cancel_scope serving;
    sc::event server_ended;
    all.start_soon([&]() -> sc::task<> {
      static_cast<void>(co_await serving.run([&] { return server.serve(); }));
      server_ended.set();
    });
    found.text = "no handshake";
    co_await opener.use([&](std::span<const tractor::portal> portals) -> sc::task<> {
      try {
        const auto text = co_await sc::move_on_after(patience, [&] { return said.run(portals); });
        found.text = text.value_or("hung");
      } catch (const std::exception&) {
        found.text = error_text(std::current_exception());
      }
      found.until_the_end = found.progress;
    });
    if (!co_await sc::move_on_after(patience, [&] { return server_ended.wait(); })) {
      found.server_had_to_be_ended = true;
      serving.cancel("its connection does not end");
    }
    co_await server_ended.wait();
    found.record = faults::seen();
    if (opener.self().running_calls() + server.self().running_calls() != 0) found.broken = "calls are left";
    if (opener.self().peer_count() != 0) found.broken = "the opener's peer is left";
    if (server.self().peer_count() != 0 && !found.server_had_to_be_ended) found.broken = "the server's peer is left";
  });
}

outcome run_with(const faults::dialog& said, const fault_at& fault, std::uint64_t seed) {
  outcome found;
  faults::reset();
  sc::virtual_clock clock;
  late_timer late(clock, fault, found);
  sc::instrument* const instruments[] = {&late};
  const bool watched = fault.timer != 0;  // it has each step go through the scheduler
  try {
    sc::run({.clock = &clock,
             .seed = seed,
             .swallow = sc::swallow_policy::fail,
             .instruments = std::span<sc::instrument* const>(instruments, watched ? 1 : 0)},
            [&] { return hold(said, fault, found); });
  } catch (...) {
    found.broken = "the run failed: " + sc::error_report(std::current_exception());
  }
  const faults::record& record = found.record;
  if (found.broken.empty() && record.entered != record.returned + record.failed + record.cancelled)
    found.broken = "an endpoint did not end";
  return found;
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
    if (!as_ever && ended.text != "no handshake" && ended.text != "error:TransportClosed")
      return "the connection was gone, and it ended as something else";
  }
  return {};
}

// The same where everybody slept for longer than anybody's patience: a connection may have been given up for that, but all end.
std::string judge_stalled(const outcome& ended, const outcome& undisturbed) {
  if (!ended.broken.empty()) return ended.broken;
  if (ended.server_had_to_be_ended) return "the server did not see the end";
  if (ended.text == undisturbed.text || ended.text == "no handshake" || ended.text == "error:TransportClosed") return {};
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
  for (const side of : sides)
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
    for (const auto& made : undisturbed.until_the_end)
      for (const std::size_t operations : made.operations) {
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
