// SPDX-License-Identifier: Apache-2.0
//
// Blocking calls in worker threads: results, bounds, cancels, and that no thread is left when the run ends.

#include "tractor/sc/to_thread.hpp"

#include <signal.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <memory>
#include <stdexcept>
#include <thread>

#include "sc/external_queue.hpp"
#include "sc/worker_threads.hpp"
#include "sc_test.hpp"

namespace {

using namespace sc_test;

std::size_t threads_of_this_process() {
  std::thread([] {}).join();  // a sanitizer starts a thread of its own with the first one, which then stays
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) ++count;
  return count;
}

sc::detail::worker_threads& workers() { return sc::runner::current()->external().threads(); }

TRACTOR_TEST(to_thread, gives_the_result_computed_in_another_thread) {
  const auto here = std::this_thread::get_id();
  const auto there = co_await sc::to_thread([] { return std::this_thread::get_id(); });
  EXPECT_NE(here, there);
}

TRACTOR_TEST(to_thread, moves_what_it_is_given_and_what_it_gives) {
  auto given = std::make_unique<int>(4);
  const auto got = co_await sc::to_thread([held = std::move(given)]() mutable { return std::move(held); });
  EXPECT_EQ(*got, 4);
}

TRACTOR_TEST(to_thread, result_may_be_nothing) {
  std::atomic<bool> ran = false;
  co_await sc::to_thread([&] { ran = true; });
  EXPECT_TRUE(ran);
}

TRACTOR_TEST(to_thread, exception_comes_out_of_the_await) {
  EXPECT_THROW(static_cast<void>(co_await sc::to_thread([]() -> int { throw std::invalid_argument("in the thread"); })),
               std::invalid_argument);
}

TRACTOR_TEST(to_thread, thread_is_used_again) {
  const auto first = co_await sc::to_thread([] { return std::this_thread::get_id(); });
  for (int i = 0; i < 10; ++i) {
    const auto again = co_await sc::to_thread([] { return std::this_thread::get_id(); });
    EXPECT_EQ(first, again);
  }
  EXPECT_EQ(workers().thread_count(), 1u);
}

TRACTOR_TEST(to_thread, calls_run_side_by_side) {
  // Two calls that wait for each other can only end when both run.
  std::promise<void> first, second;
  int ended = 0;
  co_await sc::open_nursery([&](nursery& n) {
    n.start_soon([&]() -> task<> {
      co_await sc::to_thread([&] {
        first.set_value();
        second.get_future().wait();
      });
      ++ended;
    });
    n.start_soon([&]() -> task<> {
      co_await sc::to_thread([&] {
        second.set_value();
        first.get_future().wait();
      });
      ++ended;
    });
  });
  EXPECT_EQ(ended, 2);
}

TRACTOR_TEST(to_thread, limiter_bounds_how_many_run_at_once) {
  sc::capacity_limiter limiter(3);
  std::atomic<int> inside = 0, most = 0;
  co_await sc::open_nursery([&](nursery& n) {
    for (int i = 0; i < 20; ++i)
      n.start_soon([&]() -> task<> {
        co_await sc::to_thread(
            [&] {
              const int now = ++inside;
              for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
              }
              std::this_thread::yield();
              --inside;
            },
            {.limiter = &limiter});
      });
  });
  EXPECT_LE(most, 3);
  EXPECT_LE(workers().thread_count(), 3u);
  EXPECT_EQ(limiter.borrowed_tokens(), 0u);
}

TRACTOR_TEST(to_thread, default_limiter_has_forty_tokens) {
  EXPECT_EQ(sc::default_thread_limiter().total_tokens(), 40u);
  co_return;
}

TRACTOR_TEST(to_thread, waiting_for_the_limiter_can_be_cancelled) {
  sc::capacity_limiter none(0);
  bool ran = false;
  EXPECT_FALSE(co_await sc::move_on_after(1s, [&]() -> task<> { co_await sc::to_thread([&] { ran = true; }, {.limiter = &none}); }));
  EXPECT_FALSE(ran);
}

TRACTOR_TEST(to_thread, running_call_is_awaited_when_cancelled_and_its_result_given) {
  std::promise<void> release;
  std::atomic<bool> running = false;
  sc::cancel_scope scope;
  int got = 0;
  bool passed = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await scope.run([&]() -> task<> {
        got = co_await sc::to_thread([&] {
          running = true;
          release.get_future().wait();
          return 5;
        });
        co_await sc::checkpoint();
        passed = true;
      });
    });
    while (!running) co_await sc::checkpoint();
    scope.cancel();
    co_await sc::checkpoint();
    EXPECT_EQ(got, 0);
    release.set_value();
  });
  EXPECT_EQ(got, 5);
  EXPECT_FALSE(passed);
}

TRACTOR_TEST(to_thread, abandoned_call_ends_the_wait_at_once_and_gives_its_token_back_later) {
  auto release = std::make_shared<std::promise<void>>();
  auto ended = std::make_shared<std::promise<void>>();
  auto has_ended = ended->get_future();
  sc::capacity_limiter limiter(1);
  sc::cancel_scope scope;
  std::atomic<bool> running = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await scope.run([&]() -> task<> {
        co_await sc::to_thread(
            [release, ended, &running] {
              running = true;
              release->get_future().wait();
              ended->set_value();
            },
            {.limiter = &limiter, .abandon_on_cancel = true});
        ADD_FAILURE() << "the abandoned call gave a result";
      });
    });
    while (!running) co_await sc::checkpoint();
    scope.cancel();
  });
  EXPECT_TRUE(scope.cancelled_caught());
  EXPECT_EQ(limiter.borrowed_tokens(), 1u);

  release->set_value();
  const sc::external_wait outside;
  co_await limiter.acquire();
  limiter.release();
  EXPECT_EQ(has_ended.wait_for(0s), std::future_status::ready);
}

TRACTOR_TEST(to_thread, cancelled_between_its_token_and_its_thread_does_not_call) {
  // The cancel meets the task in the ready queue, where nothing can tell it: the next wait must see it by itself.
  for (const bool abandon : {false, true}) {
    sc::capacity_limiter limiter(1);
    sc::cancel_scope scope;
    bool ran = false;
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      co_await limiter.acquire();
      n.start_soon([&]() -> task<> {
        co_await scope.run(
            [&]() -> task<> { co_await sc::to_thread([&] { ran = true; }, {.limiter = &limiter, .abandon_on_cancel = abandon}); });
      });
      co_await settle();
      limiter.release();  // to the task, which is ready now
      scope.cancel();
    });
    EXPECT_FALSE(ran);
    EXPECT_TRUE(scope.cancelled_caught());
    EXPECT_EQ(limiter.borrowed_tokens(), 0u);
  }
}

TEST(to_thread, call_that_is_abandoned_may_outlive_the_run) {
  const std::size_t threads_before = threads_of_this_process();
  auto release = std::make_shared<std::promise<void>>();
  auto gone = std::make_shared<std::promise<void>>();
  auto is_gone = gone->get_future();
  auto running = std::make_shared<std::atomic<bool>>(false);
  struct at_end {
    std::shared_ptr<std::promise<void>> told;
    at_end(std::shared_ptr<std::promise<void>> t) : told(std::move(t)) {}
    at_end(at_end&&) = default;
    ~at_end() {
      if (told) told->set_value();
    }
  };
  sc::virtual_clock clock;
  sc::run({.clock = &clock}, [&]() -> task<> {
    sc::cancel_scope scope;
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      n.start_soon([&]() -> task<> {
        co_await scope.run([&]() -> task<> {
          co_await sc::to_thread(
              [release, running, held = at_end(gone)] {
                *running = true;
                release->get_future().wait();
              },
              {.abandon_on_cancel = true});
        });
      });
      while (!*running) co_await sc::checkpoint();
      scope.cancel();
    });
  });
  gone.reset();

  EXPECT_EQ(is_gone.wait_for(0s), std::future_status::timeout);
  release->set_value();
  is_gone.wait();                                                                // the callable was freed, by the thread itself
  while (threads_of_this_process() > threads_before) std::this_thread::yield();  // another test counts them
}

// What an abandoned call borrowed is nobody else's, also when its memory is another call's by then.
TEST(to_thread, token_of_a_call_that_outlives_its_run_is_taken_for_no_other_call) {
  const std::size_t threads_before = threads_of_this_process();
  sc::capacity_limiter limiter(100);
  for (int i = 0; i < 30; ++i) {
    const auto running = std::make_shared<std::atomic<bool>>(false), may_end = std::make_shared<std::atomic<bool>>(false);
    sc::run([&]() -> task<> {
      sc::cancel_scope scope;
      co_await sc::open_nursery([&](nursery& n) -> task<> {
        n.start_soon([&]() -> task<> {
          co_await scope.run([&]() -> task<> {
            co_await sc::to_thread(
                [may_end, running] {
                  *running = true;
                  while (!*may_end) std::this_thread::yield();
                },
                {.limiter = &limiter, .abandon_on_cancel = true});
          });
        });
        while (!*running) co_await sc::checkpoint();
        scope.cancel();
      });
    });
    *may_end = true;
    while (threads_of_this_process() > threads_before) std::this_thread::yield();  // its memory is free
    sc::run([&]() -> task<> {
      for (int call = 0; call < 20; ++call) co_await sc::to_thread([may_end, running] {}, {.limiter = &limiter});
    });
  }
}

TEST(to_thread, no_thread_is_left_when_the_run_ends) {
  const std::size_t before = threads_of_this_process();
  sc::run([]() -> task<> {
    co_await sc::open_nursery([](nursery& n) {
      for (int i = 0; i < 10; ++i) n.start_soon([]() -> task<> { co_await sc::to_thread([] {}); });
    });
  });
  EXPECT_EQ(threads_of_this_process(), before);
}

TEST(to_thread, idle_threads_end) {
  sc::run([]() -> task<> {
    workers().set_idle_max(std::chrono::milliseconds(0));
    co_await sc::fail_after(60s, []() -> task<> {
      co_await sc::to_thread([] {});
      while (workers().thread_count() != 0) co_await sc::checkpoint();
      co_await sc::to_thread([] {});
    });
  });
}

TRACTOR_TEST(to_thread, thread_blocks_signals_but_not_faults) {
  const sigset_t mask = co_await sc::to_thread([] {
    sigset_t blocked;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
    return blocked;
  });
  for (const int number : {SIGINT, SIGTERM, SIGCHLD, SIGHUP, SIGUSR1}) EXPECT_EQ(::sigismember(&mask, number), 1) << number;
  EXPECT_EQ(::sigismember(&mask, SIGSEGV), 0);
}

TRACTOR_TEST(to_thread, virtual_clock_waits_for_a_call) {
  // The clock must neither jump over the call nor call the run deadlocked.
  std::promise<void> release;
  sc::time_point ended{};
  co_await sc::open_nursery([&](nursery& n) {
    n.start_soon([&]() -> task<> {
      co_await sc::to_thread([&] { release.get_future().wait(); });
      ended = sc::current_time();
    });
    n.start_soon([&]() -> task<> {
      for (int i = 0; i < 20; ++i) co_await sc::checkpoint();
      release.set_value();
      co_await sc::sleep(1s);
    });
  });
  EXPECT_EQ(ended.time_since_epoch(), 0s);
}

TRACTOR_TEST(to_thread, run_of_its_own_inside_the_callable) {
  const int got = co_await sc::to_thread([] {
    return sc::run([]() -> task<int> {
      co_await sc::checkpoint();
      co_return 6;
    });
  });
  EXPECT_EQ(got, 6);
}

TRACTOR_TEST(to_thread, many_calls_from_many_tasks) {
  std::atomic<int> sum = 0;
  co_await sc::open_nursery([&](nursery& n) {
    for (int task_number = 0; task_number < 60; ++task_number)
      n.start_soon([&]() -> task<> {
        for (int i = 0; i < 5; ++i) sum += co_await sc::to_thread([i] { return i; });
      });
  });
  EXPECT_EQ(sum, 600);
  EXPECT_LE(workers().thread_count(), 40u);
}

}  // namespace
