// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/stall_detector.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
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
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// The stalls reported. On a busy machine there are others than those that a test makes, so each is looked for by what it must show.
class reports {
 public:
  using matcher = ::testing::Matcher<const sc::stall&>;

  [[nodiscard]] auto taker() {
    return [this](const sc::stall& seen) {
      const std::lock_guard<std::mutex> lock(mutex_);
      seen_.push_back(seen);
    };
  }
  [[nodiscard]] std::size_t size() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return seen_.size();
  }
  [[nodiscard]] std::size_t count(const matcher& like) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return static_cast<std::size_t>(std::ranges::count_if(seen_, [&](const sc::stall& each) { return like.Matches(each); }));
  }
  [[nodiscard]] sc::stall first(const matcher& like) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return *std::ranges::find_if(seen_, [&](const sc::stall& each) { return like.Matches(each); });
  }

 private:
  mutable std::mutex mutex_;
  std::vector<sc::stall> seen_;
};

// They hold the loop until something is reported, so the tests do not depend on how fast that is.
[[gnu::noinline]] void compute_until_next(const reports& told, std::size_t reported) {
  while (told.size() == reported) {
  }
}
[[gnu::noinline]] void block_until_next(const reports& told, std::size_t reported) {
  while (told.size() == reported) ::usleep(1'000);
}

reports::matcher stall_in(const std::string& task_name, const char* function) {
  return AllOf(Field(&sc::stall::task_name, task_name),
               Field(&sc::stall::stack, Contains(Field(&tractor::stack_frame::function, HasSubstr(function)))));
}

// Holds the loop again and again, until `count` such stalls have been reported. Each is reported once, and where all is slow that may be
// before it is waited for here: so what was reported before it is counted in the step before.
task<> hold(const reports& told, reports::matcher like, std::size_t count, void (*until_next)(const reports&, std::size_t)) {
  std::size_t before = 0;
  for (;;) {
    until_next(told, before);
    if (told.count(like) >= count) break;
    before = told.size();
    co_await sc::sleep(1ms);
  }
}

TEST(stall_detector, names_the_task_that_computes_and_where) {
  reports told;
  // On a busy machine a task may be held off all processors for as long as that.
  const reports::matcher like = AllOf(stall_in("cruncher", "compute_until_next"), Field(&sc::stall::on_processor, Gt(0ns)));
  sc::run([&]() -> task<> {
    const sc::stall_detector watch(20ms, told.taker());
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      n.start_soon({.name = "cruncher"}, [&] { return hold(told, like, 1, &compute_until_next); });
      co_return;
    });
    EXPECT_GE(watch.count(), 1U);
  });
  const sc::stall seen = told.first(like);
  EXPECT_NE(seen.task_id, 0U);
  EXPECT_THAT(seen.spawned_at.file_name(), HasSubstr("stall_detector_test.cpp"));
  EXPECT_GE(seen.held, 20ms);
  const std::string text = to_text(seen);
  EXPECT_THAT(text, StartsWith("task 'cruncher' (started at "));
  EXPECT_THAT(text, HasSubstr(" has held the loop for "));
  EXPECT_THAT(text, HasSubstr("\n  #0 "));
}

TEST(stall_detector, call_that_blocks_takes_no_processor) {
  reports told;
  const auto like = stall_in("main", "block_until_next");
  sc::run([&]() -> task<> {
    const sc::stall_detector watch(20ms, told.taker());
    co_await hold(told, like, 1, &block_until_next);
  });
  const sc::stall seen = told.first(like);
  EXPECT_LT(seen.on_processor, seen.held);
}

TEST(stall_detector, each_stall_is_reported) {
  reports told;
  const auto like = stall_in("main", "compute_until_next");
  sc::run([&]() -> task<> {
    const sc::stall_detector watch(10ms, told.taker());
    co_await hold(told, like, 3, &compute_until_next);
  });
  EXPECT_EQ(told.count(like), 3U);
}

// What the detector looks at: it changes with each step, and says so while the run waits.
TEST(stall_detector, run_that_waits_is_at_rest) {
  sc::run([]() -> task<> {
    const sc::runner& run = *sc::runner::current();
    const std::uint64_t first = run.progress();
    EXPECT_NE(first, sc::runner::at_rest);
    co_await sc::sleep(1ms);
    EXPECT_NE(run.progress(), sc::runner::at_rest);
    EXPECT_NE(run.progress(), first);

    const auto rested = std::make_shared<sc::event>();
    std::jthread looking([&run, home = sc::run_handle(), rested] {
      while (run.progress() != sc::runner::at_rest) {
      }
      home.post([rested] { rested->set(); });
    });
    co_await rested->wait();
    looking.join();
  });
}

TEST(stall_detector, function_between_tasks_is_reported_as_such) {
  reports told;
  const auto like = stall_in("", "compute_until_next");
  sc::run([&]() -> task<> {
    const sc::stall_detector watch(10ms, told.taker());
    const sc::run_handle home;
    sc::event done;
    std::function<void()> again = [&] {
      compute_until_next(told, told.size());
      if (told.count(like) == 0)
        home.post(again);
      else
        done.set();
    };
    home.post(again);
    co_await done.wait();
  });
  const sc::stall seen = told.first(like);
  EXPECT_EQ(seen.task_id, 0U);
  EXPECT_THAT(to_text(seen), StartsWith("the run itself, between two tasks, has held the loop"));
}

TEST(stall_detector, two_runs_in_two_threads_are_told_apart) {
  const auto held_by = [](const char* name, const char* other) {
    reports told;
    sc::run([&]() -> task<> {
      const sc::stall_detector watch(10ms, told.taker());
      co_await sc::open_nursery([&](nursery& n) -> task<> {
        n.start_soon({.name = name}, [&] { return hold(told, stall_in(name, "compute_until_next"), 1, &compute_until_next); });
        co_return;
      });
    });
    EXPECT_EQ(told.count(Field(&sc::stall::task_name, other)), 0U);
  };
  std::jthread elsewhere([&] { held_by("there", "here"); });
  held_by("here", "there");
}

std::atomic<int> urgent_signals = 0;

TEST(stall_detector, signals_of_the_program_keep_their_handler) {
  struct sigaction ours{}, before{}, after{};
  ours.sa_handler = [](int) { ++urgent_signals; };
  ASSERT_EQ(::sigaction(SIGURG, &ours, &before), 0);
  reports told;
  sc::run([&]() -> task<> {
    const sc::stall_detector watch(10ms, told.taker());
    compute_until_next(told, 0);
    const int seen = urgent_signals;
    ::raise(SIGURG);
    EXPECT_GT(urgent_signals, seen);
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
