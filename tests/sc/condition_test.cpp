// SPDX-License-Identifier: Apache-2.0
//
// Conditions: the lock around a wait, the order of notified tasks, and misuse. What a cancel does: condition_cancel_test.cpp.

#include "tractor/sc/condition.hpp"

#include <functional>
#include <memory>

#include "sc_test.hpp"

namespace {

using namespace sc_test;

// Tasks that wait one after the other and note their number when they go on, with the lock.
void start_waiters(nursery& n, sc::condition& changed, int count, std::vector<int>& order) {
  for (int i = 0; i < count; ++i)
    n.start_soon([&changed, &order, i]() -> task<> {
      co_await sc::sleep(i * 1us);
      const auto guard = co_await changed.hold();
      co_await changed.wait();
      order.push_back(i);
      co_await sc::checkpoint();
    });
}

task<> notify_with_lock(sc::condition& changed, std::size_t count) {
  const auto guard = co_await changed.hold();
  changed.notify(count);
}

TRACTOR_TEST(condition, wait_gives_the_lock_back_and_returns_with_it) {
  sc::condition changed;
  bool value = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      const auto guard = co_await changed.hold();
      while (!value) co_await changed.wait();
      EXPECT_TRUE(changed.locked());
      EXPECT_THROW(changed.acquire_nowait(), tractor::usage_error);  // it is this task that holds it
    });
    co_await settle();
    EXPECT_FALSE(changed.locked());
    EXPECT_EQ(changed.waiting(), 1u);
    co_await changed.acquire();
    value = true;
    changed.notify();
    changed.release();
  });
  EXPECT_FALSE(changed.locked());
}

TRACTOR_TEST(condition, notified_tasks_go_on_in_the_order_they_came) {
  sc::condition changed;
  std::vector<int> order;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    start_waiters(n, changed, 5, order);
    co_await sc::sleep(1ms);
    const auto guard = co_await changed.hold();
    changed.notify(2);
    changed.notify_all();
    EXPECT_EQ(changed.waiting(), 0u);
  });
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TRACTOR_TEST(condition, notify_lets_so_many_go_on) {
  sc::condition changed;
  std::vector<int> order;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    start_waiters(n, changed, 4, order);
    co_await sc::sleep(1ms);
    co_await notify_with_lock(changed, 0);
    co_await settle();
    EXPECT_TRUE(order.empty());
    co_await notify_with_lock(changed, 1);
    co_await settle();
    EXPECT_EQ(order, (std::vector<int>{0}));
    co_await notify_with_lock(changed, 2);
    co_await settle();
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
    co_await notify_with_lock(changed, 9);
  });
  EXPECT_EQ(order.size(), 4u);
}

TRACTOR_TEST(condition, notified_task_runs_when_the_lock_is_released_and_not_before) {
  sc::condition changed;
  std::vector<int> order;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    start_waiters(n, changed, 1, order);
    co_await sc::sleep(1ms);
    co_await changed.acquire();
    changed.notify();
    co_await sc::sleep(1s);
    EXPECT_TRUE(order.empty());
    changed.release();
    co_await settle();
    EXPECT_EQ(order.size(), 1u);
  });
}

TRACTOR_TEST(condition, notified_task_stands_behind_who_waits_for_the_lock_and_before_who_comes_later) {
  sc::condition changed;
  std::vector<int> order;
  const auto lock_and_note = [&](int number) -> task<> {
    const auto guard = co_await changed.hold();
    order.push_back(number);
  };
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    start_waiters(n, changed, 2, order);
    co_await sc::sleep(1ms);
    co_await changed.acquire();
    n.start_soon(std::cref(lock_and_note), 10);
    co_await settle();
    changed.notify_all();
    n.start_soon(std::cref(lock_and_note), 20);
    co_await settle();
    changed.release();
  });
  EXPECT_EQ(order, (std::vector<int>{10, 0, 1, 20}));
}

TRACTOR_TEST(condition, notify_without_anybody_waiting_is_forgotten) {
  sc::condition changed;
  co_await notify_with_lock(changed, 1);
  co_await changed.acquire();
  EXPECT_FALSE(co_await sc::move_on_after(1s, [&]() -> task<> { co_await changed.wait(); }));
  changed.release();
}

TRACTOR_TEST(condition, several_can_share_one_lock) {
  sc::lock lock;
  sc::condition filled(lock), drained(lock);
  std::vector<int> order;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    start_waiters(n, filled, 1, order);
    start_waiters(n, drained, 1, order);
    co_await sc::sleep(1ms);
    const auto guard = co_await lock.hold();
    filled.notify_all();
    EXPECT_EQ(filled.waiting(), 0u);
    EXPECT_EQ(drained.waiting(), 1u);
    EXPECT_EQ(lock.waiting(), 1u);
    drained.notify_all();
  });
  EXPECT_EQ(order.size(), 2u);
}

TRACTOR_TEST(condition, its_waits_show_in_the_task_tree) {
  sc::condition changed;
  std::vector<int> order;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    start_waiters(n, changed, 1, order);
    co_await sc::sleep(1ms);
    EXPECT_TRUE(contains(sc::to_text(sc::task_tree()), "waits in condition.wait since"));
    const auto guard = co_await changed.hold();
    changed.notify();
    EXPECT_TRUE(contains(sc::to_text(sc::task_tree()), "waits in condition.wait, for the lock since"));
    EXPECT_EQ(sc::task_tree().state, sc::task_state::running);
  });
}

// --- misuse ---

TRACTOR_TEST(condition_misuse, wait_or_notify_without_the_lock_is_a_usage_error) {
  sc::condition changed;
  EXPECT_THROW(co_await changed.wait(), tractor::usage_error);
  EXPECT_TRUE(contains(message_of([&] { changed.notify(); }), "condition.notify(): this task does not hold the condition's lock"));
  EXPECT_THROW(changed.notify_all(), tractor::usage_error);
  EXPECT_THROW(changed.release(), tractor::usage_error);
}

TRACTOR_TEST(condition_misuse, lock_of_another_task_does_not_count) {
  sc::condition changed;
  const auto guard = co_await changed.hold();
  co_await sc::open_nursery([&](nursery& n) {
    n.start_soon([&]() -> task<> {
      EXPECT_THROW(co_await changed.wait(), tractor::usage_error);
      EXPECT_THROW(changed.notify(), tractor::usage_error);
    });
  });
}

TEST(condition_death, destroyed_under_its_waiters_is_an_assertion) {
  const auto destroy = []() -> task<> {
    auto changed = std::make_unique<sc::condition>();
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      n.start_soon([&]() -> task<> {
        co_await changed->acquire();
        co_await changed->wait();
      });
      co_await settle();
      changed.reset();
    });
  };
  EXPECT_DEATH(sc::run(destroy), "destroyed while tasks wait");
}

}  // namespace
