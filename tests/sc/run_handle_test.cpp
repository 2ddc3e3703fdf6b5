// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/run_handle.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "sc_test.hpp"

namespace {

using namespace std::chrono_literals;
namespace sc = tractor::sc;
using sc::nursery;
using sc::task;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(run_handle, post_from_a_thread_wakes_the_run) {
  std::jthread poster;
  std::thread::id called_in;
  sc::run([&]() -> task<> {
    sc::event came;
    poster = std::jthread([home = sc::run_handle(), &came, &called_in] {
      EXPECT_TRUE(home.post([&] {
        called_in = std::this_thread::get_id();
        came.set();
      }));
    });
    co_await came.wait();
  });
  EXPECT_EQ(called_in, std::this_thread::get_id());
}

TEST(run_handle, calls_come_in_the_order_of_the_posts_and_between_the_steps_of_tasks) {
  std::vector<int> seen;
  sc::run([&]() -> task<> {
    const sc::run_handle home;
    sc::event done;
    for (int i = 1; i <= 3; ++i) home.post([&seen, i] { seen.push_back(i); });
    home.post([&] { done.set(); });
    seen.push_back(0);
    co_await done.wait();
  });
  EXPECT_THAT(seen, ElementsAre(0, 1, 2, 3));
}

TEST(run_handle, what_is_posted_can_start_tasks_cancel_and_post) {
  int steps = 0;
  sc::run([&]() -> task<> {
    const sc::run_handle home;
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      home.post([&] {
        n.start_soon([&]() -> task<> {
          ++steps;
          home.post([&] {
            ++steps;
            n.cancel();
          });
          co_await sc::sleep_forever();
        });
      });
      co_await sc::sleep_forever();
    });
  });
  EXPECT_EQ(steps, 2);
}

TEST(run_handle, posts_of_many_threads_all_arrive) {
  constexpr int threads = 4, posts = 2'000;
  int called = 0;
  sc::run([&]() -> task<> {
    sc::event all;
    std::vector<std::jthread> posters;
    for (int i = 0; i < threads; ++i)
      posters.emplace_back([home = sc::run_handle(), &called, &all] {
        for (int j = 0; j < posts; ++j)
          home.post([&] {
            if (++called == threads * posts) all.set();
          });
      });
    co_await all.wait();
  });
  EXPECT_EQ(called, threads * posts);
}

TEST(run_handle, tasks_have_their_turn_while_functions_post_themselves) {
  bool stop = false;
  int turns = 0;
  sc::run([&]() -> task<> {
    const sc::run_handle home;
    std::function<void()> again = [&] {
      if (!stop) home.post(again);
    };
    again();
    for (; turns < 1'000; ++turns) co_await sc::checkpoint();
    stop = true;
  });
  EXPECT_EQ(turns, 1'000);
}

TEST(run_handle, post_after_the_end_is_refused_and_the_function_destroyed) {
  std::optional<sc::run_handle> home;
  sc::run([&]() -> task<> {
    home.emplace();
    co_return;
  });
  const auto held = std::make_shared<int>(0);
  EXPECT_FALSE(home->post([held] { ADD_FAILURE() << "called"; }));
  EXPECT_EQ(held.use_count(), 1);
}

TEST(run_handle, function_that_is_not_called_before_the_end_is_destroyed) {
  const auto held = std::make_shared<int>(0);
  int calls = 0;
  sc::run([&]() -> task<> {
    sc::run_handle().post([held, &calls] { ++calls; });
    co_return;
  });
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_EQ(calls, 0);
}

TEST(run_handle, exception_of_a_function_ends_the_run) {
  try {
    sc::run([]() -> task<> {
      sc::run_handle().post([] { throw std::runtime_error("from outside"); });
      co_await sc::sleep_forever();
    });
    ADD_FAILURE() << "the run ended well";
  } catch (const std::runtime_error& failed) {
    EXPECT_STREQ(failed.what(), "from outside");
  }
}

TEST(run_handle, posts_are_bounded) {
  sc::run([]() -> task<> {
    const sc::run_handle home;
    std::size_t calls = 0;
    for (std::size_t i = 0; i < sc::run_handle::posted_max; ++i) home.post([&] { ++calls; });
    try {
      home.post([] {});
      ADD_FAILURE() << "there is no bound";
    } catch (const tractor::error& refused) {
      EXPECT_EQ(refused.category(), tractor::error_category::overloaded);
      EXPECT_THAT(refused.what(), HasSubstr("65536 functions wait"));
    }
    sc::event done;
    while (calls < sc::run_handle::posted_max) co_await sc::sleep(1ms);
    EXPECT_TRUE(home.post([&] { done.set(); })) << "there is room again";
    co_await done.wait();
  });
}

TEST(run_handle, outside_a_run_there_is_none) { EXPECT_THROW(sc::run_handle(), tractor::usage_error); }

TRACTOR_TEST(run_handle, post_works_under_a_virtual_clock) {
  sc::event done;
  sc::run_handle().post([&] { done.set(); });
  co_await done.wait();
}

}  // namespace
