// SPDX-License-Identifier: Apache-2.0
//
// Tasks that compute for long between their checkpoints, by the system's clock: deadlines and I/O are seen all the same. What is counted is
// checkpoints, so that a slow machine changes nothing.

#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "sc_test.hpp"
#include "tractor/sc/readiness.hpp"

namespace {

using namespace sc_test;

// Longer than the run goes without a look at the clock.
void compute() {
  const auto end = sc::monotonic_now() + 1ms;
  while (sc::monotonic_now() < end) {
  }
}

// How many checkpoints let the task go on after `deadline`.
task<> compute_until_cancelled(sc::time_point deadline, int& late) {
  for (;;) {
    compute();
    if (sc::monotonic_now() >= deadline) ++late;
    co_await sc::checkpoint();
  }
}

TEST(computing, checkpoint_of_a_lone_task_sees_a_deadline_that_has_passed) {
  int late = 0;
  sc::run([&]() -> task<> {
    const auto deadline = sc::current_time() + 10ms;
    EXPECT_FALSE(co_await sc::move_on_at(deadline, [&] { return compute_until_cancelled(deadline, late); }));
  });
  EXPECT_EQ(late, 1);
}

// Until the run has seen how long the steps are it takes a few rounds of the queue at a time.
TEST(computing, checkpoints_of_many_tasks_see_deadlines_soon) {
  constexpr int tasks = 5, rounds = 4;
  int late = 0;
  sc::run([&]() -> task<> {
    const auto deadline = sc::current_time() + 50ms;
    co_await sc::move_on_at(deadline, [&]() -> task<> {
      co_await sc::open_nursery([&](nursery& n) {
        for (int i = 0; i < tasks; ++i) n.start_soon([&] { return compute_until_cancelled(deadline, late); });
      });
    });
  });
  EXPECT_LE(late, tasks * (rounds + 1));
}

TEST(computing, who_waits_for_io_gets_its_turn) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
  int passed = 0;
  sc::run([&]() -> task<> {
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      n.start_soon([&]() -> task<> {
        co_await sc::wait_readable(ends[0]);
        n.cancel("seen");
      });
      co_await sc::sleep(1ms);  // it waits now
      EXPECT_EQ(::write(ends[1], "x", 1), 1);
      for (;; ++passed) {
        compute();
        co_await sc::checkpoint();
      }
    });
  });
  EXPECT_LE(passed, 1);
  ::close(ends[0]);
  ::close(ends[1]);
}

// Operations that had nothing to wait for look less often than checkpoints, but look.
TEST(computing, ready_operations_see_deadlines_too) {
  int late = 0;
  sc::run([&]() -> task<> {
    sc::event set;
    set.set();
    const auto deadline = sc::current_time() + 10ms;
    EXPECT_FALSE(co_await sc::move_on_at(deadline, [&]() -> task<> {
      for (;;) {
        compute();
        if (sc::monotonic_now() >= deadline) ++late;
        co_await set.wait();
      }
    }));
  });
  EXPECT_LE(late, 256);
}

TEST(computing, deadline_that_has_passed_cancels_the_first_checkpoint) {
  bool reached = false;
  sc::run([&]() -> task<> {
    sc::event set;
    set.set();
    const auto deadline = sc::current_time();
    compute();
    EXPECT_FALSE(co_await sc::move_on_at(deadline, [&]() -> task<> {
      co_await set.wait();
      reached = true;
    }));
  });
  EXPECT_FALSE(reached);
}

}  // namespace
