// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/stall_detector.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "sc_test.hpp"
#include "tractor/sc/run_handle.hpp"

namespace {

using namespace std::chrono_literals;
namespace sc = tractor::sc;
using sc::nursery;
using sc::task;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// The stalls reported, in the order they were.
class reports {
 public:
  [[nodiscard]] auto taker() {
    return [this](const sc::stall& seen) {
      const std::lock_guard<std::mutex> lock(mutex_);
      seen_.push_back(seen);
      count_.store(seen_.size());
    };
  }
  [[nodiscard]] std::size_t count() const { return count_.load(); }
  [[nodiscard]] const sc::stall& at(std::size_t i) const { return seen_.at(i); }

 private:
  std::mutex mutex_;
  std::vector<sc::stall> seen_;
  std::atomic<std::size_t> count_ = 0;
};

// They hold the loop until the report has come, so the tests do not depend on how fast that is.
[[gnu::noinline]] void compute_until(const reports& told, std::size_t count) {
  while (told.count() < count) {
  }
}
[[gnu::noinline]] void block_until(const reports& told, std::size_t count) {
  while (told.count() < count) ::usleep(1'000);
}

TEST(stall_detector, names_the_task_that_computes_and_where) {
  reports told;
  sc::run([&]() -> task<> {
    const sc::stall_detector watch(20ms, told.taker());
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      n.start_soon({.name = "cruncher"}, [&]() -> task<> {
        compute_until(told, 1);
        co_return;
      });
      co_return;
    });
    EXPECT_EQ(watch.count(), 1U);
  });
  const sc::stall& seen = told.at(0);
  EXPECT_EQ(seen.task_name, "cruncher");
  EXPECT_NE(seen.task_id, 0U);
  EXPECT_THAT(seen.spawned_at.file_name(), HasSubstr("stall_detector_test.cpp"));
  EXPECT_GE(seen.held, 20ms);
  EXPECT_GT(seen.on_processor, 0ns);
  EXPECT_THAT(seen.stack, Contains(Field(&tractor::stack_frame::function, HasSubstr("compute_until"))));
  const std::string text = to_text(seen);
  EXPECT_THAT(text, StartsWith("task 'cruncher' (started at "));
  EXPECT_THAT(text, HasSubstr(" has held the loop for 0."));
  EXPECT_THAT(text, HasSubstr("\n  #0 "));
}

TEST(stall_detector, call_that_blocks_takes_no_processor) {
  reports told;
  sc::run([&]() -> task<> {
    const sc::stall_detector watch(20ms, told.taker());
    co_await sc::checkpoint();
    block_until(told, 1);
  });
  EXPECT_EQ(told.at(0).task_name, "main");
  EXPECT_LT(told.at(0).on_processor, told.at(0).held);
  EXPECT_THAT(told.at(0).stack, Contains(Field(&tractor::stack_frame::function, HasSubstr("block_until"))));
}

TEST(stall_detector, each_stall_is_reported_once_and_the_next_one_again) {
  reports told;
  sc::run([&]() -> task<> {
    const sc::stall_detector watch(10ms, told.taker());
    compute_until(told, 1);
    const auto until = sc::monotonic_now() + 50ms;
    while (sc::monotonic_now() < until) {
    }
    EXPECT_EQ(told.count(), 1U);
    co_await sc::sleep(1ms);
    compute_until(told, 2);
  });
  EXPECT_EQ(told.count(), 2U);
}

TEST(stall_detector, waiting_is_no_stall) {
  reports told;
  sc::run([&]() -> task<> {
    const sc::stall_detector watch(5ms, told.taker());
    co_await sc::sleep(100ms);
  });
  EXPECT_EQ(told.count(), 0U);
}

TEST(stall_detector, function_between_tasks_is_reported_as_such) {
  reports told;
  sc::run([&]() -> task<> {
    const sc::stall_detector watch(10ms, told.taker());
    sc::event done;
    sc::run_handle().post([&] {
      compute_until(told, 1);
      done.set();
    });
    co_await done.wait();
  });
  EXPECT_EQ(told.at(0).task_id, 0U);
  EXPECT_THAT(to_text(told.at(0)), StartsWith("the run itself, between two tasks, has held the loop"));
}

TEST(stall_detector, two_runs_in_two_threads_are_told_apart) {
  const auto held_by = [](const char* name) {
    reports told;
    sc::run([&]() -> task<> {
      const sc::stall_detector watch(10ms, told.taker());
      co_await sc::open_nursery([&](nursery& n) -> task<> {
        n.start_soon({.name = name}, [&]() -> task<> {
          compute_until(told, 1);
          co_return;
        });
        co_return;
      });
    });
    EXPECT_EQ(told.at(0).task_name, name);
  };
  std::jthread other([&] { held_by("other"); });
  held_by("this");
}

std::atomic<int> urgent_signals = 0;

TEST(stall_detector, signals_of_the_program_keep_their_handler) {
  struct sigaction ours{}, before{}, after{};
  ours.sa_handler = [](int) { ++urgent_signals; };
  ASSERT_EQ(::sigaction(SIGURG, &ours, &before), 0);
  reports told;
  sc::run([&]() -> task<> {
    const sc::stall_detector watch(10ms, told.taker());
    compute_until(told, 1);
    EXPECT_EQ(urgent_signals, 0) << "that was the detector's";
    ::raise(SIGURG);
    EXPECT_EQ(urgent_signals, 1);
    co_return;
  });
  ASSERT_EQ(::sigaction(SIGURG, &before, &after), 0);
  EXPECT_EQ(after.sa_handler, ours.sa_handler) << "it is as it was";
}

TEST(stall_detector, misuse_is_refused) {
  EXPECT_THROW(sc::stall_detector(1s), tractor::usage_error) << "outside a run";
  sc::run([]() -> task<> {
    EXPECT_THROW(sc::stall_detector(0ms), tractor::usage_error);
    const sc::stall_detector watch;
    EXPECT_THROW(sc::stall_detector(1s), tractor::usage_error) << "twice";
    co_return;
  });
}

TEST(stall_detector, text_of_a_thread_that_did_not_answer) {
  EXPECT_EQ(
      to_text(sc::stall{.held = 1500ms, .on_processor = 0ms}),
      "the run itself, between two tasks, has held the loop for 1.50 s, 0.00 s of them on a processor; no other task can run; its thread "
      "did not say where it is");
}

}  // namespace
