// SPDX-License-Identifier: Apache-2.0
//
// A nursery that the caller may bring.

#include "tractor/trionics/maybe_open_nursery.hpp"

#include <stdexcept>

#include "tractor/runtime/root.hpp"
#include "trionics_test.hpp"

namespace {

using namespace trionics_test;
using tractor::trionics::maybe_open_nursery;

// Starts a task that takes a second; gives a number.
task<int> start_one(nursery* given, bool& ended) {
  return maybe_open_nursery(given, [&ended](nursery& n) -> task<int> {
    n.start_soon([&ended]() -> task<> {
      co_await sc::sleep(1s);
      ended = true;
    });
    co_return 7;
  });
}

// S-TRI-30
TRACTOR_TEST(maybe_open_nursery, of_the_caller_keeps_the_tasks_after_the_call) {
  bool ended = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    EXPECT_EQ(co_await start_one(&n, ended), 7);
    EXPECT_FALSE(ended);
    EXPECT_EQ(n.task_count(), 1u);
  });
  EXPECT_TRUE(ended);
}

// S-TRI-30
TRACTOR_TEST(maybe_open_nursery, of_its_own_waits_for_the_tasks) {
  bool ended = false;
  EXPECT_EQ(co_await start_one(nullptr, ended), 7);
  EXPECT_TRUE(ended);
}

// S-TRI-30
TRACTOR_TEST(maybe_open_nursery, of_its_own_may_be_shielded) {
  bool ended = false;
  co_await sc::move_on_after(1s, [&] {
    return maybe_open_nursery(static_cast<nursery*>(nullptr),
                              [&](nursery& n) -> task<> {
                                n.start_soon([&]() -> task<> {
                                  co_await sc::sleep(5s);
                                  ended = true;
                                });
                                co_return;
                              },
                              {.shield = true});
  });
  EXPECT_TRUE(ended);
}

// S-TRI-30
TRACTOR_TEST(maybe_open_nursery, of_actors) {
  co_await tractor::open_root_actor(
      []() -> task<> {
        co_await tractor::open_nursery([](tractor::actor_nursery& an) -> task<> {
          co_await maybe_open_nursery(&an, [&](tractor::actor_nursery& used) -> task<> {
            EXPECT_EQ(&used, &an);
            co_return;
          });
          const int given =
              co_await maybe_open_nursery(static_cast<tractor::actor_nursery*>(nullptr), [&](tractor::actor_nursery& used) -> task<int> {
                EXPECT_NE(&used, &an);
                co_return 7;
              });
          EXPECT_EQ(given, 7);
        });
      },
      {.handle_signals = false});
}

}  // namespace
