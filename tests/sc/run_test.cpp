// SPDX-License-Identifier: Apache-2.0
//
// Runs: what they give and throw, that they do not nest, that threads have their own, and how a foreign loop drives one.

#include "tractor/sc/run.hpp"

#include <poll.h>
#include <sys/eventfd.h>

#include <memory>
#include <stdexcept>
#include <thread>

#include "sc_test.hpp"

namespace {

using namespace sc_test;

TEST(run, gives_what_the_main_task_gives) {
  EXPECT_EQ(sc::run([]() -> task<int> { co_return 7; }), 7);
  EXPECT_EQ(*sc::run([]() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(3); }), 3);
  EXPECT_EQ(sc::run([](int a, int b) -> task<int> { co_return a* b; }, 6, 7), 42);
}

TEST(run, throws_what_the_main_task_throws) {
  EXPECT_THROW(sc::run([]() -> task<> {
                 co_await sc::checkpoint();
                 throw std::out_of_range("x");
               }),
               std::out_of_range);
}

TEST(run, nested_in_a_run_is_a_usage_error) {
  sc::run([]() -> task<> {
    EXPECT_THROW(sc::run([]() -> task<> { co_return; }), tractor::usage_error);
    co_return;
  });
  EXPECT_EQ(sc::runner::current(), nullptr);
}

TEST(run, started_and_never_driven_is_given_up) {
  auto token = std::make_shared<int>(0);
  {
    sc::runner scheduler;
    scheduler.start([token]() -> task<> { co_await sc::checkpoint(); });
    EXPECT_FALSE(scheduler.done());
  }
  EXPECT_EQ(token.use_count(), 1);
}

TEST(run, after_a_run_is_a_fresh_one) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(sc::run([i]() -> task<int> { co_return i; }), i);
}

TEST(run, in_two_threads_at_once_are_two_runs) {
  const auto work = [](int& result) {
    result = sc::run([]() -> task<int> {
      int sum = 0;
      co_await sc::open_nursery([&](nursery& n) {
        for (int i = 0; i < 200; ++i)
          n.start_soon([&sum, i]() -> task<> {
            co_await sc::checkpoint();
            sum += i;
          });
      });
      co_return sum;
    });
  };
  int first = 0, second = 0;
  std::thread other([&] { work(first); });
  work(second);
  other.join();
  EXPECT_EQ(first, 19900);
  EXPECT_EQ(second, 19900);
}

TEST(run, kernel_operation_outside_a_run_is_a_usage_error) {
  EXPECT_THROW(static_cast<void>(sc::current_time()), tractor::usage_error);
  EXPECT_THROW(static_cast<void>(sc::why_cancelled()), tractor::usage_error);
}

TEST(run, cancelled_from_outside_ends_with_scope_cancelled_error) {
  sc::virtual_clock clock(false);
  sc::runner scheduler({.clock = &clock});
  bool cleaned = false;
  scheduler.start([&]() -> task<> {
    try {
      co_await sc::sleep_forever();
    } catch (const sc::cancelled&) {
      cleaned = true;
      throw;
    }
  });
  scheduler.step();

  scheduler.cancel("the host is shutting down");
  while (!scheduler.done()) scheduler.step();

  EXPECT_TRUE(cleaned);
  EXPECT_EQ(sc::type_name_of(scheduler.error()), "tractor::sc::scope_cancelled_error");
  EXPECT_TRUE(contains(sc::describe(scheduler.error()), "the host is shutting down"));
}

TEST(run, cancelled_before_its_first_step_never_passes_a_checkpoint) {
  sc::runner scheduler;
  bool passed = false;
  scheduler.start([&]() -> task<> {
    co_await sc::checkpoint();
    passed = true;
  });
  scheduler.cancel("at once");
  scheduler.run_to_completion();
  EXPECT_FALSE(passed);
}

TEST(run, driven_by_a_foreign_loop_through_one_descriptor) {
  // The loop below is somebody else's: it polls the run's descriptor beside its own and steps the run when that fires.
  const tractor::unique_fd ours(tractor::check_syscall(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd()"));
  sc::runner guest;
  int received = 0;
  guest.start([&]() -> task<> {
    for (int i = 0; i < 3; ++i) {
      co_await sc::wait_readable(ours.get());
      std::uint64_t value = 0;
      EXPECT_EQ(::read(ours.get(), &value, sizeof value), 8);
      received += static_cast<int>(value);
    }
  });
  int woken = 0;
  while (!guest.done() && woken < 1000) {
    guest.step();
    if (guest.done() || guest.has_ready_tasks()) continue;
    const std::uint64_t one = 1;
    ASSERT_EQ(::write(ours.get(), &one, sizeof one), 8);
    pollfd watched{.fd = guest.fd(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(::poll(&watched, 1, 60'000), 1);
    ++woken;
  }
  EXPECT_EQ(received, 3);
  EXPECT_EQ(guest.error(), nullptr);
}

TEST(run, two_guests_of_one_host_take_turns_in_one_thread) {
  sc::virtual_clock clock(false);
  std::vector<int> order;
  sc::runner first({.clock = &clock}), second({.clock = &clock});
  const auto count = [&](int id) {
    return [&order, id]() -> task<> {
      for (int i = 0; i < 3; ++i) {
        order.push_back(id);
        co_await sc::sleep(1s);
      }
    };
  };
  first.start(count(1));
  second.start(count(2));
  while (!first.done() || !second.done()) {
    if (!first.done()) first.step();
    if (!second.done()) second.step();
    clock.advance(1s);
  }
  EXPECT_EQ(order, (std::vector<int>{1, 2, 1, 2, 1, 2}));
}

TEST(run_death, destroyed_before_its_end_is_an_assertion) {
  EXPECT_DEATH(
      {
        sc::runner scheduler;
        scheduler.start([]() -> task<> { co_await sc::sleep_forever(); });
        scheduler.step();
      },
      "has not ended");
}

TEST(deferred, work_runs_once_after_the_batch_and_may_take_other_work_away) {
  // What one piece of deferred work does away with must not run, also when both were due in the same round.
  struct work : sc::detail::deferred {
    std::function<void()> action;
  };
  sc::virtual_clock clock;
  int ran = 0;
  sc::run({.clock = &clock}, [&]() -> task<> {
    sc::runner& scheduler = *sc::runner::current();
    auto first = std::make_unique<work>(), second = std::make_unique<work>();
    const auto call = [](sc::detail::deferred& self) noexcept { static_cast<work&>(self).action(); };
    first->run = second->run = call;
    const auto once = [&scheduler, &ran](std::unique_ptr<work>& other) {
      return [&] {
        ++ran;
        if (other) scheduler.cancel_deferred(*other);
        other.reset();
      };
    };
    first->action = once(second);
    second->action = once(first);
    scheduler.defer(*first);
    scheduler.defer(*first);
    scheduler.defer(*second);
    co_await settle();
    // Whichever ran first did away with the other.
    EXPECT_EQ(ran, 1);
    EXPECT_NE(first == nullptr, second == nullptr);
  });
}

TEST(deferred, work_is_taken_away_wherever_it_stands) {
  struct work : sc::detail::deferred {
    int number = 0;
    std::vector<int>* ran = nullptr;
  };
  for (int gone = 0; gone < 3; ++gone) {
    std::vector<int> ran;
    sc::run([&]() -> task<> {
      sc::runner& scheduler = *sc::runner::current();
      work all[3];
      for (int i = 0; i < 3; ++i) {
        all[i].number = i;
        all[i].ran = &ran;
        all[i].run = [](sc::detail::deferred& self) noexcept {
          const auto& mine = static_cast<work&>(self);
          mine.ran->push_back(mine.number);
        };
        scheduler.defer(all[i]);
      }
      scheduler.cancel_deferred(all[gone]);
      scheduler.cancel_deferred(all[gone]);  // nothing of it is queued
      co_await sc::sleep(1ms);
    });
    EXPECT_EQ(ran.size(), 2u);
    EXPECT_FALSE(std::ranges::count(ran, gone) > 0);
  }
}

TEST(run, failed_from_outside_of_all_tasks_ends_with_the_first_error) {
  sc::runner run;
  run.start([]() -> task<> { co_await sc::sleep_forever(); });
  run.fail(std::make_exception_ptr(std::runtime_error("first")), "a callback failed");
  run.fail(std::make_exception_ptr(std::runtime_error("second")), "and another");
  run.run_to_completion();
  EXPECT_EQ(message_of([&] { std::rethrow_exception(run.error()); }), "first");
}

TEST(run, failed_from_outside_keeps_that_error_whatever_the_main_task_makes_of_its_cancel) {
  sc::runner run;
  run.start([]() -> task<> {
    try {
      co_await sc::sleep_forever();
    } catch (const sc::cancelled&) {
      throw std::runtime_error("of the main task");
    }
  });
  run.fail(std::make_exception_ptr(std::runtime_error("first")), "a callback failed");
  run.run_to_completion();
  EXPECT_EQ(message_of([&] { std::rethrow_exception(run.error()); }), "first");
}

}  // namespace
