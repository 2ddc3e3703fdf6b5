// SPDX-License-Identifier: Apache-2.0
//
// Asynchronous generators: values, the ways to end, and what is destroyed when. Scopes, cancels and misuse: generator_scope_test.cpp.

#include "tractor/sc/generator.hpp"

#include <memory>
#include <stdexcept>

#include "sc_test.hpp"

namespace {

using namespace sc_test;
using sc::generator;

generator<int> count(int n) {
  for (int i = 0; i < n; ++i) {
    co_await sc::checkpoint();
    co_yield i;
  }
}

// Holds `token` in a local, so that its use count tells whether the frame lives.
generator<int> count_holding(std::shared_ptr<int> token) {
  const auto held = std::move(token);
  for (int i = 0;; ++i) co_yield i;
}

generator<int> fail_after_one(std::shared_ptr<int> token) {
  const auto held = std::move(token);
  co_yield 1;
  co_await sc::checkpoint();
  throw std::runtime_error("no more");
}

TRACTOR_TEST(generator, gives_its_values_and_then_nullopt) {
  auto numbers = count(3);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(co_await numbers.next(), i);
  EXPECT_EQ(co_await numbers.next(), std::nullopt);
  EXPECT_EQ(co_await numbers.next(), std::nullopt);
}

TRACTOR_TEST(generator, runs_only_inside_next) {
  std::vector<int> order;
  const auto steps = [&]() -> generator<int> {
    order.push_back(1);
    co_yield 0;
    order.push_back(3);
  };
  auto lazy = steps();
  co_await settle();
  EXPECT_TRUE(order.empty());
  co_await lazy.next();
  order.push_back(2);
  co_await settle();
  co_await lazy.next();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TRACTOR_TEST(generator, waits_in_the_task_of_its_consumer) {
  const auto ticks = []() -> generator<sc::time_point> {
    for (;;) {
      co_await sc::sleep(1s);
      co_yield sc::current_time();
    }
  };
  auto clock = ticks();
  for (int i = 1; i <= 3; ++i) EXPECT_EQ((co_await clock.next())->time_since_epoch(), i * 1s);
}

TRACTOR_TEST(generator, values_can_be_move_only_and_braced) {
  const auto pointers = []() -> generator<std::unique_ptr<int>> {
    co_yield std::make_unique<int>(1);
    auto local = std::make_unique<int>(2);
    co_yield std::move(local);
  };
  const auto pairs = []() -> generator<std::pair<int, std::string>> { co_yield {3, "three"}; };
  auto from_pointers = pointers();
  EXPECT_EQ(**co_await from_pointers.next(), 1);
  EXPECT_EQ(**co_await from_pointers.next(), 2);
  auto from_pairs = pairs();
  EXPECT_EQ((co_await from_pairs.next())->second, "three");
}

TRACTOR_TEST(generator, can_consume_another_one) {
  const auto doubled = [](generator<int> source) -> generator<int> {
    while (const auto value = co_await source.next()) co_yield *value * 2;
  };
  std::vector<int> got;
  auto numbers = doubled(doubled(count(4)));
  while (const auto value = co_await numbers.next()) got.push_back(*value);
  EXPECT_EQ(got, (std::vector<int>{0, 4, 8, 12}));
}

TRACTOR_TEST(generator, that_never_waits_gives_many_values_without_growing_the_stack) {
  constexpr int many = 200'000;
  const auto numbers = []() -> generator<int> {
    for (int i = 1; i <= many; ++i) co_yield i;
  };
  auto source = numbers();
  int last = 0;
  while (const auto value = co_await source.next()) last = *value;
  EXPECT_EQ(last, many);
}

TRACTOR_TEST(generator, can_be_passed_from_task_to_task) {
  auto numbers = count(4);
  std::vector<int> got;
  for (int i = 0; i < 2; ++i)
    co_await sc::open_nursery([&](nursery& n) {
      n.start_soon([&]() -> task<> {
        got.push_back(*co_await numbers.next());
        got.push_back(*co_await numbers.next());
      });
    });
  EXPECT_EQ(got, (std::vector<int>{0, 1, 2, 3}));
}

// --- errors ---

TRACTOR_TEST(generator_error, comes_out_of_next_and_is_the_end) {
  const auto token = std::make_shared<int>(0);
  auto numbers = fail_after_one(token);
  EXPECT_EQ(co_await numbers.next(), 1);
  EXPECT_THROW(static_cast<void>(co_await numbers.next()), std::runtime_error);
  EXPECT_EQ(token.use_count(), 1);  // its locals are gone
  EXPECT_EQ(co_await numbers.next(), std::nullopt);
}

TRACTOR_TEST(generator_error, carries_the_await_chain_through_the_generator) {
  const auto consume = []() -> task<> {
    auto numbers = fail_after_one(nullptr);
    while (co_await numbers.next()) continue;
  };
  std::string trace;
  try {
    co_await consume();
  } catch (const std::runtime_error&) {
    trace = sc::await_trace(std::current_exception());
  }
  const auto inner = trace.find("fail_after_one");
  TRACTOR_REQUIRE(inner != std::string::npos);
  EXPECT_NE(trace.find("{lambda}", inner), std::string::npos) << trace;
}

TRACTOR_TEST(generator_error, of_the_consumer_is_not_the_generators) {
  auto numbers = count(2);
  try {
    co_await numbers.next();
    throw std::logic_error("consumer");
  } catch (const std::logic_error&) {
  }
  EXPECT_EQ(co_await numbers.next(), 1);
}

// --- closing ---

TRACTOR_TEST(generator_close, destroys_the_frame_at_once) {
  const auto token = std::make_shared<int>(0);
  auto numbers = count_holding(token);
  EXPECT_EQ(co_await numbers.next(), 0);
  EXPECT_EQ(token.use_count(), 2);
  numbers.aclose();
  EXPECT_EQ(token.use_count(), 1);
  numbers.aclose();
  EXPECT_EQ(co_await numbers.next(), std::nullopt);
}

TRACTOR_TEST(generator_close, destroyed_unfinished_or_never_begun_frees_everything) {
  const auto token = std::make_shared<int>(0);
  {
    auto begun = count_holding(token);
    static_cast<void>(co_await begun.next());
    const auto never_begun = count_holding(token);
    EXPECT_EQ(token.use_count(), 3);
  }
  EXPECT_EQ(token.use_count(), 1);
}

TRACTOR_TEST(generator_close, assignment_destroys_what_was_there_and_moving_leaves_it_closed) {
  const auto token = std::make_shared<int>(0);
  auto numbers = count_holding(token);
  static_cast<void>(co_await numbers.next());
  auto others = count_holding(nullptr);
  numbers = std::move(others);
  EXPECT_EQ(token.use_count(), 1);
  EXPECT_EQ(co_await numbers.next(), 0);
  EXPECT_EQ(co_await others.next(), std::nullopt);
  auto& same = numbers;
  numbers = std::move(same);
  EXPECT_EQ(co_await numbers.next(), 1);
}

TRACTOR_TEST(generator_close, aclosing_closes_when_the_consumer_stops_early_and_gives_its_result) {
  const auto token = std::make_shared<int>(0);
  generator<int>* seen = nullptr;
  const int third = co_await sc::aclosing(count_holding(token), [&](generator<int>& numbers) -> task<int> {
    seen = &numbers;
    while (const auto value = co_await numbers.next())
      if (*value == 2) co_return *value;
    co_return -1;
  });
  EXPECT_NE(seen, nullptr);
  EXPECT_EQ(third, 2);
  EXPECT_EQ(token.use_count(), 1);
}

TRACTOR_TEST(generator_close, aclosing_closes_before_its_caller_goes_on) {
  const auto token = std::make_shared<int>(0);
  auto closing = sc::aclosing(count_holding(token), [](generator<int>& numbers) -> task<> { co_await numbers.next(); });
  EXPECT_EQ(token.use_count(), 2);
  co_await std::move(closing);
  EXPECT_EQ(token.use_count(), 1);
}

TRACTOR_TEST(generator_close, aclosing_closes_on_an_error_of_the_consumer) {
  const auto token = std::make_shared<int>(0);
  EXPECT_THROW(co_await sc::aclosing(count_holding(token),
                                     [](generator<int>& numbers) -> task<> {
                                       co_await numbers.next();
                                       throw std::logic_error("consumer");
                                     }),
               std::logic_error);
  EXPECT_EQ(token.use_count(), 1);
}

TRACTOR_TEST(generator_close, aclosing_closes_on_a_cancel_of_the_consumer) {
  const auto token = std::make_shared<int>(0);
  EXPECT_FALSE(co_await sc::move_on_after(1s, [&]() -> task<> {
    co_await sc::aclosing(count_holding(token), [](generator<int>& numbers) -> task<> {
      co_await numbers.next();
      co_await sc::sleep_forever();
    });
  }));
  EXPECT_EQ(token.use_count(), 1);
}

TRACTOR_TEST(generator_close, destructors_run_in_the_task_that_closes) {
  struct notes_task {
    std::string* name;
    ~notes_task() { *name = sc::runner::current()->running()->name(); }
  };
  std::string name;
  const auto noting = [&]() -> generator<int> {
    const notes_task local{&name};
    co_yield 1;
  };
  auto numbers = noting();
  co_await numbers.next();
  co_await sc::open_nursery([&](nursery& n) {
    n.start_soon({.name = "closer"}, [&]() -> task<> {
      numbers.aclose();
      co_return;
    });
  });
  EXPECT_EQ(name, "closer");
}

}  // namespace
