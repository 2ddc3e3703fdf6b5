// SPDX-License-Identifier: Apache-2.0
//
// The kit's own core: what TRACTOR_TEST reports as a failure, that a failure can be replayed, and that a body which is right passes.

#include <gmock/gmock.h>
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "tractor/sc/sc.hpp"
#include "tractor/testing/test.hpp"

namespace {

using namespace std::chrono_literals;
namespace sc = tractor::sc;
namespace kit = tractor::testing;
using sc::nursery;
using sc::task;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::uint64_t seed = 4711;

// The failures that `test` reports, which then are none of this test.
std::vector<std::string> failures_in(const std::function<void()>& test) {
  ::testing::TestPartResultArray found;
  {
    const ::testing::ScopedFakeTestPartResultReporter instead(::testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD,
                                                              &found);
    test();
  }
  std::vector<std::string> messages;
  for (int i = 0; i < found.size(); ++i) messages.emplace_back(found.GetTestPartResult(i).message());
  return messages;
}
std::vector<std::string> failures_of(const std::function<task<>()>& body) {
  return failures_in([&] { kit::run_seeded(body, seed); });
}

std::uint64_t seed_of_this_run() { return *sc::runner::current()->options().seed; }

// TRACTOR_TEST_SEED while it lives; null: it is not set.
class seed_variable {
 public:
  explicit seed_variable(const char* value) {
    if (const char* had = std::getenv(name)) before_ = had;
    set(value);
  }
  seed_variable(const seed_variable&) = delete;
  seed_variable& operator=(const seed_variable&) = delete;
  ~seed_variable() { set(before_ ? before_->c_str() : nullptr); }

 private:
  static constexpr const char* name = "TRACTOR_TEST_SEED";
  static void set(const char* value) { value != nullptr ? ::setenv(name, value, 1) : ::unsetenv(name); }
  std::optional<std::string> before_;
};

// --- one run ---

TEST(run_seeded, body_that_ends_well_passes) {
  int runs = 0;
  const auto body = [&]() -> task<> {
    co_await sc::sleep(24h);
    ++runs;
  };
  EXPECT_THAT(failures_of(body), IsEmpty());
  EXPECT_EQ(runs, 1);
}

TEST(run_seeded, runs_with_the_seed_that_was_given) {
  std::uint64_t seen = 0;
  EXPECT_THAT(failures_of([&]() -> task<> {
                seen = seed_of_this_run();
                co_return;
              }),
              IsEmpty());
  EXPECT_EQ(seen, seed);
}

TEST(run_seeded, failed_expectation_names_the_seed) {
  const auto failures = failures_of([]() -> task<> {
    co_await sc::checkpoint();
    EXPECT_EQ(1 + 1, 3);
  });
  EXPECT_THAT(failures, ElementsAre(AllOf(HasSubstr("1 + 1"), HasSubstr("replay with TRACTOR_TEST_SEED=4711"))));
}

TEST(run_seeded, exception_that_leaves_the_body_fails_with_its_type_text_and_seed) {
  const auto failures = failures_of([]() -> task<> {
    co_await sc::checkpoint();
    throw std::runtime_error("the disk is full");
  });
  EXPECT_THAT(failures, ElementsAre(AllOf(HasSubstr("threw std::runtime_error"), HasSubstr("the disk is full"),
                                          HasSubstr("replay with TRACTOR_TEST_SEED=4711"))));
}

TEST(run_seeded, exception_of_another_task_fails_with_its_text) {
  const auto failures = failures_of([]() -> task<> {
    co_await sc::open_nursery([](nursery& n) {
      n.start_soon([]() -> task<> {
        co_await sc::sleep(1s);
        throw std::runtime_error("the disk is full");
      });
      n.start_soon([]() -> task<> { co_await sc::sleep_forever(); });
    });
  });
  EXPECT_THAT(failures, ElementsAre(AllOf(HasSubstr("the disk is full"), HasSubstr("\n  in "), HasSubstr("kit_test.cpp"))))
      << "with the await chain that it crossed";
}

TEST(run_seeded, deadlock_fails_with_the_task_tree_and_the_seed) {
  const auto failures = failures_of([]() -> task<> {
    sc::event never;
    co_await sc::open_nursery([&](nursery& n) {
      n.start_soon({.name = "first of two"}, [&]() -> task<> { co_await never.wait(); });
      n.start_soon({.name = "second of two"}, [&]() -> task<> { co_await never.wait(); });
    });
  });
  EXPECT_THAT(failures, ElementsAre(AllOf(HasSubstr("deadlock"), HasSubstr("main"), HasSubstr("first of two"), HasSubstr("second of two"),
                                          HasSubstr("event"), HasSubstr("kit_test.cpp"), HasSubstr("TRACTOR_TEST_SEED=4711"))));
}

// A task that waits for a timer is no deadlock, however far off.
TEST(run_seeded, wait_that_ends_some_day_is_no_deadlock) {
  EXPECT_THAT(failures_of([]() -> task<> {
                sc::event later;
                co_await sc::open_nursery([&](nursery& n) {
                  n.start_soon([&]() -> task<> { co_await later.wait(); });
                  n.start_soon([&]() -> task<> {
                    co_await sc::sleep(24h * 365);
                    later.set();
                  });
                });
              }),
              IsEmpty());
}

TEST(run_seeded, cancel_that_is_caught_and_dropped_fails) {
  ::testing::internal::CaptureStderr();
  const auto failures = failures_of([]() -> task<> {
    co_await sc::move_on_after(1s, []() -> task<> {
      try {
        co_await sc::sleep_forever();
      } catch (const sc::cancelled&) {
      }
    });
  });
  ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(failures, ElementsAre(AllOf(HasSubstr("swallowed_cancel_error"), HasSubstr("TRACTOR_TEST_SEED=4711"))));
}

TEST(run_seeded, requirement_that_does_not_hold_ends_the_body) {
  bool went_on = false;
  const auto failures = failures_of([&]() -> task<> {
    co_await sc::checkpoint();
    TRACTOR_REQUIRE(2 < 1);
    went_on = true;
  });
  EXPECT_THAT(failures, ElementsAre(AllOf(HasSubstr("required: 2 < 1"), HasSubstr("TRACTOR_TEST_SEED=4711"))));
  EXPECT_FALSE(went_on);
}

TEST(run_seeded, requirement_that_holds_lets_the_body_go_on) {
  bool went_on = false;
  EXPECT_THAT(failures_of([&]() -> task<> {
                TRACTOR_REQUIRE(1 < 2);
                went_on = true;
                co_return;
              }),
              IsEmpty());
  EXPECT_TRUE(went_on);
}

// The order in which ten tasks that are ready together run.
std::vector<int> order_under(std::uint64_t given) {
  std::vector<int> order;
  kit::run_seeded(
      [&]() -> task<> {
        co_await sc::open_nursery([&](nursery& n) {
          for (int i = 0; i < 10; ++i)
            n.start_soon([&order, i]() -> task<> {
              order.push_back(i);
              co_return;
            });
        });
      },
      given);
  return order;
}

TEST(run_seeded, same_seed_gives_the_same_order_and_others_give_others) {
  const auto once = order_under(seed);
  EXPECT_THAT(once, SizeIs(10));
  EXPECT_EQ(once, order_under(seed));
  int same = 0;
  for (std::uint64_t other = 1; other <= 5; ++other) same += once == order_under(seed + other);
  EXPECT_LT(same, 5) << "one of ten factorial orders, six times over";
}

// --- the seeds of a test ---

std::vector<std::uint64_t> seeds_of_a_test() {
  std::vector<std::uint64_t> seeds;
  kit::run_test([&]() -> task<> {
    seeds.push_back(seed_of_this_run());
    co_return;
  });
  return seeds;
}

TEST(run_test, runs_the_body_with_several_seeds_that_differ) {
  const seed_variable none(nullptr);
  const auto seeds = seeds_of_a_test();
  EXPECT_THAT(seeds, SizeIs(kit::seeds_per_test));
  EXPECT_FALSE(std::ranges::all_of(seeds, [&](std::uint64_t each) { return each == seeds[0]; }));
}

TEST(run_test, replays_the_seed_of_the_environment_alone) {
  const seed_variable given("18446744073709551615");
  EXPECT_THAT(seeds_of_a_test(), ElementsAre(18446744073709551615u));
}

TEST(run_test, seed_that_is_no_number_fails_and_runs_nothing) {
  for (const char* wrong : {"", "seven", "12x", "-1", "18446744073709551616"}) {
    const seed_variable given(wrong);
    int runs = 0;
    const auto failures = failures_in([&] {
      kit::run_test([&]() -> task<> {
        ++runs;
        co_return;
      });
    });
    EXPECT_THAT(failures, ElementsAre(HasSubstr("TRACTOR_TEST_SEED is no number"))) << wrong;
    EXPECT_EQ(runs, 0);
  }
}

// For a process of its own, in which a failure is one.
[[noreturn]] void fail_in_the_second_run() {
  ::unsetenv("TRACTOR_TEST_SEED");
  int runs = 0;
  kit::run_test([&]() -> task<> {
    if (++runs == 2) ADD_FAILURE() << "the second of them";
    co_return;
  });
  std::_Exit(::testing::Test::HasFailure() ? runs : 0);
}

TEST(run_test_death_test, first_seed_that_fails_is_the_last_that_runs) {
  EXPECT_EXIT(fail_in_the_second_run(), ::testing::ExitedWithCode(2), "");
}

}  // namespace
