// SPDX-License-Identifier: Apache-2.0
//
// Events and the wait queue below all synchronisation objects.

#include <random>

#include "tractor/sc/event.hpp"

#include "sc_test.hpp"
#include "tractor/sc/parking_lot.hpp"

namespace {

using namespace sc_test;

TRACTOR_TEST(event, set_wakes_everybody) {
  sc::event event;
  int woken = 0;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    for (int i = 0; i < 5; ++i)
      n.start_soon([&]() -> task<> {
        co_await event.wait();
        ++woken;
      });
    co_await settle();
    EXPECT_EQ(event.waiting(), 5u);
    event.set();
    EXPECT_EQ(event.waiting(), 0u);
    EXPECT_EQ(woken, 0);
  });
  EXPECT_EQ(woken, 5);
  EXPECT_TRUE(event.is_set());
}

TRACTOR_TEST(event, set_twice_is_the_same_as_once) {
  sc::event event;
  event.set();
  event.set();
  co_await event.wait();
}

TRACTOR_TEST(event, wait_for_a_set_one_is_a_checkpoint) {
  sc::event event;
  event.set();
  sc::cancel_scope scope;
  EXPECT_FALSE(co_await scope.run([&]() -> task<> {
    scope.cancel();
    co_await event.wait();
  }));
}

TRACTOR_TEST(event, cancelled_waiter_leaves_the_others) {
  sc::event event;
  bool other = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await event.wait();
      other = true;
    });
    co_await sc::move_on_after(1s, [&]() -> task<> { co_await event.wait(); });
    EXPECT_EQ(event.waiting(), 1u);
    event.set();
  });
  EXPECT_TRUE(other);
}

TRACTOR_TEST(parking_lot, wakes_in_the_order_of_arrival) {
  sc::parking_lot queue;
  std::vector<int> order;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    for (int i = 0; i < 4; ++i) {
      n.start_soon([&, i]() -> task<> {
        co_await queue.park();
        order.push_back(i);
      });
      co_await settle();
    }
    for (int i = 0; i < 4; ++i) {
      EXPECT_EQ(queue.unpark(), 1u);
      co_await settle();
    }
    EXPECT_EQ(queue.unpark(), 0u);
  });
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3}));
}

TRACTOR_TEST(parking_lot, random_cancels_from_the_middle_keep_it_whole) {
  sc::parking_lot queue;
  std::mt19937_64 random(sc::runner::current()->random());
  constexpr int count = 60;
  std::vector<sc::cancel_scope> scopes(count);
  int woken = 0, cancelled = 0;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    for (auto& scope : scopes)
      n.start_soon([&]() -> task<> {
        const bool complete = co_await scope.run([&]() -> task<> { co_await queue.park(); });
        ++(complete ? woken : cancelled);
      });
    co_await settle();
    while (!queue.empty()) {
      if (random() % 2 == 0)
        queue.unpark(random() % 3);
      else
        scopes[random() % count].cancel();
      if (random() % 4 == 0) co_await settle();
    }
  });
  EXPECT_EQ(woken + cancelled, count);
}

TEST(parking_lot_death, destroyed_under_its_waiters_is_an_assertion) {
  const auto destroy = []() -> task<> {
    auto event = std::make_unique<sc::event>();
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      n.start_soon([&]() -> task<> { co_await event->wait(); });
      co_await settle();
      event.reset();
    });
  };
  EXPECT_DEATH(sc::run(destroy), "destroyed while tasks wait");
}

TRACTOR_TEST(parking_lot, reparked_tasks_go_on_waiting_at_the_end_of_another) {
  sc::parking_lot from, to;
  std::vector<std::string> woken;
  const auto wait = [&](sc::parking_lot& lot, std::string name) -> task<> {
    co_await lot.park();
    woken.push_back(name);
  };
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon(wait, std::ref(to), "first");
    co_await settle();
    for (const char* name : {"second", "third", "stays"}) {
      n.start_soon(wait, std::ref(from), name);
      co_await settle();
    }
    EXPECT_EQ(from.repark(to, 2), 2U);
    EXPECT_EQ(from.size(), 1U);
    EXPECT_EQ(to.size(), 3U);
    while (to.unpark() != 0) co_await settle();
    EXPECT_EQ(woken, (std::vector<std::string>{"first", "second", "third"}));
    EXPECT_EQ(from.repark_all(to), 1U);
    EXPECT_EQ(from.repark_all(to), 0U);
    n.cancel();  // who was moved leaves the queue that it is in
    co_await sc::cancel_shielded_checkpoint();
    EXPECT_TRUE(to.empty());
  });
}

}  // namespace
