// SPDX-License-Identifier: Apache-2.0
//
// Conditions and cancels: neither the lock nor a notification is lost.

#include <algorithm>
#include <deque>
#include <functional>
#include <numeric>
#include <random>

#include "sc_test.hpp"
#include "tractor/sc/condition.hpp"

namespace {

using namespace sc_test;

TRACTOR_TEST(condition_cancel, cancelled_waiter_holds_the_lock) {
  sc::condition changed;
  const auto guard = co_await changed.hold();
  EXPECT_FALSE(co_await sc::move_on_after(1s, [&]() -> task<> { co_await changed.wait(); }));
  EXPECT_TRUE(changed.locked());
  EXPECT_EQ(changed.waiting(), 0u);
  EXPECT_EQ(sc::current_time().time_since_epoch(), 1s);
}

TRACTOR_TEST(condition_cancel, cancelled_waiter_waits_for_the_lock_as_long_as_it_takes) {
  sc::condition changed;
  bool threw = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      const auto guard = co_await changed.hold();
      threw = !co_await sc::move_on_after(1s, [&]() -> task<> { co_await changed.wait(); });
      EXPECT_EQ(sc::current_time().time_since_epoch(), 5s);
      EXPECT_THROW(changed.acquire_nowait(), tractor::usage_error);
    });
    co_await settle();
    co_await changed.acquire();
    co_await sc::sleep_until(sc::time_point(5s));
    EXPECT_FALSE(threw);
    changed.release();
  });
  EXPECT_TRUE(threw);
}

TRACTOR_TEST(condition_cancel, cancelled_before_it_begins_it_keeps_the_lock) {
  sc::condition changed;
  sc::cancel_scope scope;
  scope.cancel();
  bool other_got_in = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    co_await changed.acquire();
    n.start_soon([&]() -> task<> {
      const auto guard = co_await changed.hold();
      other_got_in = true;
    });
    co_await settle();
    EXPECT_FALSE(co_await scope.run([&]() -> task<> { co_await changed.wait(); }));
    EXPECT_FALSE(other_got_in);
    changed.release();
  });
  EXPECT_TRUE(other_got_in);
}

TRACTOR_TEST(condition_cancel, after_the_notification_the_wait_ends_as_notified) {
  sc::condition changed;
  sc::cancel_scope scope;
  bool acted = false, went_on = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await scope.run([&]() -> task<> {
        const auto guard = co_await changed.hold();
        co_await changed.wait();
        acted = true;
        co_await sc::checkpoint();
        went_on = true;
      });
    });
    co_await settle();
    co_await changed.acquire();
    changed.notify();
    scope.cancel();
    co_await settle();
    EXPECT_FALSE(acted);  // its turn has not come: the lock is held
    changed.release();
  });
  EXPECT_TRUE(acted);
  EXPECT_FALSE(went_on);
  EXPECT_FALSE(changed.locked());
}

TRACTOR_TEST(condition_cancel, before_the_notification_leaves_it_to_the_next_one) {
  sc::condition changed;
  sc::cancel_scope scope;
  bool other_went_on = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      const auto guard = co_await changed.hold();
      EXPECT_FALSE(co_await scope.run([&]() -> task<> { co_await changed.wait(); }));
    });
    co_await settle();
    n.start_soon([&]() -> task<> {
      const auto guard = co_await changed.hold();
      co_await changed.wait();
      other_went_on = true;
    });
    co_await settle();
    co_await changed.acquire();
    scope.cancel();
    changed.notify();
    changed.release();
  });
  EXPECT_TRUE(other_went_on);
}

// A bounded buffer of the textbook kind. Consumers give up at random, also when they were notified and wait for the lock, which
// producers keep for a while.
TRACTOR_TEST(condition_cancel, random_traffic_through_a_bounded_buffer_loses_no_value_and_no_notification) {
  std::mt19937_64 random(sc::runner::current()->random());
  const auto some_ms = [&](unsigned below) { return std::chrono::milliseconds(random() % below); };
  constexpr std::size_t buffer_max = 2;
  constexpr int producers = 3, values_each = 30;
  sc::lock lock;
  sc::condition filled(lock), drained(lock);
  std::deque<int> buffer;
  std::vector<int> got;
  int gave_up = 0;
  const auto take = [&]() -> task<> {
    const auto guard = co_await lock.hold();
    while (buffer.empty()) co_await filled.wait();
    got.push_back(buffer.front());
    buffer.pop_front();
    drained.notify();
  };
  const auto consume = [&]() -> task<> {
    for (;;) {
      gave_up += !co_await sc::move_on_after(1ms + some_ms(20), std::cref(take));
      if (random() % 4 == 0) co_await sc::sleep(some_ms(4));
    }
  };
  const auto produce = [&](int from) -> task<> {
    for (int value = from; value < from + values_each; ++value) {
      {
        const auto guard = co_await lock.hold();
        while (buffer.size() >= buffer_max) co_await drained.wait();
        buffer.push_back(value);
        filled.notify();
        co_await sc::sleep(some_ms(4));
      }
      co_await sc::sleep(some_ms(12));
    }
  };
  const auto look = [&]() -> task<> {
    for (co_await sc::sleep(500us);; co_await sc::sleep(1ms)) {  // between the moments at which anything happens
      if (lock.locked()) continue;
      EXPECT_TRUE(buffer.empty() || filled.waiting() == 0);
      EXPECT_TRUE(buffer.size() == buffer_max || drained.waiting() == 0);
    }
  };
  co_await sc::open_nursery([&](nursery& consumers) -> task<> {
    for (int i = 0; i < 4; ++i) consumers.start_soon(std::cref(consume));
    consumers.start_soon(std::cref(look));
    co_await sc::open_nursery([&](nursery& n) {
      for (int i = 0; i < producers; ++i) n.start_soon(std::cref(produce), i * values_each);
    });
    while (!buffer.empty()) co_await sc::sleep(1ms);
    consumers.cancel();
  });
  std::sort(got.begin(), got.end());
  std::vector<int> expected(producers * values_each);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(got, expected);
  EXPECT_GT(gave_up, 0);
  EXPECT_FALSE(lock.locked());
}

}  // namespace
