// SPDX-License-Identifier: Apache-2.0
//
// Generators inside cancel scopes, cancel scopes inside generators, and what is refused.

#include <memory>

#include "sc_test.hpp"
#include "tractor/sc/generator.hpp"
#include "tractor/sc/task_local.hpp"

namespace {

using namespace sc_test;
using sc::generator;

generator<int> tick() {
  for (int i = 0;; ++i) {
    co_await sc::sleep(1s);
    co_yield i;
  }
}

// A scope that is open as long as this lives: what the interface of scopes does not allow, and an adapter could do.
class open_scope {
 public:
  open_scope() { scope_.enter(sc::detail::running_task()); }
  open_scope(const open_scope&) = delete;
  open_scope& operator=(const open_scope&) = delete;
  ~open_scope() { scope_.exit(sc::detail::outcome_kind::error); }

 private:
  sc::cancel_scope scope_;
};

TRACTOR_TEST(generator_scope, cancel_of_the_consumer_goes_through_the_generator_and_ends_it) {
  auto ticks = tick();
  EXPECT_TRUE(co_await sc::move_on_after(1500ms, [&]() -> task<> { EXPECT_EQ(co_await ticks.next(), 0); }));
  EXPECT_FALSE(co_await sc::move_on_after(500ms, [&]() -> task<> { co_await ticks.next(); }));
  EXPECT_EQ(sc::current_time().time_since_epoch(), 1500ms);
  EXPECT_EQ(co_await ticks.next(), std::nullopt);
}

TRACTOR_TEST(generator_scope, cancel_while_it_stands_at_a_yield_is_seen_inside_the_next_next) {
  sc::cancel_scope scope;
  bool passed = false;
  const auto numbers = [&]() -> generator<int> {
    co_yield 1;
    passed = true;
    co_await sc::checkpoint();
    co_yield 2;
  };
  auto source = numbers();
  EXPECT_FALSE(co_await scope.run([&]() -> task<> {
    co_await source.next();
    scope.cancel();
    co_await source.next();
  }));
  EXPECT_TRUE(passed);
  EXPECT_EQ(co_await source.next(), std::nullopt);
}

TRACTOR_TEST(generator_scope, scope_that_the_generator_leaves_before_it_yields_is_right) {
  const auto patient = []() -> generator<bool> {
    for (int i = 0; i < 3; ++i) {
      const bool complete = co_await sc::move_on_after(1s, [&]() -> task<> { co_await sc::sleep(i * 700ms); });
      co_yield complete;
    }
  };
  auto source = patient();
  EXPECT_EQ(co_await source.next(), true);
  EXPECT_EQ(co_await source.next(), true);
  EXPECT_EQ(co_await source.next(), false);
  EXPECT_EQ(co_await source.next(), std::nullopt);
}

TRACTOR_TEST(generator_scope, nursery_that_the_generator_leaves_before_it_yields_is_right) {
  const auto squares = []() -> generator<int> {
    for (int i = 1; i <= 2; ++i) {
      int square = 0;
      co_await sc::open_nursery([&](nursery& n) {
        n.start_soon([&]() -> task<> {
          co_await sc::checkpoint();
          square = i * i;
        });
      });
      co_yield square;
    }
  };
  auto source = squares();
  EXPECT_EQ(co_await source.next(), 1);
  EXPECT_EQ(co_await source.next(), 4);
}

TRACTOR_TEST(generator_scope, consumer_may_call_each_next_in_another_scope) {
  auto ticks = tick();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(co_await sc::move_on_after(2s, [&]() -> task<> { EXPECT_EQ(co_await ticks.next(), i); }));
  EXPECT_EQ(co_await ticks.next(), 3);
}

TRACTOR_TEST(generator_scope, yield_out_of_an_open_scope_is_a_usage_error) {
  const auto leaky = []() -> generator<int> {
    const open_scope around;
    co_yield 1;
  };
  auto source = leaky();
  std::string message;
  try {
    co_await source.next();
  } catch (const tractor::usage_error& error) {
    message = error.what();
  }
  EXPECT_TRUE(contains(message, "generator_scope_test.cpp:")) << message;
  EXPECT_TRUE(contains(message, "the generator has a cancel scope or a nursery open")) << message;
  EXPECT_EQ(co_await source.next(), std::nullopt);
}

TRACTOR_TEST(generator_scope, yield_out_of_a_scope_is_refused_inside_a_scope_of_the_consumer_too) {
  const auto leaky = []() -> generator<int> {
    co_yield 1;
    const open_scope around;
    co_yield 2;
  };
  auto source = leaky();
  EXPECT_EQ(co_await source.next(), 1);
  EXPECT_TRUE(co_await sc::move_on_after(1s, [&]() -> task<> { EXPECT_THROW(co_await source.next(), tractor::usage_error); }));
}

sc::task_local<int> color;

TRACTOR_TEST(generator_scope, yield_with_a_task_local_value_bound_is_a_usage_error) {
  const auto numbers = []() -> generator<int> {
    {
      const sc::task_local<int>::binding bound(color, 1);
      co_await sc::checkpoint();
    }
    co_yield 1;
    const sc::task_local<int>::binding bound(color, 2);
    co_yield 2;
  };
  auto source = numbers();
  co_await color.with(7, [&]() -> task<> {
    EXPECT_EQ(co_await source.next(), 1);
    EXPECT_EQ(*color.get(), 7);
    try {
      static_cast<void>(co_await source.next());
      ADD_FAILURE() << "it was let through";
    } catch (const tractor::usage_error& error) {
      EXPECT_TRUE(contains(error.what(), "the generator has a task-local value bound")) << error.what();
    }
    EXPECT_EQ(*color.get(), 7);
  });
}

TRACTOR_TEST(generator_scope, task_that_says_started_in_the_generator_can_go_on_yielding) {
  // It moves to another nursery between next() and co_yield.
  std::vector<int> got;
  const auto serve = [&](sc::task_status<> status) -> generator<int> {
    co_await sc::checkpoint();
    status.started();
    co_yield 1;
    co_await sc::checkpoint();
    co_yield 2;
  };
  const auto server = [&](sc::task_status<> status) -> task<> {
    auto source = serve(std::move(status));
    while (const auto value = co_await source.next()) got.push_back(*value);
  };
  co_await sc::open_nursery([&](nursery& n) -> task<> { co_await n.start(std::cref(server)); });
  EXPECT_EQ(got, (std::vector<int>{1, 2}));
}

// --- misuse ---

TRACTOR_TEST(generator_misuse, second_next_while_one_waits_is_refused) {
  auto ticks = tick();
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { EXPECT_EQ(co_await ticks.next(), 0); });
    co_await settle();
    EXPECT_THROW(co_await ticks.next(), sc::busy_resource_error);
  });
  EXPECT_EQ(co_await ticks.next(), 1);
}

TRACTOR_TEST(generator_misuse, generator_that_consumes_itself_is_refused) {
  generator<int>* self = nullptr;
  const auto snake = [&]() -> generator<int> { co_yield *co_await self->next(); };
  auto source = snake();
  self = &source;
  EXPECT_THROW(co_await source.next(), sc::busy_resource_error);
  EXPECT_EQ(co_await source.next(), std::nullopt);
}

TEST(generator_death, destroyed_while_a_next_waits_is_an_assertion) {
  const auto destroy = []() -> task<> {
    auto ticks = std::make_unique<generator<int>>(tick());
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      n.start_soon([&]() -> task<> { co_await ticks->next(); });
      co_await settle();
      ticks.reset();
    });
  };
  EXPECT_DEATH(sc::run(destroy), "a generator is closed while a next\\(\\) of it has not ended");
}

TRACTOR_TEST(generator_misuse, waits_inside_it_show_in_the_task_tree) {
  auto ticks = tick();
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon({.name = "consumer"}, [&]() -> task<> { co_await ticks.next(); });
    co_await settle();
    const auto tree = sc::task_tree();
    TRACTOR_REQUIRE(tree.children.size() == 1);
    EXPECT_EQ(tree.children[0].waiting_for, "sleep");
    TRACTOR_REQUIRE(tree.children[0].await_chain.size() == 2);
    EXPECT_TRUE(contains(tree.children[0].await_chain[0].function_name(), "tick"));
  });
}

}  // namespace
