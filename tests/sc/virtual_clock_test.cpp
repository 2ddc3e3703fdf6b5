// SPDX-License-Identifier: Apache-2.0

#include <limits>

#include "sc_test.hpp"

namespace {

using namespace std::chrono_literals;
namespace sc = tractor::sc;

TEST(virtual_clock, stands_still_without_a_rate) {
  sc::virtual_clock clock(false);
  const auto before = clock.now();
  const auto real = sc::monotonic_now();
  while (sc::monotonic_now() - real < 1ms) {
  }
  EXPECT_EQ(clock.now(), before);
  EXPECT_LT(clock.real_time(1s), 0s) << "it never comes by itself";
}

TEST(virtual_clock, goes_by_its_rate) {
  sc::virtual_clock clock(false);
  clock.set_rate(1'000'000);
  const auto real = sc::monotonic_now();
  while (sc::monotonic_now() - real < 1ms) {
  }
  EXPECT_GE(clock.now() - sc::time_point{}, 1000s);
  EXPECT_EQ(clock.real_time(1s), 1us);
  EXPECT_EQ(clock.real_time(1ns), 1ns) << "not nothing";

  clock.set_rate(0);
  const auto stopped = clock.now();
  clock.advance(5s);
  EXPECT_EQ(clock.now() - stopped, 5s);
}

TEST(virtual_clock, run_waits_as_long_as_the_rate_says) {
  sc::virtual_clock clock(false);
  clock.set_rate(3'600'000);  // an hour a millisecond
  const auto real = sc::monotonic_now();
  sc::run({.clock = &clock}, []() -> sc::task<> {
    const auto before = sc::current_time();
    co_await sc::sleep(3h);
    EXPECT_GE(sc::current_time() - before, 3h);
  });
  EXPECT_GE(sc::monotonic_now() - real, 3ms);
}

TEST(virtual_clock, goes_neither_backwards_nor_beyond_the_end_of_time) {
  sc::virtual_clock clock;
  clock.advance(5s);
  clock.advance_to(sc::time_point(2s));
  EXPECT_EQ(clock.now(), sc::time_point(5s));
  EXPECT_EQ(sc::saturating_add(sc::time_point(5s), sc::duration::max()), sc::never);
  EXPECT_EQ(sc::saturating_add(sc::time_point(5s), -1s), sc::time_point(5s));
  clock.set_rate(1e-300);
  EXPECT_EQ(clock.real_time(1s), sc::duration::max());
}

TEST(virtual_clock, refuses_rates_that_make_no_sense) {
  sc::virtual_clock clock;
  for (const double rate : {-1.0, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()})
    EXPECT_THROW(clock.set_rate(rate), tractor::usage_error);
  EXPECT_EQ(clock.rate(), 0);
}

}  // namespace
