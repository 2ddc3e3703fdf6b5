// SPDX-License-Identifier: Apache-2.0
//
// Functions that run in other processes: results and their order, errors, workers that die, and how it all ends.

#include "tractor/trionics/worker_pool.hpp"

#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "crew.hpp"
#include "tractor/base/error.hpp"
#include "tractor/sc/errors.hpp"

namespace trionics_test {
namespace {

using tractor::trionics::job;
using tractor::trionics::open_worker_pool;
using tractor::trionics::worker_pool;
using tractor::trionics::worker_pool_options;

class worker_pool_test : public actors_test {
 protected:
  static void run_pool(worker_pool_options options, const std::function<task<>(worker_pool&)>& body) {
    options.modules = {"crew"};
    run([&] { return open_worker_pool(options, body); });
  }
  // Kills the pool's only worker, and returns when the pool knows; gives its pid.
  static task<int> end_the_idle_worker(worker_pool& pool) {
    auto first = co_await pool.submit<&own_pid>();
    const int pid = co_await first.result();
    ::kill(pid, SIGKILL);
    const auto is_peer = [&] {
      return std::ranges::any_of(tractor::current_actor().peers(), [&](const auto& each) { return each->remote_aid()->pid == pid; });
    };
    EXPECT_TRUE(is_peer());
    while (is_peer()) co_await sc::sleep(1ms);
    co_return pid;
  }
  // Without a wait, which would be for ever.
  static void expect_abandoned(std::optional<job<int>>& kept) {
    ASSERT_TRUE(kept);
    ASSERT_TRUE(kept->done());
    run([&]() -> task<> {
      const auto lost = co_await caught([&] { return kept->result(); });
      EXPECT_THAT(text_of(lost),
                  HasSubstr("scope_cancelled_error: the job &trionics_test::square had not ended when its worker pool was cancelled"));
    });
  }
};

TEST_F(worker_pool_test, map_gives_results_in_the_order_of_the_arguments) {
  run_pool({.workers = 3}, [](worker_pool& pool) -> task<> {
    EXPECT_EQ(pool.workers(), 3u);
    EXPECT_THAT(co_await pool.map<&late>(std::vector{60, 30, 1}), ElementsAre(60, 30, 1));
    EXPECT_THAT(co_await pool.map<&add>(std::vector<std::tuple<int, int>>{{1, 2}, {3, 4}}), ElementsAre(3, 7));
    co_await pool.map<&nothing>(std::vector{1, 2, 3});
    EXPECT_TRUE((co_await pool.map<&square>(std::vector<int>{})).empty());
  });
}

TEST_F(worker_pool_test, more_jobs_than_fit_into_the_queue_wait) {
  for (const std::size_t room : {std::size_t{0}, std::size_t{2}})
    run_pool({.workers = 2, .queued_jobs_max = room}, [](worker_pool& pool) -> task<> {
      std::vector<int> numbers(200);
      std::ranges::generate(numbers, [i = 0]() mutable { return i++; });
      const auto squares = co_await pool.map<&square>(numbers);
      TRACTOR_REQUIRE(squares.size() == numbers.size());
      for (std::size_t i = 0; i < squares.size(); ++i) EXPECT_EQ(squares[i], numbers[i] * numbers[i]);
    });
}

TEST_F(worker_pool_test, submitting_to_a_full_queue_waits) {
  run_pool({.workers = 1, .queued_jobs_max = 1}, [](worker_pool& pool) -> task<> {
    const auto running = co_await pool.submit<&wait_for_ever>();
    const auto queued = co_await pool.submit<&square>(1);
    EXPECT_FALSE(co_await sc::move_on_after(50ms, [&]() -> task<> { static_cast<void>(co_await pool.submit<&square>(2)); }));
    EXPECT_FALSE(queued.done());
  });
}

TEST_F(worker_pool_test, job_gives_its_result_and_leaving_waits_for_it) {
  std::optional<job<int>> kept;
  run_pool({.workers = 2}, [&](worker_pool& pool) -> task<> {
    auto sum = co_await pool.submit<&add>(1, 2);
    EXPECT_EQ(co_await sum.result(), 3);
    EXPECT_TRUE(sum.done());
    kept = co_await pool.submit<&late>(50);
  });
  EXPECT_TRUE(kept->done());
}

TEST_F(worker_pool_test, results_come_as_they_are_completed) {
  run_pool({.workers = 2, .queued_jobs_max = 0}, [](worker_pool& pool) -> task<> {
    // The first one ends when the second one's result has been seen.
    const auto file = std::filesystem::temp_directory_path() / "seen";
    std::vector<std::size_t> order;
    co_await pool.as_completed<&appears>(std::vector{file.string(), std::string()}, [&](std::size_t index, std::string path) -> task<> {
      order.push_back(index);
      EXPECT_EQ(path.empty(), index == 1);
      std::ofstream(file).close();
      co_return;
    });
    std::filesystem::remove(file);
    EXPECT_THAT(order, ElementsAre(1, 0));
    std::size_t called = 0;
    co_await pool.as_completed<&nothing>(std::vector<int>(20), [&](std::size_t) -> task<> {
      ++called;
      co_return;
    });
    EXPECT_EQ(called, 20u);
  });
}

TEST_F(worker_pool_test, error_of_a_function_is_its_jobs_and_the_worker_goes_on) {
  run_pool({.workers = 1}, [](worker_pool& pool) -> task<> {
    auto failing = co_await pool.submit<&fail_with>("on purpose");
    auto pid = co_await pool.submit<&own_pid>();
    const auto error = co_await caught([&] { return failing.result(); });
    EXPECT_THAT(text_of(error), HasSubstr("tractor::remote_actor_error: "));
    EXPECT_THAT(text_of(error), HasSubstr("on purpose"));
    auto again = co_await pool.submit<&own_pid>();
    EXPECT_EQ(co_await pid.result(), co_await again.result());
  });
}

TEST_F(worker_pool_test, error_in_a_map_cancels_the_rest) {
  run_pool({.workers = 2}, [](worker_pool& pool) -> task<> {
    auto error = co_await caught([&] { return pool.map<&die_at>(std::vector{1, -1, 2, 3}); });
    EXPECT_THAT(text_of(error), HasSubstr("tractor::actor_died"));
    error = co_await caught(
        [&] { return pool.as_completed<&fail_with>(std::vector<std::string>{"a"}, [](std::size_t) -> task<> { co_return; }); });
    EXPECT_THAT(text_of(error), HasSubstr("tractor::remote_actor_error"));
  });
}

TEST_F(worker_pool_test, death_of_a_worker_is_its_jobs_and_it_is_replaced) {
  run_pool({.workers = 2}, [](worker_pool& pool) -> task<> {
    std::vector<job<int>> jobs;
    for (const int number : {1, -1, 2, -1, 3, 4}) jobs.push_back(co_await pool.submit<&die_at>(number));
    std::vector<int> given;
    int deaths = 0;
    for (auto& each : jobs) {
      const auto error = co_await caught([&]() -> task<> { given.push_back(co_await each.result()); });
      if (!error) continue;
      ++deaths;
      EXPECT_THAT(text_of(error), HasSubstr("tractor::actor_died: actor 'root.worker_"));
      EXPECT_THAT(text_of(error), HasSubstr("killed by SIGKILL"));
    }
    EXPECT_EQ(deaths, 2);
    EXPECT_THAT(given, ElementsAre(1, 2, 3, 4));
    auto name = co_await pool.submit<&own_name>();
    EXPECT_THAT(co_await name.result(), HasSubstr("root.worker_"));
  });
}

TEST_F(worker_pool_test, worker_that_died_idle_is_replaced_before_its_next_job) {
  run_pool({.workers = 1}, [](worker_pool& pool) -> task<> {
    const int pid = co_await end_the_idle_worker(pool);
    auto second = co_await pool.submit<&own_pid>();
    EXPECT_NE(co_await second.result(), pid);
  });
}

TEST_F(worker_pool_test, job_that_nobody_waits_for_is_withdrawn) {
  run_pool({.workers = 1}, [](worker_pool& pool) -> task<> {
    {
      const auto running = co_await pool.submit<&wait_for_ever>();
      const auto queued = co_await pool.submit<&wait_for_ever>();
      co_await sc::sleep(20ms);
    }
    auto next = co_await pool.submit<&square>(5);
    EXPECT_EQ(co_await next.result(), 25);
  });
}

TEST_F(worker_pool_test, error_of_the_body_ends_the_jobs) {
  std::optional<job<void>> running, queued;
  const auto error = outcome_of([&] {
    return open_worker_pool({.modules = {"crew"}, .workers = 1}, [&](worker_pool& pool) -> task<> {
      running = co_await pool.submit<&wait_for_ever>();
      queued = co_await pool.submit<&wait_for_ever>();
      co_await sc::sleep(20ms);
      throw std::runtime_error("in the body");
    });
  });
  EXPECT_EQ(text_of(error), "std::runtime_error: in the body");

  run([&]() -> task<> {
    for (auto* each : {&running, &queued}) {
      const auto lost = co_await caught([&] { return (*each)->result(); });
      EXPECT_THAT(text_of(lost),
                  HasSubstr("scope_cancelled_error: the job &trionics_test::wait_for_ever had not ended when its worker pool"));
    }
  });
}

// A job that a worker has taken is no longer in the queue, and its worker is not there yet.
TEST_F(worker_pool_test, job_whose_worker_is_being_replaced_ends_with_the_pool) {
  std::optional<job<int>> kept;
  const auto error = outcome_of([&] {
    return open_worker_pool({.modules = {"crew"}, .workers = 1}, [&](worker_pool& pool) -> task<> {
      static_cast<void>(co_await end_the_idle_worker(pool));
      kept = co_await pool.submit<&square>(1);
      for (int i = 0; i < 10; ++i) co_await sc::checkpoint();  // the start of another process takes longer
      throw std::runtime_error("in the body");
    });
  });
  EXPECT_EQ(text_of(error), "std::runtime_error: in the body");

  expect_abandoned(kept);
}

TEST_F(worker_pool_test, job_whose_worker_cannot_be_replaced_ends_with_the_pool) {
  std::optional<job<int>> kept;
  const auto program = std::filesystem::temp_directory_path() / "worker";
  std::filesystem::create_symlink(std::filesystem::read_symlink("/proc/self/exe"), program);
  const auto error = outcome_of([&] {
    return open_worker_pool({.modules = {"crew"}, .workers = 1, .actor = {.executable = program.string()}},
                            [&](worker_pool& pool) -> task<> {
                              static_cast<void>(co_await end_the_idle_worker(pool));
                              std::filesystem::remove(program);
                              kept = co_await pool.submit<&square>(1);
                              static_cast<void>(co_await kept->result());  // cancelled: the pool's error is the only one
                            });
  });
  EXPECT_THAT(text_of(error), ::testing::StartsWith("tractor::os_error: execute "));

  expect_abandoned(kept);
}

TEST_F(worker_pool_test, closed_pool_takes_no_jobs) {
  run([]() -> task<> {
    const auto body = [](worker_pool& pool) -> task<> {
      pool.close();
      const auto error = co_await caught([&] { return pool.submit<&square>(1); });
      EXPECT_EQ(text_of(error), "tractor::usage_error: this worker pool is closed: its block has ended, no job can be submitted");
    };
    co_await open_worker_pool({.modules = {"crew"}, .workers = 1}, body);
  });
}

TEST_F(worker_pool_test, pool_without_workers_is_an_invalid_argument) {
  const auto error = outcome_of([] { return open_worker_pool({.workers = 0}, [](worker_pool&) -> task<> { co_return; }); });
  EXPECT_EQ(text_of(error), "std::invalid_argument: open_worker_pool: a pool has one worker at least");
}

}  // namespace
}  // namespace trionics_test
