// SPDX-License-Identifier: Apache-2.0
//
// Deadlines of cancel scopes, reasons of cancels, and the races of cancels with what a task waits for.

#include <optional>
#include <random>
#include <stdexcept>

#include "sc_test.hpp"
#include "tractor/sc/cancel_scope.hpp"
#include "tractor/sc/event.hpp"
#include "tractor/sc/memory_channel.hpp"

namespace {

using namespace sc_test;

TRACTOR_TEST(deadline, move_on_after_gives_nothing_when_it_passes) {
  const auto got = co_await sc::move_on_after(2s, []() -> task<int> {
    co_await sc::sleep_forever();
    co_return 1;
  });
  EXPECT_EQ(got, std::nullopt);
  EXPECT_EQ(sc::current_time().time_since_epoch(), 2s);
}

TRACTOR_TEST(deadline, move_on_after_gives_the_value_in_time) {
  const auto got = co_await sc::move_on_after(2s, []() -> task<int> {
    co_await sc::sleep(1s);
    co_return 1;
  });
  EXPECT_EQ(got, 1);
}

TRACTOR_TEST(deadline, body_may_be_anything_to_await) {
  sc::event now, never;
  now.set();
  auto [send, receive] = sc::open_memory_channel<int>(1);
  EXPECT_TRUE(co_await sc::move_on_after(1s, [&] { return now.wait(); }));
  EXPECT_FALSE(co_await sc::move_on_after(1s, [&] { return never.wait(); }));
  EXPECT_FALSE(co_await sc::move_on_after(1s, [] { return sc::sleep(1h); }));
  co_await send.send(7);
  EXPECT_EQ(co_await sc::move_on_after(1s, [&] { return receive.receive(); }), 7);
  EXPECT_EQ(co_await sc::move_on_after(1s, [&] { return receive.receive(); }), std::nullopt);
  co_await sc::fail_after(1s, [&](sc::cancel_scope&) { return now.wait(); });
}

TRACTOR_TEST(deadline, move_on_after_zero_cancels_the_first_checkpoint) {
  bool began = false;
  EXPECT_FALSE(co_await sc::move_on_after(0s, [&]() -> task<> {
    began = true;
    co_await sc::checkpoint();
    ADD_FAILURE() << "passed a checkpoint";
  }));
  EXPECT_TRUE(began);
}

TRACTOR_TEST(deadline, fail_after_throws_too_slow_error) {
  EXPECT_THROW(co_await sc::fail_after(1s, []() -> task<> { co_await sc::sleep_forever(); }), sc::too_slow_error);
  EXPECT_EQ(co_await sc::fail_after(1s,
                                    []() -> task<int> {
                                      co_await sc::checkpoint();
                                      co_return 3;
                                    }),
            3);
}

TRACTOR_TEST(deadline, fail_after_inside_a_cancelled_scope_lets_the_cancel_through) {
  const bool complete =
      co_await sc::move_on_after(1s, []() -> task<> { co_await sc::fail_after(2s, []() -> task<> { co_await sc::sleep_forever(); }); });
  EXPECT_FALSE(complete);
}

TRACTOR_TEST(deadline, earlier_outer_one_wins) {
  sc::cancel_scope inner({.deadline = sc::current_time() + 5s});
  const bool complete = co_await sc::move_on_after(1s, [&]() -> task<> {
    co_await inner.run([]() -> task<> { co_await sc::sleep_forever(); });
    ADD_FAILURE() << "the inner scope absorbed it";
  });
  EXPECT_FALSE(complete);
  EXPECT_FALSE(inner.cancel_called());
}

TRACTOR_TEST(deadline, of_a_scope_that_was_left_does_nothing) {
  sc::cancel_scope scope({.deadline = sc::current_time() + 1s});
  co_await scope.run([]() -> task<> { co_return; });
  co_await sc::sleep(2s);
  EXPECT_FALSE(scope.cancel_called());
}

TRACTOR_TEST(deadline, moved_later_while_running) {
  sc::cancel_scope scope({.deadline = sc::current_time() + 1s});
  sc::time_point ended{};
  co_await scope.run([&]() -> task<> {
    scope.set_deadline(sc::current_time() + 3s);
    try {
      co_await sc::sleep_forever();
    } catch (const sc::cancelled&) {
      ended = sc::current_time();
      throw;
    }
  });
  EXPECT_EQ(ended.time_since_epoch(), 3s);
}

TRACTOR_TEST(deadline, moved_into_the_past_while_running_cancels_at_once) {
  sc::cancel_scope scope;
  EXPECT_FALSE(co_await scope.run([&]() -> task<> {
    scope.set_deadline(sc::current_time());
    EXPECT_TRUE(scope.cancel_called());
    co_await sc::checkpoint();
  }));
}

TRACTOR_TEST(deadline, taken_away_while_another_task_waits_in_the_scope) {
  sc::cancel_scope scope({.deadline = sc::current_time() + 1s});
  bool complete = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { complete = co_await scope.run([]() -> task<> { co_await sc::sleep(5s); }); });
    co_await settle();
    scope.set_deadline(sc::never);
  });
  EXPECT_TRUE(complete);
}

TRACTOR_TEST(deadline, set_before_entering_counts_from_the_clock_not_from_the_entry) {
  sc::cancel_scope scope;
  scope.set_deadline(sc::current_time() + 1s);
  co_await sc::sleep(2s);
  EXPECT_FALSE(co_await scope.run([]() -> task<> { co_await sc::checkpoint(); }));
}

TRACTOR_TEST(deadline, effective_one_is_the_earliest_that_no_shield_hides) {
  EXPECT_EQ(sc::current_effective_deadline(), sc::never);
  sc::cancel_scope outer({.deadline = sc::current_time() + 10s}), inner({.deadline = sc::current_time() + 20s});
  co_await outer.run([&]() -> task<> {
    EXPECT_EQ(sc::current_effective_deadline().time_since_epoch(), 10s);
    co_await inner.run([&]() -> task<> {
      EXPECT_EQ(sc::current_effective_deadline().time_since_epoch(), 10s);
      inner.set_shield(true);
      EXPECT_EQ(sc::current_effective_deadline().time_since_epoch(), 20s);
      inner.cancel();
      EXPECT_EQ(sc::current_effective_deadline(), sc::time_point::min());
      co_return;
    });
  });
}

TRACTOR_TEST(deadline, reaches_a_task_of_a_nursery_inside) {
  sc::time_point ended{};
  co_await sc::move_on_after(1s, [&]() -> task<> {
    co_await sc::open_nursery([&](nursery& n) {
      n.start_soon([&]() -> task<> {
        try {
          co_await sc::sleep_forever();
        } catch (const sc::cancelled&) {
          ended = sc::current_time();
          throw;
        }
      });
    });
  });
  EXPECT_EQ(ended.time_since_epoch(), 1s);
}

TRACTOR_TEST(deadline, thousand_of_them_fire_in_order) {
  std::vector<int> order;
  std::vector<int> delays(1000);
  for (int i = 0; i < 1000; ++i) delays[static_cast<std::size_t>(i)] = i;
  std::shuffle(delays.begin(), delays.end(), std::mt19937_64(sc::runner::current()->random()));
  co_await sc::open_nursery([&](nursery& n) {
    for (const int delay : delays)
      n.start_soon([&order, delay]() -> task<> {
        co_await sc::move_on_after(delay * 1ms + 1ms, []() -> task<> { co_await sc::sleep_forever(); });
        order.push_back(delay);
      });
  });
  EXPECT_EQ(order.size(), 1000u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

// --- races: the wake-up and the cancel come in one batch ---

TRACTOR_TEST(cancel_race, woken_first_keeps_what_it_waited_for) {
  sc::event event;
  sc::cancel_scope scope;
  bool got = false, checkpointed = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await scope.run([&]() -> task<> {
        co_await event.wait();
        got = true;
        co_await sc::checkpoint();
        checkpointed = true;
      });
    });
    co_await settle();
    event.set();
    scope.cancel();  // the task stands in the ready queue
  });
  EXPECT_TRUE(got);
  EXPECT_FALSE(checkpointed);
}

TRACTOR_TEST(cancel_race, cancelled_first_is_not_woken_twice) {
  sc::event event;
  sc::cancel_scope scope;
  bool got = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await scope.run([&]() -> task<> {
        co_await event.wait();
        got = true;
      });
    });
    co_await settle();
    scope.cancel();
    event.set();
    EXPECT_EQ(event.waiting(), 0u);
  });
  EXPECT_FALSE(got);
}

TRACTOR_TEST(cancel_race, deadline_at_the_same_moment_as_the_wake_up) {
  // Either may win; nothing may break, and the scope says truly which.
  sc::cancel_scope scope({.deadline = sc::current_time() + 1s});
  bool slept = false;
  const bool complete = co_await scope.run([&]() -> task<> {
    co_await sc::sleep(1s);
    slept = true;
  });
  EXPECT_EQ(complete, slept);
  EXPECT_EQ(scope.cancelled_caught(), !slept);
}

TRACTOR_TEST(cancel_race, cancel_in_the_ready_queue_is_delivered_by_a_checkpoint) {
  sc::cancel_scope scope;
  bool passed = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    sc::event inside;
    n.start_soon([&]() -> task<> {
      co_await scope.run([&]() -> task<> {
        inside.set();
        for (;;) co_await sc::checkpoint();
        passed = true;
      });
    });
    co_await inside.wait();
    scope.cancel();
  });
  EXPECT_FALSE(passed);
  EXPECT_TRUE(scope.cancelled_caught());
}

TRACTOR_TEST(cancel_race, cancel_called_many_times_from_many_tasks) {
  sc::cancel_scope scope;
  co_await sc::open_nursery([&](nursery& n) {
    for (int i = 0; i < 20; ++i)
      n.start_soon([&]() -> task<> {
        co_await sc::checkpoint();
        scope.cancel();
      });
    n.start_soon([&]() -> task<> { co_await scope.run([]() -> task<> { co_await sc::sleep_forever(); }); });
  });
  EXPECT_TRUE(scope.cancelled_caught());
}

// --- reasons ---

TRACTOR_TEST(why_cancelled, is_empty_outside_a_cancelled_scope) {
  EXPECT_EQ(sc::why_cancelled(), "");
  co_return;
}

TRACTOR_TEST(why_cancelled, lists_the_cancels_in_force_innermost_first_up_to_a_shield) {
  sc::cancel_scope hidden, outer, inner;
  std::string why;
  co_await hidden.run([&]() -> task<> {
    hidden.cancel("hidden by the shield");
    co_await sc::shielded([&]() -> task<> {
      co_await outer.run([&]() -> task<> {
        co_await inner.run([&]() -> task<> {
          outer.cancel("outer says so");
          inner.cancel("inner says so");
          why = sc::why_cancelled();
          co_return;
        });
      });
    });
  });
  const auto first = why.find("inner says so"), second = why.find("outer says so");
  EXPECT_NE(first, std::string::npos) << why;
  EXPECT_NE(second, std::string::npos) << why;
  EXPECT_LT(first, second) << why;
  EXPECT_FALSE(contains(why, "hidden")) << why;
  EXPECT_TRUE(contains(why, "deadline_test.cpp")) << why;
}

TRACTOR_TEST(why_cancelled, names_the_deadline_and_where_it_was_set) {
  std::string why;
  co_await sc::move_on_after(1s, [&]() -> task<> {
    try {
      co_await sc::sleep_forever();
    } catch (const sc::cancelled&) {
      why = sc::why_cancelled();
      throw;
    }
  });
  EXPECT_TRUE(contains(why, "deadline passed (set at")) << why;
  EXPECT_TRUE(contains(why, "deadline_test.cpp")) << why;
}

TRACTOR_TEST(why_cancelled, names_the_task_that_failed) {
  std::string why;
  try {
    co_await sc::open_nursery([&](nursery& n) {
      n.start_soon([&]() -> task<> {
        try {
          co_await sc::sleep_forever();
        } catch (const sc::cancelled&) {
          why = sc::why_cancelled();
          throw;
        }
      });
      n.start_soon({.name = "culprit"}, []() -> task<> {
        co_await sc::sleep(1s);
        throw std::runtime_error("bad day");
      });
    });
  } catch (const std::runtime_error&) {
  }
  EXPECT_TRUE(contains(why, "culprit")) << why;
  EXPECT_TRUE(contains(why, "bad day")) << why;
}

TRACTOR_TEST(deadline, relative_one_counts_from_where_the_scope_is_entered) {
  sc::cancel_scope scope({.relative_deadline = 2s});
  EXPECT_EQ(scope.deadline(), sc::never);
  co_await sc::sleep(5s);
  const auto entered = sc::current_time();
  EXPECT_FALSE(co_await scope.run([&]() -> task<> {
    EXPECT_EQ(scope.deadline(), entered + 2s);
    EXPECT_EQ(sc::current_effective_deadline(), entered + 2s);
    co_await sc::sleep_forever();
  }));
  EXPECT_EQ(sc::current_time(), entered + 2s);
}

TRACTOR_TEST(deadline, timeout_counts_from_where_its_scope_is_awaited) {
  auto limited = sc::move_on_after(2s, [] { return sc::sleep_forever(); });
  co_await sc::sleep(5s);
  const auto entered = sc::current_time();
  EXPECT_FALSE(co_await limited);
  EXPECT_EQ(sc::current_time(), entered + 2s);
}

TRACTOR_TEST(deadline, relative_one_is_replaced_by_an_absolute_one) {
  sc::cancel_scope scope({.relative_deadline = 2s});
  const auto until = sc::current_time() + 7s;
  scope.set_deadline(until);
  EXPECT_EQ(scope.deadline(), until);
  EXPECT_FALSE(co_await scope.run([] { return sc::sleep_forever(); }));
  EXPECT_EQ(sc::current_time(), until);
}

TRACTOR_TEST(deadline, relative_one_of_a_scope_cancelled_before_is_known_once_it_is_entered) {
  sc::cancel_scope scope({.relative_deadline = 5s});
  scope.cancel("early");
  EXPECT_EQ(scope.deadline(), sc::never);
  const auto entered = sc::current_time();
  EXPECT_FALSE(co_await scope.run([&]() -> task<> {
    EXPECT_EQ(scope.deadline(), entered + 5s);
    co_await sc::checkpoint();
  }));
  EXPECT_TRUE(contains(sc::to_string(*scope.reason()), "early"));
}

TEST(deadline, task_that_computes_without_a_checkpoint_can_ask_whether_it_has_passed) {
  sc::virtual_clock clock;
  sc::run({.clock = &clock}, [&]() -> task<> {
    sc::cancel_scope scope;
    int looks = 0;
    EXPECT_FALSE(co_await scope.run([&]() -> task<> {
      scope.set_deadline(sc::current_time() + 3s);
      for (; !scope.cancel_called(); ++looks) clock.advance_to(clock.now() + 1s);
      EXPECT_TRUE(scope.effectively_cancelled());
      EXPECT_EQ(scope.reason()->source, sc::cancel_source::deadline);
      co_await sc::checkpoint();
      ADD_FAILURE() << "the scope was not cancelled";
    }));
    EXPECT_EQ(looks, 3);
    sc::cancel_scope in_time({.relative_deadline = 3s});
    EXPECT_TRUE(co_await in_time.run([]() -> task<> { co_await sc::checkpoint(); }));
    clock.advance_to(clock.now() + 5s);
    EXPECT_FALSE(in_time.cancel_called());  // it was left in time
  });
}

TRACTOR_TEST(deadline, set_in_a_scope_that_is_cancelled_already_changes_nothing) {
  sc::cancel_scope scope;
  EXPECT_FALSE(co_await scope.run([&]() -> task<> {
    scope.cancel("first");
    scope.set_deadline(sc::current_time() + 1s);
    EXPECT_EQ(sc::runner::current()->next_deadline(), sc::never) << "it would be of no use";
    co_await sc::checkpoint();
  }));
  EXPECT_EQ(scope.reason()->source, sc::cancel_source::explicit_call);
}

// On the real clock: how long until then does not fit a duration.
TEST(deadline, at_the_beginning_of_time_has_passed) {
  sc::run([]() -> task<> {
    co_await sc::sleep_until(sc::time_point::min());
    co_await sc::shielded([]() -> task<> { co_await sc::sleep_until(sc::time_point::min()); });
  });
}

TRACTOR_TEST(deadline, relative_one_of_nothing_cancels_at_the_first_checkpoint) {
  for (const sc::duration none : {sc::duration(0), sc::duration(-1)}) {
    sc::cancel_scope scope({.relative_deadline = none});
    EXPECT_FALSE(co_await scope.run([]() -> task<> { co_await sc::checkpoint(); }));
  }
  sc::cancel_scope endless({.relative_deadline = sc::duration::max()});
  EXPECT_TRUE(co_await endless.run([]() -> task<> { co_await sc::sleep(1h); }));
}

}  // namespace
