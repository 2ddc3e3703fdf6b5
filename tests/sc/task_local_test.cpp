// SPDX-License-Identifier: Apache-2.0
//
// Task-locals and the task tree: what belongs to a task, and what a task looks like from outside.

#include "tractor/sc/task_local.hpp"

#include <memory>

#include "sc_test.hpp"
#include "tractor/sc/task_tree.hpp"

namespace {

using namespace sc_test;

constinit sc::task_local<int> number;
constinit sc::task_local<std::string> word;
constinit sc::task_local<std::shared_ptr<int>> shared;

TRACTOR_TEST(task_local, is_nothing_where_nobody_set_it) {
  EXPECT_EQ(number.get(), nullptr);
  co_return;
}

TEST(task_local, is_nothing_outside_a_run) { EXPECT_EQ(number.get(), nullptr); }

TRACTOR_TEST(task_local, is_set_inside_and_unset_outside) {
  co_await number.with(1, []() -> task<> {
    EXPECT_EQ(*number.get(), 1);
    co_await number.with(2, []() -> task<> {
      EXPECT_EQ(*number.get(), 2);
      co_await sc::checkpoint();
      EXPECT_EQ(*number.get(), 2);
    });
    EXPECT_EQ(*number.get(), 1);
  });
  EXPECT_EQ(number.get(), nullptr);
}

TRACTOR_TEST(task_local, keys_do_not_meet) {
  co_await number.with(1, []() -> task<> {
    co_await word.with("w", []() -> task<> {
      EXPECT_EQ(*number.get(), 1);
      EXPECT_EQ(*word.get(), "w");
      co_return;
    });
  });
}

TRACTOR_TEST(task_local, child_sees_what_its_starter_saw_at_the_start) {
  int seen = 0;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    co_await number.with(7, [&]() -> task<> {
      n.start_soon([&]() -> task<> {
        co_await sc::sleep(1s);  // long after the binding is gone
        seen = *number.get();
      });
      co_return;
    });
    EXPECT_EQ(number.get(), nullptr);
  });
  EXPECT_EQ(seen, 7);
}

TRACTOR_TEST(task_local, value_set_in_a_child_is_invisible_to_parent_and_siblings) {
  co_await number.with(1, [&]() -> task<> {
    co_await sc::open_nursery([&](nursery& n) {
      n.start_soon([]() -> task<> { co_await number.with(2, []() -> task<> { co_await sc::sleep(1s); }); });
      n.start_soon([]() -> task<> {
        co_await settle();
        EXPECT_EQ(*number.get(), 1);
      });
    });
    EXPECT_EQ(*number.get(), 1);
  });
}

TRACTOR_TEST(task_local, value_is_freed_with_the_last_task_that_sees_it) {
  const auto token = std::make_shared<int>(0);
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    co_await shared.with(token, [&]() -> task<> {
      n.start_soon([]() -> task<> { co_await sc::sleep(1s); });
      co_return;
    });
    EXPECT_EQ(token.use_count(), 2);
    co_await sc::sleep(2s);
    EXPECT_EQ(token.use_count(), 1);
  });
}

TRACTOR_TEST(task_local, is_unset_when_the_body_is_cancelled) {
  co_await sc::move_on_after(1s, []() -> task<> { co_await number.with(3, []() -> task<> { co_await sc::sleep_forever(); }); });
  EXPECT_EQ(number.get(), nullptr);
}

// A value whose destructor looks at the task that it belonged to.
struct witness {
  struct findings {
    sc::cancel_scope scope;
    const witness* found = nullptr;
  };
  explicit witness(findings& into) : into_(&into) {}
  witness(witness&& other) noexcept : into_(std::exchange(other.into_, nullptr)) {}
  ~witness();
  findings* into_;
};
constinit sc::task_local<witness> witnesses;
witness::~witness() {
  if (into_ == nullptr) return;
  into_->scope.cancel("the value goes");
  into_->found = witnesses.get();
}

TRACTOR_TEST(task_local, value_that_a_task_was_the_last_to_hold_is_destroyed_in_that_task) {
  witness::findings findings;
  findings.found = reinterpret_cast<const witness*>(&findings);
  const std::string name = "a name that is too long to be kept inside of a string object";
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    co_await witnesses.with(witness(findings), [&]() -> task<> {
      n.start_soon({.name = name}, []() -> task<> { co_await sc::sleep(1s); });
      co_return;
    });
    EXPECT_EQ(findings.scope.reason(), nullptr);
    co_await sc::sleep(2s);
  });
  TRACTOR_REQUIRE(findings.scope.reason() != nullptr);
  EXPECT_EQ(findings.scope.reason()->task, name);
  EXPECT_EQ(findings.found, nullptr) << "the value is bound no more";
}

task<> waits_here(sc::event& event) { co_await event.wait(); }

TRACTOR_TEST(task_tree, shows_names_states_waits_and_await_chains) {
  sc::event event;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon({.name = "outer"}, [&]() -> task<> {
      co_await sc::open_nursery([&](nursery& own) { own.start_soon({.name = "inner"}, waits_here, std::ref(event)); });
    });
    co_await sc::sleep(2s);

    const sc::task_info tree = sc::task_tree();
    EXPECT_EQ(tree.name, "main");
    EXPECT_EQ(tree.state, sc::task_state::running);
    TRACTOR_REQUIRE(tree.children.size() == 1);
    const auto& outer = tree.children.front();
    EXPECT_EQ(outer.name, "outer");
    EXPECT_EQ(outer.waiting_for, "nursery exit");
    TRACTOR_REQUIRE(outer.children.size() == 1);
    const auto& inner = outer.children.front();
    EXPECT_EQ(inner.state, sc::task_state::waiting);
    EXPECT_EQ(inner.waiting_for, "event.wait");
    EXPECT_GE(inner.waiting, 2s);
    TRACTOR_REQUIRE(!inner.await_chain.empty());
    EXPECT_TRUE(contains(inner.await_chain.front().function_name(), "waits_here"));
    EXPECT_TRUE(contains(inner.spawned_at.file_name(), "task_local_test.cpp"));

    const std::string text = sc::to_text(tree);
    EXPECT_TRUE(contains(text, "  - outer")) << text;
    EXPECT_TRUE(contains(text, "    - inner")) << text;
    EXPECT_TRUE(contains(text, "waits in event.wait since 2000 ms")) << text;
    event.set();
  });
}

TRACTOR_TEST(task_tree, says_who_is_cancelled_and_names_a_nameless_task_by_its_function) {
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([]() -> task<> { co_await sc::shielded([]() -> task<> { co_await sc::sleep(1s); }); });
    co_await settle();
    n.cancel();
    const auto tree = sc::task_tree();
    EXPECT_TRUE(tree.cancelled);
    TRACTOR_REQUIRE(tree.children.size() == 1);
    EXPECT_FALSE(tree.children.front().cancelled);
    EXPECT_FALSE(tree.children.front().name.empty());
  });
}

task<> sleeps_in_a_frame_that_goes() { co_await sc::sleep(1s); }

TRACTOR_TEST(task_tree, of_the_running_task_has_no_await_chain) {
  co_await sleeps_in_a_frame_that_goes();
  const sc::task_info tree = sc::task_tree();
  EXPECT_EQ(tree.state, sc::task_state::running);
  EXPECT_TRUE(tree.await_chain.empty());
}

TEST(task_tree, of_a_run_that_is_done_is_its_main_task_alone) {
  sc::virtual_clock clock;
  sc::runner scheduler({.clock = &clock});
  scheduler.start(sleeps_in_a_frame_that_goes);
  EXPECT_EQ(sc::task_tree_of(scheduler).state, sc::task_state::ready);
  scheduler.run_to_completion();
  const sc::task_info tree = sc::task_tree_of(scheduler);
  EXPECT_EQ(tree.state, sc::task_state::ended);
  EXPECT_TRUE(tree.await_chain.empty());
  EXPECT_TRUE(tree.children.empty());
  EXPECT_TRUE(contains(sc::to_text(tree), "main [1] ended"));
}

// `levels` tasks below one another; the innermost calls `body`.
task<> nest(int levels, const std::function<void()>& body) {
  if (levels == 0) {
    body();
    co_return;
  }
  co_await sc::open_nursery([&](nursery& n) { n.start_soon([&]() { return nest(levels - 1, body); }); });
}

TEST(task_tree, of_tasks_nested_without_bound_is_cut_and_says_so) {
  constexpr int levels = 40'000;
  sc::task_info tree;
  sc::virtual_clock clock;
  sc::run({.clock = &clock}, [&]() -> task<> { co_await nest(levels, [&] { tree = sc::task_tree(); }); });
  std::size_t depth = 1;
  const sc::task_info* deepest = &tree;
  for (; !deepest->children.empty(); deepest = &deepest->children.front()) ++depth;
  EXPECT_EQ(depth, sc::task_tree_depth_max);
  EXPECT_EQ(deepest->children_omitted, 1u);
  const std::string text = sc::to_text(tree);
  EXPECT_LE(text.size(), sc::task_tree_text_max);
  EXPECT_TRUE(contains(text, "… and 1 more tasks")) << text;
}

TRACTOR_TEST(task_tree, of_very_many_tasks_is_cut_and_says_so) {
  const std::string long_name(200, 'n');
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    for (std::size_t i = 0; i < sc::task_tree_tasks_max + 10; ++i)
      n.start_soon({.name = long_name}, []() -> task<> { co_await sc::sleep_forever(); });
    co_await settle();
    const sc::task_info tree = sc::task_tree();
    EXPECT_EQ(tree.children.size() + 1, sc::task_tree_tasks_max);
    EXPECT_EQ(tree.children_omitted, 11u);
    const std::string text = sc::to_text(tree);
    EXPECT_LE(text.size(), sc::task_tree_text_max + std::string_view("…\n").size());
    EXPECT_TRUE(text.ends_with("\n…\n"));
    n.cancel();
  });
}

task<> awaits_deeply(int levels) {
  if (levels == 0)
    co_await sc::sleep_forever();
  else
    co_await awaits_deeply(levels - 1);
}

TRACTOR_TEST(task_tree, await_chain_is_cut_at_its_outer_end) {
  co_await sc::open_nursery([](nursery& n) -> task<> {
    n.start_soon(awaits_deeply, 500);
    co_await settle();
    const sc::task_info tree = sc::task_tree();
    TRACTOR_REQUIRE(tree.children.size() == 1);
    EXPECT_EQ(tree.children.front().await_chain.size(), sc::await_chain_max);
    n.cancel();
  });
}

TEST(task_tree, outside_a_run_is_a_usage_error) { EXPECT_THROW(static_cast<void>(sc::task_tree()), tractor::usage_error); }

}  // namespace
