// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/instrument.hpp"

#include <gmock/gmock.h>

#include <map>
#include <string>

#include "sc_test.hpp"
#include "tractor/testing/scheduling.hpp"

namespace {

using namespace std::chrono_literals;
namespace sc = tractor::sc;
using sc::nursery;
using sc::task;
using ::testing::ElementsAre;

struct recorder : sc::instrument {
  std::vector<std::string> seen;
  std::map<std::uint64_t, std::string> names;
  int looks = 0, events = 0;

  void note(const char* what, const sc::task_note& of) {
    names[of.id] = of.name;
    if (of.name == "watched") seen.emplace_back(what);
  }
  void task_spawned(const sc::task_note& of) noexcept override {
    note("spawned", of);
    if (of.name == "watched") EXPECT_NE(of.spawned_at.line(), 0U);
  }
  void task_scheduled(const sc::task_note& of) noexcept override { note("scheduled", of); }
  void before_task_step(const sc::task_note& of) noexcept override { note("step", of); }
  void after_task_step(std::uint64_t id) noexcept override {
    if (names[id] == "watched") seen.emplace_back("stepped");
  }
  void task_exited(const sc::task_note& of) noexcept override { note("exited", of); }
  void before_io_wait(sc::duration timeout) noexcept override { looks += timeout != 0ns ? 1 : 0; }
  void after_io_wait(sc::duration, int found) noexcept override { events += found; }
};

TEST(instrument, is_told_what_becomes_of_a_task) {
  recorder told;
  sc::run([&]() -> task<> {
    sc::add_instrument(told);
    sc::event go;
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      n.start_soon({.name = "watched"}, [&]() -> task<> { co_await go.wait(); });
      co_await tractor::testing::wait_all_tasks_blocked();
      go.set();
    });
    sc::remove_instrument(told);
    sc::remove_instrument(told);
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      n.start_soon({.name = "watched"}, []() -> task<> { co_return; });
      co_return;
    });
  });
  EXPECT_THAT(told.seen, ElementsAre("spawned", "scheduled", "step", "stepped", "scheduled", "step", "exited", "stepped"));
}

TEST(instrument, steps_are_of_one_task_each) {
  struct nesting : sc::instrument {
    int depth = 0, deepest = 0, steps = 0;
    void before_task_step(const sc::task_note&) noexcept override {
      deepest = std::max(deepest, ++depth);
      ++steps;
    }
    void after_task_step(std::uint64_t) noexcept override { --depth; }
  } told;
  sc::run([&]() -> task<> {
    sc::add_instrument(told);
    for (int i = 0; i < 10; ++i)
      co_await sc::open_nursery([&](nursery& n) -> task<> {
        n.start_soon([]() -> task<> { co_await sc::checkpoint(); });
        co_return;
      });
    sc::remove_instrument(told);
  });
  EXPECT_EQ(told.deepest, 1);
  EXPECT_GE(told.steps, 30) << "each child twice, and the parent once for each";
}

TEST(instrument, is_told_when_the_run_waits) {
  recorder told;
  sc::run([&]() -> task<> {
    sc::add_instrument(told);
    co_await sc::sleep(1ms);
    sc::remove_instrument(told);
  });
  EXPECT_GE(told.looks, 1);
  EXPECT_EQ(told.events, 0) << "a deadline is no event";
}

TEST(instrument, needs_a_run) {
  recorder told;
  EXPECT_THROW(sc::add_instrument(told), tractor::usage_error);
}

TEST(instrument, of_the_options_sees_the_main_task_too) {
  recorder told;
  sc::instrument* const all[] = {&told};
  sc::run({.instruments = all}, []() -> task<> {
    EXPECT_EQ(sc::current_task().name, "main");
    co_await sc::open_nursery([](nursery& n) { n.start_soon({.name = "watched"}, []() -> task<> { co_await sc::checkpoint(); }); });
  });
  EXPECT_EQ(told.names.begin()->second, "main");
  EXPECT_EQ(told.seen.front(), "spawned");
  EXPECT_THAT(told.seen, ::testing::Contains("exited"));
}

TRACTOR_TEST(current_task, is_the_one_that_runs) {
  const std::uint64_t mine = sc::current_task().id;
  co_await sc::open_nursery([&](nursery& n) {
    n.start_soon({.name = "other"}, [&]() -> task<> {
      EXPECT_EQ(sc::current_task().name, "other");
      EXPECT_NE(sc::current_task().id, mine);
      EXPECT_NE(sc::current_task().spawned_at.line(), 0U);
      co_return;
    });
  });
  EXPECT_EQ(sc::current_task().id, mine);
}

TEST(current_task, needs_one) { EXPECT_THROW(static_cast<void>(sc::current_task()), tractor::usage_error); }

}  // namespace
