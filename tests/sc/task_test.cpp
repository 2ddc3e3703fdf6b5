// SPDX-License-Identifier: Apache-2.0
//
// What a task<T> promises: laziness, values of every kind, exceptions, and chains as deep as memory allows.

#include "tractor/sc/task.hpp"

#include <memory>
#include <optional>
#include <stdexcept>

#include "sc_test.hpp"

namespace {

using namespace sc_test;

#if defined(TRACTOR_ASAN)
constexpr int deep = 100'000, many = 20'000, thrown_through = 2'000;
#else
constexpr int deep = 1'000'000, many = 1'000'000, thrown_through = 20'000;
#endif

task<int> add(int a, int b) { co_return a + b; }

TRACTOR_TEST(task, value_is_given_to_who_awaits) { EXPECT_EQ(co_await add(1, 2), 3); }

TRACTOR_TEST(task, nothing_runs_before_the_await) {
  bool ran = false;
  const auto set = [&]() -> task<> {
    ran = true;
    co_return;
  };

  auto lazy = set();
  EXPECT_FALSE(ran);
  co_await std::move(lazy);
  EXPECT_TRUE(ran);
}

TRACTOR_TEST(task, destroyed_without_an_await_runs_nothing_and_frees_its_arguments) {
  auto token = std::make_shared<int>(1);
  bool ran = false;
  const auto hold = [&ran](std::shared_ptr<int> held) -> task<> {
    ran = held != nullptr;
    co_return;
  };

  {
    [[maybe_unused]] const auto dropped = hold(token);
    EXPECT_EQ(token.use_count(), 2);
  }

  EXPECT_EQ(token.use_count(), 1);
  EXPECT_FALSE(ran);
  co_return;
}

TRACTOR_TEST(task, move_only_result_is_moved_out) {
  const auto make = []() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(7); };

  const std::unique_ptr<int> got = co_await make();

  EXPECT_EQ(*got, 7);
}

TRACTOR_TEST(task, reference_result_refers_to_the_same_object) {
  int target = 1;
  const auto refer = [&]() -> task<int&> { co_return target; };

  int& got = co_await refer();

  EXPECT_EQ(&got, &target);
}

struct not_default_constructible {
  explicit not_default_constructible(int v) : value(v) {}
  int value;
};

TRACTOR_TEST(task, result_needs_no_default_constructor) {
  const auto make = []() -> task<not_default_constructible> { co_return not_default_constructible(5); };
  EXPECT_EQ((co_await make()).value, 5);
}

TRACTOR_TEST(task, exception_comes_out_of_the_await) {
  const auto fail = []() -> task<int> {
    co_await sc::checkpoint();
    throw std::invalid_argument("no");
  };

  EXPECT_THROW(co_await fail(), std::invalid_argument);
}

TRACTOR_TEST(task, exception_that_is_no_std_exception_comes_out_unchanged) {
  const auto fail = []() -> task<> {
    throw 42;
    co_return;
  };
  int caught = 0;

  try {
    co_await fail();
  } catch (const int value) {
    caught = value;
  }

  EXPECT_EQ(caught, 42);
}

TRACTOR_TEST(task, temporary_closure_lives_as_long_as_its_await) {
  // The capture must not be destroyed, nor destroyed twice, before the coroutine has ended: what older compilers get wrong.
  const std::string long_text(100, 'x');

  const std::string got = co_await [copy = long_text]() -> task<std::string> {
    co_await sc::checkpoint();
    co_return copy;
  }();

  EXPECT_EQ(got, long_text);
}

TRACTOR_TEST(task, argument_is_moved_into_the_coroutine) {
  const auto length = [](std::string text) -> task<std::size_t> {
    co_await sc::checkpoint();
    co_return text.size();
  };
  EXPECT_EQ(co_await length(std::string(50, 'a')), 50u);
}

TRACTOR_TEST(task, locals_are_destroyed_before_the_awaiting_one_goes_on) {
  std::vector<std::string> order;
  struct noisy {
    std::vector<std::string>& into;
    explicit noisy(std::vector<std::string>& i) : into(i) {}
    noisy(const noisy&) = delete;
    ~noisy() { into.emplace_back("destroyed"); }
  };
  const auto inner = [&]() -> task<> {
    const noisy local(order);
    co_await sc::checkpoint();
  };

  co_await inner();
  order.emplace_back("resumed");

  EXPECT_EQ(order, (std::vector<std::string>{"destroyed", "resumed"}));
}

task<int> descend(int levels) {
  if (levels == 0) {
    co_await sc::checkpoint();
    co_return 0;
  }
  co_return 1 + co_await descend(levels - 1);
}

TRACTOR_TEST(task, deep_chain_of_awaits_does_not_use_the_native_stack) { EXPECT_EQ(co_await descend(deep), deep); }

task<> descend_and_throw(int levels) {
  if (levels == 0) throw std::runtime_error("at the bottom");
  co_await descend_and_throw(levels - 1);
}

TRACTOR_TEST(task, exception_crosses_a_deep_chain) { EXPECT_THROW(co_await descend_and_throw(thrown_through), std::runtime_error); }

task<> descend_and_sleep(int levels) {
  if (levels == 0)
    co_await sc::sleep_forever();
  else
    co_await descend_and_sleep(levels - 1);
}

TRACTOR_TEST(task, cancel_crosses_a_deep_chain) {
  const bool complete = co_await sc::move_on_after(1s, [] { return descend_and_sleep(thrown_through); });
  EXPECT_FALSE(complete);
}

TRACTOR_TEST(task, ready_awaits_in_a_row_do_not_use_the_native_stack) {
  int sum = 0;
  for (int i = 0; i < many; ++i) sum += co_await add(1, 0);
  EXPECT_EQ(sum, many);
}

TRACTOR_TEST(task, with_a_name_may_be_moved_while_it_is_awaited) {
  std::vector<task<int>> pending;
  pending.push_back([]() -> task<int> {
    co_await sc::sleep(1s);
    co_return 7;
  }());
  int got = 0;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { got = co_await pending[0]; });
    co_await settle();
    pending.reserve(pending.capacity() + 1);
  });
  EXPECT_EQ(got, 7);
}

TRACTOR_TEST(task, constant_awaitable_can_be_awaited) {
  const auto point = sc::checkpoint();
  co_await point;
}

TEST(task_death, destroyed_while_it_is_awaited_is_an_assertion) {
  EXPECT_DEATH(sc::run([]() -> task<> {
                 const auto forever = []() -> task<> { co_await sc::sleep_forever(); };
                 std::optional<task<>> awaited = forever();
                 co_await sc::open_nursery([&](nursery& n) -> task<> {
                   n.start_soon([&]() -> task<> { co_await *awaited; });
                   co_await sc::checkpoint();
                   co_await sc::checkpoint();
                   awaited.reset();
                 });
               }),
               "a task is destroyed while it is awaited");
}

TEST(task_death, awaited_twice_is_an_assertion) {
  const auto twice = []() -> task<> {
    const auto one = add(1, 2);
    static_cast<void>(co_await one);
    static_cast<void>(co_await one);
  };
  EXPECT_DEATH(sc::run(twice), "awaited once");
}

}  // namespace
