// SPDX-License-Identifier: Apache-2.0
//
// Tests that are coroutines on the kernel's virtual clock.
//
//     SC_TEST(event, set_wakes_all) { co_await …; EXPECT_TRUE(…); }
//
// The body is the main task of a run with an autojump clock, shuffled scheduling and swallow_policy::fail. It runs with several seeds;
// the failing one is printed, and TRACTOR_TEST_SEED=N replays it alone. The EXPECT_ macros work as ever, with co_await inside
// too; ASSERT_ ones return and cannot: use SC_REQUIRE.

#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <random>
#include <source_location>
#include <string>
#include <vector>

#include "tractor/sc/sc.hpp"

namespace sc_test {

using namespace std::chrono_literals;
namespace sc = tractor::sc;
using sc::nursery;
using sc::task;

inline constexpr int seeds_per_test = 4;

// Runs `body` with one seed; what it throws is a failure.
inline void run_seeded(const std::function<task<>()>& body, std::uint64_t seed) {
  SCOPED_TRACE("replay with TRACTOR_TEST_SEED=" + std::to_string(seed));
  sc::virtual_clock clock;
  sc::runner scheduler({.clock = &clock, .seed = seed, .swallow = sc::swallow_policy::fail});
  scheduler.start(body);
  scheduler.run_to_completion();
  if (const auto error = scheduler.error()) ADD_FAILURE() << "threw " << sc::type_name_of(error) << ": " << sc::describe(error);
}

inline void run_test(const std::function<task<>()>& body) {
  if (const char* fixed = std::getenv("TRACTOR_TEST_SEED")) {
    run_seeded(body, std::strtoull(fixed, nullptr, 10));
    return;
  }
  std::random_device entropy;
  for (int i = 0; i < seeds_per_test && !testing::Test::HasFailure(); ++i) run_seeded(body, entropy());
}

#define SC_TEST(suite, name)                                     \
  static ::tractor::sc::task<> suite##_##name##_body();          \
  TEST(suite, name) {                                            \
    ::sc_test::run_test([] { return suite##_##name##_body(); }); \
  }                                                              \
  static ::tractor::sc::task<> suite##_##name##_body()

// Ends the test body when `condition` does not hold.
#define SC_REQUIRE(condition)                    \
  if (!(condition)) {                            \
    ADD_FAILURE() << "required: " << #condition; \
    co_return;                                   \
  }                                              \
  static_assert(true)

// Lets every other task run until nothing happens any more at this moment of virtual time.
inline auto settle() { return sc::sleep(1ns); }

// The what() of what `body` throws, "" when it throws nothing that derives from std::exception.
template <class Body>
std::string message_of(Body body) {
  try {
    body();
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace sc_test
