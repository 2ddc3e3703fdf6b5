// SPDX-License-Identifier: Apache-2.0
//
// Checkpoints, sleeping, the virtual clock, the order of tasks, and deadlocks.

#include "tractor/sc/checkpoint.hpp"

#include <algorithm>

#include "sc_test.hpp"
#include "tractor/sc/event.hpp"

namespace {

using namespace sc_test;

TRACTOR_TEST(checkpoint, lets_other_tasks_run) {
  std::vector<int> order;
  co_await sc::open_nursery([&](nursery& n) {
    for (int id = 0; id < 2; ++id)
      n.start_soon([&order, id]() -> task<> {
        for (int step = 0; step < 3; ++step) {
          order.push_back(id);
          co_await sc::checkpoint();
        }
      });
  });
  // In each batch both ran once.
  TRACTOR_REQUIRE(order.size() == 6);
  for (std::size_t i = 0; i < 6; i += 2) EXPECT_NE(order[i], order[i + 1]);
}

TRACTOR_TEST(checkpoint, shielded_one_does_not_throw) {
  sc::cancel_scope scope;
  bool passed = false;
  co_await scope.run([&]() -> task<> {
    scope.cancel();
    co_await sc::cancel_shielded_checkpoint();
    passed = true;
    co_await sc::checkpoint();
  });
  EXPECT_TRUE(passed);
}

TRACTOR_TEST(checkpoint_if_cancelled, throws_in_a_cancelled_scope) {
  sc::cancel_scope scope;
  bool passed = false;
  EXPECT_FALSE(co_await scope.run([&]() -> task<> {
    co_await sc::checkpoint_if_cancelled();
    passed = true;
    scope.cancel();
    co_await sc::checkpoint_if_cancelled();
    ADD_FAILURE() << "went on";
  }));
  EXPECT_TRUE(passed);
}

TRACTOR_TEST(checkpoint_if_cancelled, is_no_schedule_point) {
  bool other_ran = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      other_ran = true;
      co_return;
    });
    for (int i = 0; i < 1000; ++i) co_await sc::checkpoint_if_cancelled();
    EXPECT_FALSE(other_ran);
  });
  EXPECT_TRUE(other_ran);
}

TRACTOR_TEST(checkpoint_if_cancelled, sees_a_deadline_once_the_clock_has_passed_it_and_others_could_run) {
  EXPECT_FALSE(co_await sc::move_on_after(1s, []() -> task<> {
    co_await sc::shielded([]() -> task<> { co_await sc::sleep(2s); });
    co_await sc::checkpoint_if_cancelled();
    ADD_FAILURE() << "went on";
  }));
}

TRACTOR_TEST(checkpoint_if_cancelled, goes_on_behind_a_shield) {
  sc::cancel_scope scope;
  bool passed = false;
  EXPECT_FALSE(co_await scope.run([&]() -> task<> {
    scope.cancel();
    co_await sc::shielded([&]() -> task<> {
      co_await sc::checkpoint_if_cancelled();
      passed = true;
    });
    co_await sc::checkpoint();
  }));
  EXPECT_TRUE(passed);
}

TRACTOR_TEST(sleep, takes_exactly_its_time_on_the_virtual_clock) {
  co_await sc::sleep(1500ms);
  EXPECT_EQ(sc::current_time().time_since_epoch(), 1500ms);
  co_await sc::sleep_until(sc::time_point(2s));
  EXPECT_EQ(sc::current_time().time_since_epoch(), 2s);
}

TRACTOR_TEST(sleep, into_the_past_returns) {
  co_await sc::sleep(-5s);
  co_await sc::sleep(0s);
  co_await sc::sleep_until(sc::time_point::min());
  EXPECT_EQ(sc::current_time().time_since_epoch(), 0s);
}

TRACTOR_TEST(sleep, longer_than_time_itself_is_for_ever) {
  co_await sc::move_on_after(1s, []() -> task<> { co_await sc::sleep(sc::duration::max()); });
  EXPECT_EQ(sc::current_time().time_since_epoch(), 1s);
}

TRACTOR_TEST(sleep, many_wake_in_the_order_of_their_times) {
  std::vector<int> order;
  co_await sc::open_nursery([&](nursery& n) {
    for (int i = 0; i < 1000; ++i)
      n.start_soon([&order, i]() -> task<> {
        const int delay = (i * 7919) % 1000;
        co_await sc::sleep(delay * 1us);
        order.push_back(delay);
      });
  });
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TRACTOR_TEST(sleep, cancelled_ones_leave_no_timer_behind) {
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    for (int i = 0; i < 500; ++i) n.start_soon([i]() -> task<> { co_await sc::sleep(1s + i * 1ms); });
    co_await settle();
    n.cancel();
  });
  EXPECT_EQ(sc::runner::current()->next_deadline(), sc::never);
}

TRACTOR_TEST(sleep, outside_a_cancelled_scope_is_a_checkpoint_too) {
  EXPECT_FALSE(co_await sc::move_on_after(0s, []() -> task<> { co_await sc::sleep(0s); }));
}

TEST(virtual_clock, moves_forward_only) {
  sc::virtual_clock clock(false, sc::time_point(5s));
  clock.advance(2s);
  clock.advance_to(sc::time_point(1s));
  EXPECT_EQ(clock.now().time_since_epoch(), 7s);
  EXPECT_FALSE(clock.autojump());
}

TEST(virtual_clock, without_autojump_time_is_the_hosts) {
  sc::virtual_clock clock(false);
  bool woken = false;
  sc::runner scheduler({.clock = &clock});
  scheduler.start([&]() -> task<> {
    co_await sc::sleep(10s);
    woken = true;
  });

  scheduler.step();
  EXPECT_EQ(scheduler.next_deadline(), sc::time_point(10s));
  clock.advance(9s);
  scheduler.step();
  EXPECT_FALSE(woken);
  clock.advance(1s);
  while (!scheduler.done()) scheduler.step();

  EXPECT_TRUE(woken);
}

TEST(deadlock, is_an_error_that_shows_the_task_tree) {
  sc::virtual_clock clock;
  const std::string text = message_of([&] {
    sc::run({.clock = &clock}, []() -> task<> {
      sc::event never_set;
      co_await sc::open_nursery([&](nursery& n) { n.start_soon({.name = "stuck one"}, [&]() -> task<> { co_await never_set.wait(); }); });
    });
  });
  EXPECT_TRUE(contains(text, "deadlock")) << text;
  EXPECT_TRUE(contains(text, "stuck one")) << text;
  EXPECT_TRUE(contains(text, "event.wait")) << text;
}

TEST(deadlock, cancels_the_tasks_so_that_they_clean_up) {
  sc::virtual_clock clock;
  bool cleaned = false;
  EXPECT_THROW(sc::run({.clock = &clock},
                       [&]() -> task<> {
                         try {
                           co_await sc::sleep_forever();
                         } catch (const sc::cancelled&) {
                           cleaned = true;
                           throw;
                         }
                       }),
               sc::deadlock_error);
  EXPECT_TRUE(cleaned);
}

// --- order ---

std::vector<int> order_with(std::optional<std::uint64_t> seed) {
  std::vector<int> order;
  sc::virtual_clock clock;
  sc::run({.clock = &clock, .seed = seed}, [&]() -> task<> {
    co_await sc::open_nursery([&](nursery& n) {
      for (int i = 0; i < 10; ++i)
        n.start_soon([&order, i]() -> task<> {
          for (int step = 0; step < 3; ++step) {
            order.push_back(i);
            co_await sc::checkpoint();
          }
        });
    });
  });
  return order;
}

TEST(schedule, without_a_seed_is_first_in_first_out) {
  const auto order = order_with(std::nullopt);
  for (std::size_t i = 0; i < 30; ++i) EXPECT_EQ(order[i], static_cast<int>(i % 10));
}

TEST(schedule, is_the_same_for_the_same_seed) { EXPECT_EQ(order_with(42), order_with(42)); }

TEST(schedule, differs_between_seeds) {
  int different = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) different += order_with(seed) != order_with(seed + 1);
  EXPECT_GE(different, 19);
}

TEST(schedule, is_fair_under_every_seed) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto order = order_with(seed);
    ASSERT_EQ(order.size(), 30u);
    for (std::size_t batch = 0; batch < 3; ++batch) {
      const auto from = order.begin() + static_cast<std::ptrdiff_t>(batch * 10);
      std::vector<int> ran(from, from + 10);
      std::sort(ran.begin(), ran.end());
      for (int i = 0; i < 10; ++i) EXPECT_EQ(ran[static_cast<std::size_t>(i)], i);
    }
  }
}

TRACTOR_TEST(schedule, random_bits_come_from_the_seed) {
  const auto draw = [](std::uint64_t seed) {
    sc::runner scheduler({.seed = seed});
    return scheduler.random();
  };
  EXPECT_EQ(draw(1), draw(1));
  EXPECT_NE(draw(1), draw(2));
  co_return;
}

TEST(schedule, ready_operations_cannot_starve_the_rest) {
  // A task that never has to wait still lets others in, after a bounded number of operations.
  sc::virtual_clock clock;
  bool other_ran = false;
  sc::run({.clock = &clock}, [&]() -> task<> {
    co_await sc::move_on_after(1s, [&]() -> task<> {
      co_await sc::open_nursery([&](nursery& n) {
        n.start_soon([&]() -> task<> {
          sc::event set;
          set.set();
          for (int i = 0; i < 100'000 && !other_ran; ++i) co_await set.wait();
        });
        n.start_soon([&]() -> task<> {
          co_await sc::sleep(0s);
          other_ran = true;
        });
      });
    });
  });
  EXPECT_TRUE(other_ran);
}

// Who waits out of reach of cancels cannot be ended: the program is, and says what it waited for.
TEST(deadlock_death, of_a_shielded_wait_names_it) {
  const auto wait_for_ever = []() -> task<> {
    sc::event never;
    co_await sc::shielded([&] { return never.wait(); });
  };
  sc::virtual_clock clock;
  EXPECT_DEATH(sc::run({.clock = &clock}, wait_for_ever),
               "deadlock: every task waits[^$]*event.wait[^$]*still waiting after the run was cancelled[^$]*event.wait");
}

}  // namespace
