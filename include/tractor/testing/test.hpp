// SPDX-License-Identifier: Apache-2.0
//
// Tests that are coroutines, for GoogleTest.
//
//     TRACTOR_TEST(event, set_wakes_all) {
//       co_await …;
//       EXPECT_TRUE(…);
//     }
//
// The body is the main task of a run on a virtual clock that jumps (an hour's sleep takes no time, and waiting for what never comes fails
// the test with the task tree), with shuffled scheduling and with swallow_policy::fail. It runs with `seeds_per_test` random seeds; the
// failing one is printed, and TRACTOR_TEST_SEED=N in the environment replays it alone. The EXPECT_ macros work as ever. The ASSERT_ ones
// return and cannot: use TRACTOR_REQUIRE. A process that dies in the body, or hangs, says the seed on stderr (seed_note.hpp). Of what needs
// real time or a fixture, run_test or sc::run is called in a plain test.

#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>

#include "tractor/sc/clock.hpp"
#include "tractor/sc/exception_group.hpp"
#include "tractor/sc/run.hpp"
#include "tractor/sc/task.hpp"
#include "tractor/testing/require.hpp"
#include "tractor/testing/seed_note.hpp"

namespace tractor::testing {

inline constexpr int seeds_per_test = 4;

// Runs `body` once, with that seed; what it throws is a failure.
inline void run_seeded(const std::function<sc::task<>()>& body, std::uint64_t seed) {
  SCOPED_TRACE("replay with TRACTOR_TEST_SEED=" + std::to_string(seed));
  const seed_note noted(seed);
  sc::virtual_clock clock;
  try {
    sc::run({.clock = &clock, .seed = seed, .swallow = sc::swallow_policy::fail}, body);
  } catch (...) {
    ADD_FAILURE() << "threw " << sc::error_report(std::current_exception());
  }
}

// What TRACTOR_TEST does with the body of a test.
inline void run_test(const std::function<sc::task<>()>& body) {
  if (const char* given = std::getenv("TRACTOR_TEST_SEED")) {
    if (const auto seed = parse_seed(given))
      run_seeded(body, *seed);
    else
      ADD_FAILURE() << "TRACTOR_TEST_SEED is no number of 64 bits: '" << given << "'";
    return;
  }
  for (int i = 0; i < seeds_per_test && !::testing::Test::HasFailure(); ++i) run_seeded(body, sc::random_seed());
}

}  // namespace tractor::testing

#define TRACTOR_TEST(suite, name)                                         \
  static ::tractor::sc::task<> suite##_##name##_body();                   \
  TEST(suite, name) {                                                     \
    ::tractor::testing::run_test([] { return suite##_##name##_body(); }); \
  }                                                                       \
  static ::tractor::sc::task<> suite##_##name##_body()
