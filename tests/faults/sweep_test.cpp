// SPDX-License-Identifier: Apache-2.0
//
// Every dialog, with every fault at every operation of each end of its connection, and with every timer late, until it gets through. After
// each: all sides have ended, what they know of the end fits together and to what has happened (judge.hpp), and nothing is left.
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
#include "judge.hpp"
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
constexpr std::uint64_t first_seed = 1;
constexpr std::size_t points_min = 23'000;  // of all dialogs together
constexpr std::size_t timers_min = 250;     // among those

struct tally {
  std::size_t dialogs = 0, points = 0, timers = 0;
};

// What has been met in this process, whose tests may be a part of all: a shard, or what a filter has left.
class totals : public ::testing::Environment {
 public:
  void SetUp() override { found_ = {}; }
  void TearDown() override {
    if (found_.dialogs == 0) return;
    const std::size_t all = faults::dialogs().size();
    std::printf("%zu points, %zu of them timers, in %zu of %zu dialogs\n", found_.points, found_.timers, found_.dialogs, all);
    if (found_.dialogs != all) return;
    EXPECT_GE(found_.points, points_min);
    EXPECT_GE(found_.timers, timers_min);
  }
  static void add(std::size_t points, std::size_t timers) {
    ++found_.dialogs;
    found_.points += points;
    found_.timers += timers;
  }

 private:
  static inline tally found_;
};
const ::testing::Environment* const registered = ::testing::AddGlobalTestEnvironment(new totals);  // GoogleTest owns it

class sweep : public ::testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(dialogs, sweep, ::testing::Range<std::size_t>(0, faults::dialogs().size()),
                         [](const auto& tested) { return std::string(faults::dialogs()[tested.param].name); });

std::string text_of(const faults::record& seen) {
  return std::to_string(seen.entered) + " begun, " + std::to_string(seen.returned) + " returned, " + std::to_string(seen.failed) +
         " failed, " + std::to_string(seen.cancelled) + " cancelled";
}

std::string text_of(const fault_at& fault) {
  if (fault.timer != 0) return "timer " + std::to_string(fault.timer) + (fault.late > delay ? " much" : "") + " late";
  std::string text = to_string(fault.plan.fault) + " at " + to_string(fault.plan.where) + " " + std::to_string(fault.plan.at);
  if (fault.plan.fault == kind::corrupt) text += ", part " + std::to_string(fault.plan.part);
  return text + ", of " + to_string(fault.of);
}

// The runs of one dialog.
class trial {
 public:
  explicit trial(const faults::dialog& said) : said_(said) {}

  [[nodiscard]] outcome undisturbed(const fault_at& none) const {
    outcome found = run_with(said_, none, first_seed);
    EXPECT_EQ(found.broken, "");
    EXPECT_FALSE(found.server_had_to_be_ended || found.third_had_to_be_ended);
    EXPECT_NE(found.text, "hung");
    return found;
  }
  // Whether the fault was met.
  bool try_one(const fault_at& fault, const outcome& undisturbed, std::uint64_t seed) {
    const outcome ended = run_with(said_, fault, seed);
    const std::string wrong = judge(ended, undisturbed, fault);
    if (!wrong.empty() && ++failures_ <= failures_shown_max)
      ADD_FAILURE() << text_of(fault) << ": " << wrong << "\n  ended as " << ended.text << ", undisturbed as " << undisturbed.text
                    << "\n  endpoints: " << text_of(ended.record) << "; undisturbed: " << text_of(undisturbed.record);
    const bool hit = fault.timer != 0 ? ended.timer_hit : ended.progress[static_cast<std::size_t>(fault.of)].hit;
    if (hit) ++(fault.timer != 0 ? timers_ : points_);
    return hit;
  }
  // The faults that were met.
  [[nodiscard]] std::size_t points() const noexcept { return points_ + timers_; }
  [[nodiscard]] std::size_t timers() const noexcept { return timers_; }

 private:
  const faults::dialog& said_;
  std::size_t points_ = 0, timers_ = 0, failures_ = 0;
};

// S-COD-4, S-COD-5, S-COD-6, S-COD-8, S-CTX-6, S-CTX-33, S-CTX-46, S-CTX-53, S-CTX-62, S-CTX-63, S-CTX-73, S-ERR-2, S-OVR-3, S-OVR-4: what
// the dialogs that are made for them give undisturbed.
TEST_P(sweep, every_fault_at_every_operation) {
  const faults::dialog& said = faults::dialogs()[GetParam()];
  trial runs(said);
  const outcome undisturbed = runs.undisturbed({});
  EXPECT_EQ(undisturbed.text, said.gives);
  for (const side of : faults::sides_of(said.shape))
    for (const operation where : faults::operations)
      for (const kind fault : faults::kinds)
        for (std::size_t part = 0; part < (fault == kind::corrupt ? faults::parts : 1); ++part) {
          std::size_t at = 1;
          while (runs.try_one({.of = of, .plan = {.fault = fault, .where = where, .at = at, .part = part}}, undisturbed, first_seed + at))
            ++at;
          EXPECT_GT(at, 1U) << "no " << to_string(where) << " of " << to_string(of) << " was hit";
        }
  // Watched, tasks take their steps in another order, and whether an overrun finds its sender still at it depends on that.
  const outcome watched = runs.undisturbed({.timer = SIZE_MAX});
  for (const sc::duration late : {sc::duration(delay), sc::duration(timer_stall)})
    for (std::size_t timer = 1; runs.try_one({.timer = timer, .late = late}, watched, first_seed); ++timer) continue;
  EXPECT_GE(runs.points(), said.points_min);
  totals::add(runs.points(), runs.timers());
  std::printf("%s: %zu points; undisturbed it gives %s, endpoints: %s\n", said.name, runs.points(), said.gives,
              text_of(undisturbed.record).c_str());
}

// Each dialog is held to its own share in its own test, wherever that runs; that the shares are enough is known without.
TEST(sweep_size, shares_of_the_dialogs_make_up_the_whole) {
  std::size_t points = 0;
  for (const auto& said : faults::dialogs()) points += said.points_min;
  EXPECT_GE(points, points_min);
}

// So for the timers: each is tried twice, a little and much too late.
TEST(sweep_size, time_passes_in_the_dialogs) {
  std::size_t timers = 0;
  for (const auto& said : faults::dialogs()) timers += 2 * run_with(said, {.timer = SIZE_MAX}, first_seed).timers;
  EXPECT_GE(timers, timers_min);
}

}  // namespace
