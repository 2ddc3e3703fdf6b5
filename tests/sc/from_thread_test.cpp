// SPDX-License-Identifier: Apache-2.0
//
// What a thread asks of the task that waits for it.

#include "tractor/sc/from_thread.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <memory>
#include <stdexcept>
#include <thread>

#include "sc_test.hpp"

namespace {

using namespace sc_test;
using ::testing::HasSubstr;
namespace from_thread = sc::from_thread;

TRACTOR_TEST(from_thread, runs_in_the_task_that_waits) {
  const auto home = std::this_thread::get_id();
  const std::uint64_t here = sc::task_tree().id;
  const int got = co_await sc::to_thread([&] {
    EXPECT_NE(std::this_thread::get_id(), home);
    const auto where = from_thread::run_sync([] { return std::this_thread::get_id(); });
    EXPECT_EQ(where, home);
    const auto task_id = from_thread::run([]() -> task<std::uint64_t> {
      co_await sc::sleep(1h);
      co_return sc::task_tree().id;
    });
    EXPECT_EQ(task_id, here);
    int sum = 0;
    for (int i = 1; i <= 100; ++i)
      from_thread::run([&]() -> task<> {
        co_await sc::checkpoint();
        sum += i;
      });
    return sum;
  });
  EXPECT_EQ(got, 5050);
}

TRACTOR_TEST(from_thread, exception_comes_back_to_the_thread) {
  co_await sc::to_thread([] {
    EXPECT_THROW(from_thread::run([]() -> task<> {
                   co_await sc::checkpoint();
                   throw std::out_of_range("in the task");
                 }),
                 std::out_of_range);
    EXPECT_THROW(from_thread::run_sync([] { throw std::out_of_range("at once"); }), std::out_of_range);
  });
  EXPECT_THROW(co_await sc::to_thread([] { from_thread::run_sync([] { throw std::out_of_range("through"); }); }), std::out_of_range);
}

TRACTOR_TEST(from_thread, cancel_reaches_what_the_thread_asked_for) {
  bool seen = false, after = false;
  const bool complete = co_await sc::move_on_after(1s, [&]() -> task<> {
    co_await sc::to_thread([&] {
      try {
        from_thread::run([]() -> task<> { co_await sc::sleep_forever(); });
      } catch (const sc::thread_cancelled&) {
        seen = true;
        throw;
      }
    });
    after = true;
  });
  EXPECT_FALSE(complete);
  EXPECT_TRUE(seen);
  EXPECT_FALSE(after);
}

TRACTOR_TEST(from_thread, thread_that_keeps_the_cancel_to_itself_does_not_stop_it) {
  const bool complete = co_await sc::move_on_after(1s, []() -> task<> {
    co_await sc::to_thread([] {
      try {
        from_thread::run([]() -> task<> { co_await sc::sleep_forever(); });
      } catch (const sc::thread_cancelled&) {
      }
    });
  });
  EXPECT_FALSE(complete);
}

TEST(from_thread_in_real_time, check_cancelled_ends_a_thread_that_works) {
  std::atomic<bool> cancelled = false;
  sc::run([&]() -> task<> {
    const bool complete = co_await sc::move_on_after(5ms, [&]() -> task<> {
      co_await sc::to_thread([&] {
        try {
          for (;;) from_thread::check_cancelled();
        } catch (const sc::thread_cancelled&) {
          cancelled = true;
          throw;
        }
      });
    });
    EXPECT_FALSE(complete);
  });
  EXPECT_TRUE(cancelled);
}

TEST(from_thread_in_real_time, cancel_while_a_request_is_served_is_seen_after_it) {
  sc::run([&]() -> task<> {
    sc::cancel_scope scope;
    const bool complete = co_await scope.run([&]() -> task<> {
      co_await sc::to_thread([&] {
        from_thread::run_sync([&] { scope.cancel("by the thread"); });
        for (;;) from_thread::check_cancelled();
      });
    });
    EXPECT_FALSE(complete);
  });
}

TEST(from_thread_in_real_time, abandoned_thread_is_refused) {
  std::promise<void> go;
  std::promise<bool> refused;
  auto outcome = refused.get_future();
  sc::run([&]() -> task<> {
    sc::event started;
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      n.start_soon([&]() -> task<> {
        co_await sc::to_thread(
            [&] {
              from_thread::run_sync([&] { started.set(); });
              go.get_future().wait();
              try {
                from_thread::run_sync([] {});
                refused.set_value(false);
              } catch (const sc::thread_cancelled&) {
                refused.set_value(true);
              }
            },
            {.abandon_on_cancel = true});
      });
      co_await started.wait();
      n.cancel("not needed any more");
    });
    go.set_value();
    while (outcome.wait_for(0s) != std::future_status::ready) co_await sc::sleep(1ms);
  });
  EXPECT_TRUE(outcome.get());
}

// The run ends while an abandoned thread stands in its request, or comes with one: it must not stand there for ever.
TEST(from_thread_in_real_time, end_of_the_run_frees_who_asks) {
  for (int i = 0; i < 50; ++i) {
    const auto refused = std::make_shared<std::promise<bool>>();  // the thread may outlive this round
    auto outcome = refused->get_future();
    sc::run([&]() -> task<> {
      static_cast<void>(co_await sc::move_on_after(1ms, [&] {
        return sc::to_thread(
            [refused] {
              try {
                for (;;) from_thread::run_sync([] {});
              } catch (const sc::thread_cancelled&) {
                refused->set_value(true);
              }
            },
            {.abandon_on_cancel = true});
      }));
    });
    ASSERT_EQ(outcome.wait_for(30s), std::future_status::ready);
    EXPECT_TRUE(outcome.get());
  }
}

TEST(from_thread, other_threads_are_refused) {
  EXPECT_THAT(message_of([] { from_thread::check_cancelled(); }), HasSubstr("that to_thread started"));
  EXPECT_THAT(message_of([] { from_thread::run_sync([] {}); }), HasSubstr("that to_thread started"));
}

}  // namespace
