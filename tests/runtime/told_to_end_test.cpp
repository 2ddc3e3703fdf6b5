// SPDX-License-Identifier: Apache-2.0
//
// Actors that somebody else than their parent tells to end: by a signal, or over a connection of his own. Their parents' nurseries see to
// it that they do, with the steps and within the bounds of an end that they asked for themselves, and raise what they always did.

#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "programs.hpp"
#include "runtime_test.hpp"
#include "tractor/sc/finally.hpp"
#include "tractor/sc/signals.hpp"

namespace told {
namespace {

namespace sc = tractor::sc;

// Out of reach of every cancel.
sc::task<> never_ends() {
  co_await sc::shielded([]() -> sc::task<> { co_await sc::sleep_forever(); });
}

// The actor says that it goes, and then does not.
sc::task<> will_be_stuck_at_its_exit() {
  tractor::current_actor().on_exit([] {
    for (;;) ::pause();
  });
  co_return;
}

sc::task<> cleans_up(int milliseconds) {
  co_await sc::finally([]() -> sc::task<> { co_await sc::sleep_forever(); },
                       [=]() -> sc::task<> { co_await sc::sleep(std::chrono::milliseconds(milliseconds)); });
}

sc::task<std::size_t> tasks() { co_return tractor::current_actor().running_calls() - 1; }

// An actor with the file `own`, below it one with the file `below`, and below that one that is deaf and busy.
sc::task<> hold_two(tractor::context<int>& ctx, std::string own, std::string below, std::string method) {
  const auto how = tractor::spawn::parse_start_method(method);
  co_await kit::own_file(own);
  co_await tractor::open_nursery([&](tractor::actor_nursery& an) -> sc::task<> {
    auto lower = co_await an.start_actor("lower", {.enable_modules = {"kit"}, .start_method = how});
    co_await lower.run<&kit::own_file>(below);
    co_await lower.open_context<&kit::block_below>({"busy", true}, [&](auto&, const std::vector<int>& pids) -> sc::task<> {
      co_await ctx.started(pids.at(1));
      co_await sc::sleep_forever();
    });
  });
}

}  // namespace
}  // namespace told

TRACTOR_MODULE(told) {
  mod.def<&told::never_ends>("never_ends");
  mod.def<&told::will_be_stuck_at_its_exit>("will_be_stuck_at_its_exit");
  mod.def<&told::cleans_up>("cleans_up", "milliseconds");
  mod.def<&told::tasks>("tasks");
  mod.def<&told::hold_two>("hold_two", "own", "below", "method");
}

namespace runtime_test {
namespace {

class told_to_end_test : public both_methods {
 protected:
  [[nodiscard]] static actor_options options() {
    auto both = both_methods::options();
    both.enable_modules.emplace_back("told");
    return both;
  }
  [[nodiscard]] static watched_process process_of(const portal& actor) { return watched_process(static_cast<pid_t>(*actor.pid())); }
  static sc::task<> until_it_runs(portal worker, std::size_t tasks) {
    while (co_await worker.run<&told::tasks>() != tasks) continue;
  }
};
RT_BOTH_METHODS(told_to_end_test);

// S-KIL-11, S-SIG-5: a task that no cancel reaches holds neither the actor nor who waits for it, whoever has told it to end.
TEST_P(told_to_end_test, actor_that_a_task_holds_is_killed) {
  for (const bool by_signal : {true, false}) {
    run_in_nursery([&](actor_nursery& an) -> sc::task<> {
      const tractor::ipc::uds_address where{.dir = left_behind().temporary_directory(), .file = "held.sock"};
      auto listening = options();
      listening.bind_addrs = {where};
      auto worker = co_await an.start_actor("worker", listening);
      auto third = co_await an.start_actor("third", options());
      const auto process = process_of(worker);
      std::exception_ptr ended;
      co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
        n.start_soon([&]() -> sc::task<> { ended = co_await caught([&] { return worker.run<&told::never_ends>(); }); });
        co_await until_it_runs(worker, 1);
        if (by_signal)
          process.signal(SIGTERM);
        else
          EXPECT_NE(nullptr, co_await caught([&] { return third.run<&kit::cancel_actor_at>(where.dir, where.file); }));
      });
      EXPECT_THAT(text_of(ended), HasSubstr("actor 'worker' has ended: it was cancelled"));
      EXPECT_TRUE(process.ends());
      while (an.actor_count() != 1) co_await sc::checkpoint();
      co_await an.cancel();
      while (an.actor_count() != 0) co_await sc::checkpoint();
      EXPECT_FALSE(an.cancelled_caught());
    });
  }
}

// S-KIL-11, S-SIG-5: nor does one that has said that it goes hold the nursery that waits for it.
TEST_P(told_to_end_test, actor_that_is_stuck_at_its_exit_is_killed) {
  std::optional<watched_process> process;
  const auto error = outcome_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto worker = co_await an.start_actor("worker", options());
    co_await worker.run<&told::will_be_stuck_at_its_exit>();
    process.emplace(process_of(worker));
    process->signal(SIGTERM);
  });
  EXPECT_EQ(nullptr, error) << text_of(error);
  ASSERT_TRUE(process.has_value());
  EXPECT_TRUE(process->gone());
}

// S-KIL-11, S-NUR-10: a nursery that waits for a result does not wait for ever, and has none.
TEST_P(told_to_end_test, run_once_actor_that_its_task_holds_fails_its_nursery) {
  const auto error = outcome_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto worker = co_await an.run_in_actor<&told::never_ends>({.actor = options()});
    co_await until_it_runs(worker, 1);
    process_of(worker).signal(SIGTERM);
  });
  EXPECT_THAT(text_of(error), HasSubstr("actor 'never_ends' has ended: it was cancelled"));
}

// S-KIL-11, S-OOB-4: that its nursery sees to its end makes it no end that the nursery asked for.
TEST_P(told_to_end_test, run_once_actor_that_is_interrupted_fails_its_nursery) {
  for (const int number : {SIGINT, SIGTERM}) {
    const auto error = outcome_in_nursery([&](actor_nursery& an) -> sc::task<> {
      auto worker = co_await an.run_in_actor<&told::cleans_up>({.actor = options()}, 10);
      co_await until_it_runs(worker, 1);
      process_of(worker).signal(number);
    });
    const auto* const cancelled = as<tractor::context_cancelled>(error);
    ASSERT_NE(nullptr, cancelled);
    EXPECT_THAT(cancelled->what(), HasSubstr("was cancelled by itself: " + sc::signal_name(number)));
  }
}

// S-KIL-11, S-NUR-21: one that takes longer than the first step has, and no longer than all of them, ends as it would have by itself.
TEST_P(told_to_end_test, cleanup_that_takes_its_time_is_not_cut_short) {
  constexpr auto time = std::chrono::duration_cast<std::chrono::milliseconds>(tractor::portal_cancel_timeout) + 200ms;
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    const std::string path = left_behind().temporary_directory() + "/own";
    auto worker = co_await an.start_actor("worker", options());
    co_await worker.run<&kit::own_file>(path);
    std::exception_ptr ended;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon(
          [&]() -> sc::task<> { ended = co_await caught([&] { return worker.run<&told::cleans_up>(static_cast<int>(time.count())); }); });
      co_await until_it_runs(worker, 1);
      process_of(worker).signal(SIGTERM);
    });
    EXPECT_THAT(text_of(ended), HasSubstr("was cancelled by itself: SIGTERM"));
    while (an.actor_count() != 0) co_await sc::checkpoint();
    EXPECT_FALSE(std::filesystem::exists(path));
    co_await an.cancel();
    EXPECT_TRUE(an.cancelled_caught());
  });
}

// S-KIL-1, S-KIL-11, S-SIG-5: those above a stuck actor have the time to end it, and themselves, also when it is the upper one that was
// told.
TEST_P(told_to_end_test, healthy_actors_above_a_stuck_one_end_in_good_order) {
  const std::string of_the_upper = left_behind().temporary_directory() + "/upper";
  const std::string of_the_lower = left_behind().temporary_directory() + "/lower";
  std::optional<watched_process> stuck;
  std::exception_ptr ended;
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto upper = co_await an.start_actor("upper", options());
    const std::string method(tractor::spawn::to_string(GetParam()));
    ended = co_await caught([&] {
      return upper.open_context<&told::hold_two>({of_the_upper, of_the_lower, method}, [&](auto&, int pid) -> sc::task<> {
        stuck.emplace(pid);
        process_of(upper).signal(SIGTERM);
        co_await sc::sleep_forever();
      });
    });
  });
  EXPECT_THAT(text_of(ended), HasSubstr("was cancelled by itself: SIGTERM"));
  ASSERT_TRUE(stuck.has_value());
  EXPECT_TRUE(stuck->gone());
  EXPECT_FALSE(std::filesystem::exists(of_the_upper));
  EXPECT_FALSE(std::filesystem::exists(of_the_lower));
}

// S-KIL-11: a crash on the way is a death, whoever has told it to end.
TEST_P(told_to_end_test, actor_that_is_killed_on_its_way_has_died) {
  const auto error = outcome_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto worker = co_await an.start_actor("worker", options());
    const auto process = process_of(worker);
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { co_await worker.run<&told::never_ends>(); });
      co_await until_it_runs(worker, 1);
      process.signal(SIGTERM);
      // The cancel of this task is seen there once it has been told.
      static_cast<void>(co_await caught([&] { return worker.run<&kit::forever>(); }));
      process.signal(SIGKILL);
    });
  });
  const auto* const died = as<tractor::actor_died>(error);
  ASSERT_NE(nullptr, died);
  EXPECT_TRUE(died->certificate().killed_by(SIGKILL));
}

}  // namespace
}  // namespace runtime_test
