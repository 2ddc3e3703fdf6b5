// SPDX-License-Identifier: Apache-2.0
//
// Locks, semaphores and capacity limiters: exclusion, fairness, ownership, and what a cancel leaves behind.

#include "tractor/sc/lock.hpp"

#include <memory>
#include <optional>

#include "sc_test.hpp"
#include "tractor/sc/capacity_limiter.hpp"
#include "tractor/sc/condition.hpp"
#include "tractor/sc/semaphore.hpp"

namespace {

using namespace sc_test;

TRACTOR_TEST(lock, one_task_at_a_time_holds_it) {
  sc::lock lock;
  int inside = 0, most = 0;
  co_await sc::open_nursery([&](nursery& n) {
    for (int i = 0; i < 10; ++i)
      n.start_soon([&]() -> task<> {
        const auto guard = co_await lock.hold();
        most = std::max(most, ++inside);
        co_await sc::checkpoint();
        --inside;
      });
  });
  EXPECT_EQ(most, 1);
  EXPECT_FALSE(lock.locked());
}

TRACTOR_TEST(lock, is_passed_on_in_the_order_of_arrival_and_cannot_be_snatched) {
  sc::lock lock;
  std::vector<int> order;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    co_await lock.acquire();
    for (int i = 0; i < 3; ++i) {
      n.start_soon([&, i]() -> task<> {
        const auto guard = co_await lock.hold();
        order.push_back(i);
      });
      co_await settle();
    }
    lock.release();
    EXPECT_TRUE(lock.locked());  // it is the next one's already
    EXPECT_THROW(lock.acquire_nowait(), sc::would_block);
    co_await lock.acquire();
    order.push_back(9);
    lock.release();
  });
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 9}));
}

TRACTOR_TEST(lock, acquired_again_by_its_owner_is_a_usage_error) {
  sc::lock lock;
  co_await lock.acquire();
  EXPECT_THROW(co_await lock.acquire(), tractor::usage_error);
  EXPECT_THROW(lock.acquire_nowait(), tractor::usage_error);
  lock.release();
}

TRACTOR_TEST(lock, released_by_another_task_is_a_usage_error) {
  sc::lock lock;
  EXPECT_THROW(lock.release(), tractor::usage_error);
  co_await lock.acquire();
  co_await sc::open_nursery([&](nursery& n) {
    n.start_soon([&]() -> task<> {
      EXPECT_THROW(lock.release(), tractor::usage_error);
      co_return;
    });
  });
  lock.release();
}

TRACTOR_TEST(lock, cancelled_waiter_does_not_hold_it) {
  sc::lock lock;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    co_await lock.acquire();
    n.start_soon([&]() -> task<> { EXPECT_FALSE(co_await sc::move_on_after(1s, [&]() -> task<> { co_await lock.acquire(); })); });
    co_await sc::sleep(2s);
    EXPECT_EQ(lock.waiting(), 0u);
    lock.release();
    EXPECT_FALSE(lock.locked());
  });
}

TRACTOR_TEST(lock, cancel_after_it_was_passed_on_leaves_the_task_holding_it) {
  // The hand-over is done; a guard must give it back, else it is lost for ever.
  sc::lock lock;
  sc::cancel_scope scope;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    co_await lock.acquire();
    n.start_soon([&]() -> task<> {
      co_await scope.run([&]() -> task<> {
        const auto guard = co_await lock.hold();
        co_await sc::checkpoint();
      });
    });
    co_await settle();
    lock.release();
    scope.cancel();
  });
  EXPECT_FALSE(lock.locked());
}

TRACTOR_TEST(lock, free_one_is_a_checkpoint) {
  sc::lock lock;
  sc::cancel_scope scope;
  EXPECT_FALSE(co_await scope.run([&]() -> task<> {
    scope.cancel();
    co_await lock.acquire();
  }));
  EXPECT_FALSE(lock.locked());
}

TRACTOR_TEST(lock, guard_moves_and_releases_early) {
  sc::lock lock;
  auto guard = co_await lock.hold();
  auto moved = std::move(guard);
  EXPECT_TRUE(lock.locked());
  moved.release();
  EXPECT_FALSE(lock.locked());
  moved.release();
}

task<> end_with(sc::lock& lock, bool by_error) {
  co_await lock.acquire();
  co_await sc::sleep(1s);
  if (by_error) throw std::runtime_error("dropped it");
}

TRACTOR_TEST(lock, whose_holder_ended_is_broken_for_who_waits_and_for_who_comes_later) {
  sc::lock lock;
  std::vector<std::string> told;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon({.name = "careless"}, end_with, std::ref(lock), false);
    co_await settle();
    for (int i = 0; i < 2; ++i)
      n.start_soon([&]() -> task<> {
        try {
          const auto guard = co_await lock.hold();
          told.emplace_back("held it");
        } catch (const sc::broken_resource_error& error) {
          told.emplace_back(error.what());
        }
      });
  });
  EXPECT_EQ(told.size(), 2u);
  for (const std::string& each : told) EXPECT_TRUE(contains(each, "'careless' ended while it held this lock")) << each;
  EXPECT_TRUE(lock.locked());
  EXPECT_EQ(lock.waiting(), 0u);
  EXPECT_THROW(lock.acquire_nowait(), sc::broken_resource_error);
  EXPECT_THROW(co_await lock.acquire(), sc::broken_resource_error);
  EXPECT_THROW(lock.release(), tractor::usage_error);
}

TRACTOR_TEST(lock, whose_holder_failed_is_broken_too) {
  sc::lock lock;
  bool failed = false;
  try {
    co_await sc::open_nursery([&](nursery& n) { n.start_soon(end_with, std::ref(lock), true); });
  } catch (const std::runtime_error&) {
    failed = true;
  }
  EXPECT_TRUE(failed);
  EXPECT_THROW(lock.acquire_nowait(), sc::broken_resource_error);
}

TRACTOR_TEST(lock, of_those_a_task_holds_only_what_it_has_not_released_breaks) {
  sc::lock first, second, third;
  co_await sc::open_nursery([&](nursery& n) {
    n.start_soon([&]() -> task<> {
      for (sc::lock* each : {&first, &second, &third}) co_await each->acquire();
      second.release();
    });
  });
  EXPECT_THROW(first.acquire_nowait(), sc::broken_resource_error);
  EXPECT_THROW(third.acquire_nowait(), sc::broken_resource_error);
  second.acquire_nowait();
  second.release();
}

TRACTOR_TEST(lock, destroyed_while_it_is_held_is_forgotten_by_its_holder) {
  sc::lock kept;
  co_await sc::open_nursery([&](nursery& n) {
    n.start_soon([&]() -> task<> {
      auto gone = std::make_unique<sc::lock>();
      co_await kept.acquire();
      co_await gone->acquire();
      gone.reset();
      kept.release();
    });
  });
  EXPECT_FALSE(kept.locked());
}

// The tasks of the two runs have the same numbers, and are not the same.
TEST(lock, left_held_by_a_run_that_is_over_is_broken_in_the_next) {
  sc::lock lock;
  sc::condition changed(lock);
  sc::run([&]() -> task<> { co_await lock.acquire(); });
  sc::run([&]() -> task<> {
    EXPECT_THROW(co_await lock.acquire(), sc::broken_resource_error);
    EXPECT_THROW(lock.release(), tractor::usage_error);
    EXPECT_THROW(changed.notify(), tractor::usage_error);
    EXPECT_THROW(co_await changed.wait(), tractor::usage_error);
  });
}

TEST(lock, guard_in_an_argument_of_the_main_task_is_released_by_it) {
  sc::lock lock;
  const auto main = [&](std::unique_ptr<std::optional<sc::lock::guard>> kept) -> task<> { kept->emplace(co_await lock.hold()); };
  sc::run([&] { return main(std::make_unique<std::optional<sc::lock::guard>>()); });
  EXPECT_FALSE(lock.locked());
}

// As condition.hpp shows its use: the guard, taken before the wait, is destroyed when the wait has thrown.
TRACTOR_TEST(lock, guard_around_a_wait_for_a_condition_has_nothing_to_release_when_the_lock_broke) {
  for (const bool notify : {true, false}) {
    sc::condition changed;
    bool ready = false;
    std::string told;
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      for (int waiting = 0; waiting < 2; ++waiting)
        n.start_soon([&]() -> task<> {
          try {
            auto guard = co_await changed.hold();
            while (!ready) co_await changed.wait();
          } catch (const sc::broken_resource_error& error) {
            told = error.what();
          }
        });
      co_await settle();
      n.start_soon({.name = "careless"}, [&]() -> task<> {
        co_await changed.acquire();
        ready = true;
        if (notify) changed.notify();
      });
    });
    EXPECT_TRUE(contains(told, "'careless' ended")) << told;
    EXPECT_EQ(changed.waiting(), 0u);
  }
}

TRACTOR_TEST(lock, cancelled_wait_for_a_condition_whose_lock_broke_is_an_error) {
  sc::lock lock;
  sc::condition changed(lock), other(lock);
  bool broken = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    sc::cancel_scope scope;
    n.start_soon([&]() -> task<> {
      try {
        co_await scope.run([&]() -> task<> {
          const auto guard = co_await other.hold();
          co_await other.wait();
        });
      } catch (const sc::broken_resource_error&) {
        broken = true;
      }
    });
    co_await settle();
    n.start_soon([&]() -> task<> {
      co_await lock.acquire();
      scope.cancel("while the lock is held, by a task that will break it");
    });
    co_await settle();
  });
  EXPECT_TRUE(broken);
}

TRACTOR_TEST(lock, broken_while_a_task_waits_for_its_condition) {
  sc::condition changed;
  std::string told;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await changed.acquire();
      try {
        co_await changed.wait();
      } catch (const sc::broken_resource_error& error) {
        told = error.what();
      }
    });
    co_await settle();
    n.start_soon({.name = "careless"}, [&]() -> task<> {
      co_await changed.acquire();
      changed.notify();
    });
  });
  EXPECT_TRUE(contains(told, "'careless' ended")) << told;
}

TRACTOR_TEST(semaphore, lets_so_many_in) {
  sc::semaphore slots(3);
  int inside = 0, most = 0;
  co_await sc::open_nursery([&](nursery& n) {
    for (int i = 0; i < 20; ++i)
      n.start_soon([&]() -> task<> {
        const auto slot = co_await slots.hold();
        most = std::max(most, ++inside);
        co_await sc::sleep(1ms);
        --inside;
      });
  });
  EXPECT_EQ(most, 3);
  EXPECT_EQ(slots.value(), 3u);
}

TRACTOR_TEST(semaphore, release_goes_to_who_waits_and_not_to_the_value) {
  sc::semaphore zero(0);
  bool got = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await zero.acquire();
      got = true;
    });
    co_await settle();
    EXPECT_EQ(zero.waiting(), 1u);
    zero.release();
    EXPECT_EQ(zero.value(), 0u);
    EXPECT_THROW(zero.acquire_nowait(), sc::would_block);
  });
  EXPECT_TRUE(got);
}

TRACTOR_TEST(semaphore, released_beyond_its_maximum_is_a_usage_error) {
  sc::semaphore one(1, 1);
  EXPECT_THROW(one.release(), tractor::usage_error);
  one.acquire_nowait();
  one.release();
  EXPECT_EQ(one.value(), 1u);
  EXPECT_THROW(sc::semaphore(2, 1), tractor::usage_error);
  co_return;
}

TRACTOR_TEST(semaphore, at_maximum_zero_can_still_hand_over) {
  sc::semaphore hand_over(0, 0);
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { co_await hand_over.acquire(); });
    co_await settle();
    hand_over.release();
    EXPECT_THROW(hand_over.release(), tractor::usage_error);
  });
}

TRACTOR_TEST(semaphore, cancelled_waiter_took_nothing) {
  sc::semaphore zero(0);
  EXPECT_FALSE(co_await sc::move_on_after(1s, [&]() -> task<> { co_await zero.acquire(); }));
  zero.release();
  EXPECT_EQ(zero.value(), 1u);
}

TRACTOR_TEST(capacity_limiter, lends_its_tokens_and_no_more) {
  sc::capacity_limiter limiter(2);
  int inside = 0, most = 0;
  co_await sc::open_nursery([&](nursery& n) {
    for (int i = 0; i < 9; ++i)
      n.start_soon([&]() -> task<> {
        const auto token = co_await limiter.hold();
        most = std::max(most, ++inside);
        co_await sc::sleep(1ms);
        --inside;
      });
  });
  EXPECT_EQ(most, 2);
  EXPECT_EQ(limiter.available_tokens(), 2u);
}

TRACTOR_TEST(capacity_limiter, without_waiting_gives_a_token_or_an_error) {
  sc::capacity_limiter limiter(1);
  int job = 0;
  limiter.acquire_nowait();
  EXPECT_THROW(limiter.acquire_on_behalf_of_nowait(&job), sc::would_block);
  limiter.release();
  limiter.acquire_on_behalf_of_nowait(&job);
  EXPECT_THROW(limiter.acquire_nowait(), sc::would_block);
  EXPECT_THROW(limiter.release(), tractor::usage_error);
  limiter.release_on_behalf_of(&job);
  auto token = co_await limiter.hold();
  const auto moved = std::move(token);
  EXPECT_EQ(limiter.borrowed_tokens(), 1u);
}

TRACTOR_TEST(capacity_limiter, one_token_a_borrower) {
  sc::capacity_limiter limiter(5);
  co_await limiter.acquire();
  EXPECT_THROW(co_await limiter.acquire(), tractor::usage_error);
  EXPECT_THROW(limiter.acquire_nowait(), tractor::usage_error);
  int a = 0, b = 0;
  limiter.acquire_on_behalf_of_nowait(&a);
  co_await limiter.acquire_on_behalf_of(&b);
  EXPECT_EQ(limiter.borrowed_tokens(), 3u);
  EXPECT_THROW(limiter.acquire_on_behalf_of_nowait(&a), tractor::usage_error);
  limiter.release_on_behalf_of(&a);
  EXPECT_THROW(limiter.release_on_behalf_of(&a), tractor::usage_error);
  limiter.release_on_behalf_of(&b);
  limiter.release();
  EXPECT_THROW(limiter.release(), tractor::usage_error);
}

TRACTOR_TEST(capacity_limiter, guard_on_behalf_of_something_gives_its_token_back) {
  sc::capacity_limiter limiter(2);
  int job = 0;
  {
    const auto token = co_await limiter.hold_on_behalf_of(&job);
    const auto own = co_await limiter.hold();
    EXPECT_EQ(limiter.borrowed_tokens(), 2u);
    EXPECT_THROW(limiter.acquire_on_behalf_of_nowait(&job), tractor::usage_error);
  }
  EXPECT_EQ(limiter.borrowed_tokens(), 0u);
}

TRACTOR_TEST(capacity_limiter, growing_wakes_who_waits_and_shrinking_takes_nothing_away) {
  sc::capacity_limiter limiter(1);
  int holding = 0;
  sc::event done;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    for (int i = 0; i < 4; ++i)
      n.start_soon([&]() -> task<> {
        const auto token = co_await limiter.hold();
        ++holding;
        co_await done.wait();
      });
    co_await settle();
    EXPECT_EQ(holding, 1);
    limiter.set_total_tokens(3);
    co_await settle();
    EXPECT_EQ(holding, 3);
    limiter.set_total_tokens(1);
    EXPECT_EQ(limiter.borrowed_tokens(), 3u);
    EXPECT_EQ(limiter.available_tokens(), 0u);
    done.set();
  });
  EXPECT_EQ(holding, 4);
  EXPECT_EQ(limiter.borrowed_tokens(), 0u);
}

TRACTOR_TEST(capacity_limiter, borrower_that_waits_twice_is_a_usage_error) {
  sc::capacity_limiter limiter(0);
  int borrower = 0;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await limiter.acquire_on_behalf_of(&borrower);
      limiter.release_on_behalf_of(&borrower);
    });
    co_await settle();
    EXPECT_THROW(co_await limiter.acquire_on_behalf_of(&borrower), tractor::usage_error);
    limiter.set_total_tokens(1);
  });
}

TRACTOR_TEST(capacity_limiter, cancelled_waiter_borrowed_nothing) {
  sc::capacity_limiter limiter(0);
  EXPECT_FALSE(co_await sc::move_on_after(1s, [&]() -> task<> { co_await limiter.acquire(); }));
  limiter.set_total_tokens(1);
  EXPECT_EQ(limiter.available_tokens(), 1u);
  EXPECT_EQ(limiter.waiting(), 0u);
}

}  // namespace
