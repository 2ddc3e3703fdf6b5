// SPDX-License-Identifier: Apache-2.0

#include "tractor/testing/scheduling.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "tractor/sc/memory_stream.hpp"
#include "tractor/sc/sc.hpp"
#include "tractor/testing/test.hpp"

namespace {

using namespace std::chrono_literals;
namespace sc = tractor::sc;
namespace kit = tractor::testing;
using sc::nursery;
using sc::task;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <class Body>
task<std::string> failure_of(Body body) {
  try {
    co_await body();
  } catch (const tractor::error& failed) {
    co_return failed.what();
  }
  co_return "";
}

TRACTOR_TEST(wait_all_tasks_blocked, returns_when_the_others_wait) {
  std::string seen;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      for (int i = 0; i < 100; ++i) co_await sc::checkpoint();
      seen += "ran ";
      co_await sc::sleep(1h);
      seen += "slept";
    });
    co_await kit::wait_all_tasks_blocked();
    EXPECT_EQ(seen, "ran ") << "who sleeps is blocked, and the clock stands";
  });
  EXPECT_EQ(seen, "ran slept");
}

TRACTOR_TEST(wait_all_tasks_blocked, several_can_wait_and_shorter_cushions_come_first) {
  std::vector<int> order;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    for (const int milliseconds : {3, 0, 1})
      n.start_soon([&order, milliseconds]() -> task<> {
        co_await kit::wait_all_tasks_blocked(std::chrono::milliseconds(milliseconds));
        order.push_back(milliseconds);
      });
    co_return;
  });
  EXPECT_THAT(order, ElementsAre(0, 1, 3));
}

TRACTOR_TEST(wait_all_tasks_blocked, can_be_cancelled) {
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { co_await kit::wait_all_tasks_blocked(1h); });
    n.start_soon([&]() -> task<> { co_await kit::wait_all_tasks_blocked(2h); });
    co_await kit::wait_all_tasks_blocked();
    n.cancel("enough");
  });
  co_await kit::assert_checkpoints([] { return kit::wait_all_tasks_blocked(); });
}

TEST(wait_all_tasks_blocked_in_real_time, timers_that_are_due_come_first) {
  std::string seen;
  sc::run([&]() -> task<> {
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      n.start_soon([&]() -> task<> {
        for (int i = 0; i < 3; ++i) co_await sc::sleep(1ms);
        seen += "timers ";
      });
      co_await kit::wait_all_tasks_blocked(50ms);
      seen += "blocked";
    });
  });
  EXPECT_EQ(seen, "timers blocked");
}

TRACTOR_TEST(assert_checkpoints, passes_for_what_notices_a_cancel) {
  sc::event never;
  co_await kit::assert_checkpoints([] { return sc::checkpoint(); });
  co_await kit::assert_checkpoints([&] { return never.wait(); });
  co_await kit::assert_checkpoints([]() -> task<int> {
    co_await sc::sleep(1s);
    co_return 1;
  });
}

TRACTOR_TEST(assert_checkpoints, fails_for_what_does_not) {
  const auto body = []() -> task<> { co_return; };
  EXPECT_THAT(co_await failure_of([&] { return kit::assert_checkpoints(body); }), HasSubstr("no checkpoint was met"));
  EXPECT_THAT(co_await failure_of([&] { return kit::assert_checkpoints(body); }), HasSubstr("scheduling_test.cpp:"));
  const auto failing = []() -> task<> {
    throw std::runtime_error("something else");
    co_return;
  };
  EXPECT_THAT(co_await failure_of([&] { return kit::assert_checkpoints(failing); }), HasSubstr("was to be a checkpoint"));
}

// Each is ready at once, and a checkpoint.
task<> expect_that_ready_operations_are_schedule_points() {
  sc::event set;
  set.set();
  sc::lock mutex;
  sc::semaphore permits(1);
  auto [sender, receiver] = sc::open_memory_channel<int>(1);
  auto [near, far] = sc::open_memory_streams(64);
  std::array<std::byte, 1> byte{};

  co_await kit::assert_schedule_point([] { return sc::checkpoint(); });
  co_await kit::assert_schedule_point([] { return sc::cancel_shielded_checkpoint(); });
  co_await kit::assert_schedule_point([] { return sc::sleep(0s); });
  co_await kit::assert_schedule_point([] { return kit::wait_all_tasks_blocked(); });
  co_await kit::assert_schedule_point([&] { return set.wait(); });
  co_await kit::assert_schedule_point([&] { return mutex.hold(); });
  co_await kit::assert_schedule_point([&] { return permits.acquire(); });
  co_await kit::assert_schedule_point([&] { return sender.send(1); });
  co_await kit::assert_schedule_point([&] { return receiver.receive(); });
  co_await kit::assert_schedule_point([&] { return near->send_all({}); });
  co_await kit::assert_schedule_point([&] { return near->send_all(byte); });
  co_await kit::assert_schedule_point([&] { return far->receive_some(byte); });
}

TRACTOR_TEST(assert_schedule_point, passes_for_what_is_ready_at_once) { co_await expect_that_ready_operations_are_schedule_points(); }

TEST(assert_schedule_point_without_a_seed, passes_for_what_is_ready_at_once) { sc::run(expect_that_ready_operations_are_schedule_points); }

TRACTOR_TEST(assert_schedule_point, passes_for_what_waits) {
  const auto before = sc::current_time();
  co_await kit::assert_schedule_point([]() -> task<int> {
    co_await sc::sleep(1h);
    co_return 1;
  });
  EXPECT_EQ(sc::current_time() - before, 1h);
}

TRACTOR_TEST(assert_schedule_point, fails_for_what_lets_nobody_run) {
  const auto straight = []() -> task<> { co_return; };
  EXPECT_THAT(co_await failure_of([&] { return kit::assert_schedule_point(straight); }),
              AllOf(HasSubstr("no schedule point was met"), HasSubstr("scheduling_test.cpp:")));
  EXPECT_THAT(co_await failure_of([] { return kit::assert_schedule_point([] { return sc::checkpoint_if_cancelled(); }); }),
              HasSubstr("no schedule point was met"));
  co_await kit::assert_checkpoints([] { return sc::checkpoint_if_cancelled(); });
}

TRACTOR_TEST(assert_schedule_point, passes_on_what_the_body_throws) {
  const auto failing = []() -> task<> {
    co_await sc::checkpoint();
    throw tractor::error("of the body");
  };
  EXPECT_EQ(co_await failure_of([&] { return kit::assert_schedule_point(failing); }), "of the body");
}

TRACTOR_TEST(assert_no_checkpoints, passes_for_what_goes_straight_through) {
  int done = 0;
  co_await kit::assert_no_checkpoints([&]() -> task<> {
    ++done;
    co_return;
  });
  EXPECT_EQ(done, 1);
}

TRACTOR_TEST(assert_no_checkpoints, fails_for_what_stops_or_can_be_cancelled) {
  const auto cancellable = []() -> task<> { co_await sc::checkpoint(); };
  const auto turning = []() -> task<> { co_await sc::cancel_shielded_checkpoint(); };
  EXPECT_THAT(co_await failure_of([&] { return kit::assert_no_checkpoints(cancellable); }), HasSubstr("this threw cancelled"));
  EXPECT_THAT(co_await failure_of([&] { return kit::assert_no_checkpoints(turning); }), HasSubstr("this stopped"));
}

TRACTOR_TEST(sequencer, orders_tasks) {
  kit::sequencer order;
  std::vector<int> seen;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    for (const int position : {3, 1, 4, 0, 2})
      n.start_soon([&, position]() -> task<> {
        co_await order.at(static_cast<std::size_t>(position), [&]() -> task<> {
          seen.push_back(position);
          co_await sc::checkpoint();
          seen.push_back(position);
        });
      });
    co_return;
  });
  EXPECT_THAT(seen, ElementsAre(0, 0, 1, 1, 2, 2, 3, 3, 4, 4));
}

TRACTOR_TEST(sequencer, takes_each_position_once) {
  kit::sequencer order;
  co_await order.at(0);
  EXPECT_THAT(co_await failure_of([&] { return order.at(0); }), HasSubstr("position 0 is used twice"));
  co_await order.at(1);
}

TRACTOR_TEST(sequencer, failure_of_one_lets_the_next_go) {
  kit::sequencer order;
  EXPECT_THAT(co_await failure_of([&] {
                return order.at(0, []() -> task<> {
                  throw tractor::error("of the body");
                  co_return;
                });
              }),
              HasSubstr("of the body"));
  co_await order.at(1);
}

TRACTOR_TEST(sequencer, cancelled_wait_breaks_the_chain) {
  kit::sequencer order;
  std::string later;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { later = co_await failure_of([&] { return order.at(5); }); });
    co_await kit::wait_all_tasks_blocked();
    EXPECT_FALSE(co_await sc::move_on_after(1s, [&] { return order.at(3); }));
  });
  EXPECT_THAT(later, HasSubstr("position 5 never comes"));
  EXPECT_THAT(co_await failure_of([&] { return order.at(0); }), HasSubstr("never comes"));
}

}  // namespace
