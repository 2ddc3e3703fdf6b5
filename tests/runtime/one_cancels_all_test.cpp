// SPDX-License-Identifier: Apache-2.0
//
// One that fails ends all: casts of daemons and run-once actors in one nursery, and trees in which the failure is far down.

#include "runtime_test.hpp"

namespace pairs {
namespace {

namespace sc = tractor::sc;

constinit bool all_below_wait = false;
sc::task<bool> is_up() { co_return all_below_wait; }

sc::task<> fail_when_cancelled() {
  bool cut = false;
  try {
    all_below_wait = true;
    co_await sc::sleep_forever();
  } catch (const sc::cancelled&) {
    cut = true;
  }
  if (cut) throw std::invalid_argument("in cleanup");
}

// Two actors below this one, two below each of them, and so on; those at the bottom fail when they are cancelled, and the last of them
// at once, if it is to.
sc::task<> branch(int levels, bool last_fails) {
  if (levels == 0 && last_fails) throw std::invalid_argument("deep down");
  if (levels == 0) co_return co_await fail_when_cancelled();
  co_await tractor::open_nursery([=](tractor::actor_nursery& an) -> sc::task<> {
    const tractor::portal first = co_await an.run_in_actor<&branch>({.name = "first"}, levels - 1, false);
    while (!co_await first.run<&is_up>()) continue;
    const tractor::portal last = co_await an.run_in_actor<&branch>({.name = "last"}, levels - 1, last_fails);
    if (last_fails) co_return;
    while (!co_await last.run<&is_up>()) continue;
    all_below_wait = true;
  });
}

}  // namespace
}  // namespace pairs

TRACTOR_MODULE(pairs) {
  mod.def<&pairs::is_up>("is_up");
  mod.def<&pairs::branch>("branch", "levels", "last_fails");
}

namespace runtime_test {
namespace {

using tractor::remote_actor_error;

// Who is in a nursery, and who of them fails.
struct cast {
  const char* name;
  int daemons = 0;            // idle
  int quick = 0;              // run-once actors that have ended well before
  int endless = 0;            // and such as never would
  std::size_t failing = 0;    // the last of them at once, the others when they are cancelled for that
  bool daemons_fail = false;  // by a call of the body's, which lets the error through
  std::size_t errors() const { return failing + (daemons_fail ? 1 : 0); }
  friend void PrintTo(const cast& of, std::ostream* out) { *out << of.name; }
};

class one_cancels_all_test : public runtime_test, public ::testing::WithParamInterface<cast> {
 protected:
  static sc::task<> play(actor_nursery& an) {
    std::optional<portal> daemon;
    for (int i = 0; i < GetParam().daemons; ++i) daemon = co_await start(an, "idle");
    for (int i = 0; i < GetParam().quick; ++i) {
      const portal quick = co_await an.run_in_actor<&kit::add>({}, i, 1);
      EXPECT_EQ(i + 1, co_await quick.wait_for_result<int>());
    }
    for (int i = 0; i < GetParam().endless; ++i) co_await an.run_in_actor<&kit::forever>({});
    for (std::size_t i = 1; i < GetParam().failing; ++i) {
      const portal later = co_await an.run_in_actor<&kit::fail_when_cancelled>({}, "invalid_argument");
      co_await later.run<&kit::nothing>();  // by then its main task has begun
    }
    if (GetParam().failing != 0) co_await an.run_in_actor<&kit::fail>({}, "invalid_argument", "as told");
    if (GetParam().daemons_fail) co_await daemon->run<&kit::fail>("invalid_argument", "as told");
    co_await sc::sleep_forever();
  }
};

INSTANTIATE_TEST_SUITE_P(with, one_cancels_all_test,
                         ::testing::Values(cast{.name = "a_run_once_actor_that_fails", .daemons = 2, .failing = 1},
                                           cast{.name = "two_run_once_actors_that_fail", .daemons = 2, .failing = 2},
                                           cast{.name = "three_run_once_actors_that_fail", .daemons = 2, .failing = 3},
                                           cast{.name = "endless_run_once_actors_and_one_that_fails", .endless = 3, .failing = 1},
                                           cast{.name = "a_daemon_whose_call_fails", .daemons = 3, .daemons_fail = true},
                                           cast{.name = "a_daemon_whose_call_fails_when_the_run_once_actors_have_ended",
                                                .daemons = 3,
                                                .quick = 3,
                                                .daemons_fail = true}),
                         [](const auto& tested) { return tested.param.name; });

// S-NUR-5, S-NUR-13, S-NUR-14, S-NUR-15, S-NUR-17, S-NUR-21: whoever fails ends the others, and is told of, bare where it is alone.
// Reference: cancel::test_some_cancels_all.
TEST_P(one_cancels_all_test, nursery_ends_with_the_errors_of_those_who_failed) {
  std::exception_ptr error;
  run([&]() -> sc::task<> {
    co_await tractor::open_root_actor([&]() -> sc::task<> {
      actor_nursery an(tractor::current_actor());

      error = co_await caught([&] { return an.run(play); });

      EXPECT_EQ(0U, an.actor_count());
      EXPECT_EQ(0U, tractor::current_actor().peer_count());
      EXPECT_TRUE(an.cancel_called());
      EXPECT_TRUE(an.cancelled_caught());
    });
  });
  std::vector<std::exception_ptr> errors{error};
  if (GetParam().errors() > 1) {
    const auto* group = as<sc::exception_group>(error);
    ASSERT_NE(nullptr, group);
    errors = group->exceptions();
  }
  EXPECT_EQ(GetParam().errors(), errors.size());
  for (const auto& each : errors) {
    const auto* remote = as<remote_actor_error>(each);
    ASSERT_NE(nullptr, remote);
    EXPECT_EQ("ValueError", remote->boxed_type_str());
  }
}

class tree_of_pairs_test : public runtime_test, public ::testing::WithParamInterface<int> {};
INSTANTIATE_TEST_SUITE_P(of, tree_of_pairs_test, ::testing::Values(1, 2, 3),
                         [](const auto& tested) { return std::to_string(tested.param) + "_levels"; });

// S-NUR-13, S-NUR-22, S-ERR-7: an actor far down fails, and its sibling on the way out: a group, which is one error for all above. The
// other half of the tree is cancelled for it at every level, and has nothing to say.
// Reference: cancel::test_nested_multierrors, spawn::test_run_in_actor_same_func_in_child.
TEST_P(tree_of_pairs_test, group_at_the_bottom_ends_the_tree_and_comes_out_as_one_error) {
  const int levels = GetParam();

  const auto error = outcome_of([=] { return pairs::branch(levels, true); });

  if (levels == 1) {
    const auto* group = as<sc::exception_group>(error);
    ASSERT_NE(nullptr, group);
    EXPECT_EQ(2U, group->exceptions().size());
    for (const auto& each : group->exceptions()) static_cast<void>(as<remote_actor_error>(each));
    return;
  }
  const auto* remote = as<remote_actor_error>(error);
  ASSERT_NE(nullptr, remote);
  EXPECT_EQ("ExceptionGroup", remote->src_type_str());
  EXPECT_EQ(levels == 2 ? "ExceptionGroup" : "RemoteActorError", remote->boxed_type_str());
  EXPECT_EQ(static_cast<std::size_t>(levels) - 1, remote->relay_path().size());
  EXPECT_EQ("last", remote->src_uid().name);
  EXPECT_THAT(remote->what(), HasSubstr("deep down"));
}

}  // namespace
}  // namespace runtime_test
