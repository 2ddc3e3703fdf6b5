// SPDX-License-Identifier: Apache-2.0
//
// A death that a dialog learned of and did not raise, for it was left by an error or a cancel of its own: it is raised elsewhere, and once.

#include <csignal>

#include "programs.hpp"
#include "runtime_test.hpp"

namespace dropping {
namespace {

namespace sc = tractor::sc;

bool listening = false, refused = false;  // in the root

// Of the root: waits for its peer out of reach of cancels.
sc::task<> listen_stubbornly(tractor::context<void, int, int>& ctx) {
  co_await ctx.started();
  co_await ctx.open_stream([](auto& stream) -> sc::task<> {
    co_await sc::shielded([&]() -> sc::task<> {
      listening = true;
      try {
        static_cast<void>(co_await stream.receive());
      } catch (const tractor::transport_closed&) {
        refused = true;
      }
    });
  });
}
// Has the root listen to it.
sc::task<> talk_to_the_root(tractor::context<>& ctx) {
  co_await ctx.started();
  co_await tractor::get_root([](tractor::portal& root) -> sc::task<> {
    co_await root.open_context<&listen_stubbornly>({}, [](auto&) -> sc::task<> { co_await sc::sleep_forever(); });
  });
}

}  // namespace
}  // namespace dropping

TRACTOR_MODULE(dropping) {
  mod.def<&dropping::listen_stubbornly>("listen_stubbornly");
  mod.def<&dropping::talk_to_the_root>("talk_to_the_root");
}

namespace runtime_test {
namespace {

using tractor::actor_died;

class dropped_death_test : public both_methods {};
RT_BOTH_METHODS(dropped_death_test);

// S-NUR-18, CB-6: the dialog learns of the death while its body cleans up after an end of its own, and raises that. So the nursery raises
// the death: beside the error, or where nothing else comes of a cancel.
TEST_P(dropped_death_test, death_in_the_cleanup_of_a_dialog_that_ends_otherwise_is_not_lost) {
  for (const bool fails : {true, false}) {
    const auto error = outcome_in_nursery([&](actor_nursery& an) -> sc::task<> {
      auto victim = co_await an.start_actor("victim", options());
      sc::cancel_scope scope;
      static_cast<void>(co_await scope.run([&] {
        return victim.open_context<&kit::sleeper>({}, [&](auto&) -> sc::task<> {
          watched_process(static_cast<pid_t>(*victim.pid())).signal(SIGKILL);
          co_await sc::shielded([&]() -> sc::task<> {
            while (an.actor_count() != 0) co_await sc::checkpoint();
          });
          if (fails) throw std::invalid_argument("of the body");
          scope.cancel("nobody wants it");
          co_await sc::checkpoint();
        });
      }));
      co_await sc::sleep_forever();
    });
    if (!fails) {
      static_cast<void>(as<actor_died>(error));
      continue;
    }
    const auto* group = as<sc::exception_group>(error);
    ASSERT_NE(nullptr, group);
    ASSERT_EQ(2U, group->exceptions().size());
    static_cast<void>(as<std::invalid_argument>(group->exceptions()[0]));
    static_cast<void>(as<actor_died>(group->exceptions()[1]));
  }
}

// S-NUR-18, CB-6: a task that the actor asked for here learns of its death too, and there is nobody whom that would tell.
TEST_P(dropped_death_test, death_that_only_a_task_for_the_dead_was_told_of_is_raised) {
  dropping::listening = dropping::refused = false;
  const auto error = outcome_of([]() -> sc::task<> {
    co_await tractor::open_nursery(
        [](actor_nursery& an) -> sc::task<> {
          auto victim = co_await an.start_actor("victim", {.enable_modules = {"dropping"}, .start_method = GetParam()});
          co_await victim.open_context<&dropping::talk_to_the_root>({}, [&](auto&) -> sc::task<> {
            while (!dropping::listening) co_await sc::checkpoint();
            watched_process(static_cast<pid_t>(*victim.pid())).signal(SIGKILL);
            co_await sc::shielded([&]() -> sc::task<> {
              while (an.actor_count() != 0 || !dropping::refused) co_await sc::checkpoint();
            });
            throw std::invalid_argument("of the body");
          });
        },
        tractor::root_options{.enable_modules = {"dropping"}});
  });
  const auto* group = as<sc::exception_group>(error);
  ASSERT_NE(nullptr, group);
  ASSERT_EQ(2U, group->exceptions().size());
  static_cast<void>(as<std::invalid_argument>(group->exceptions()[0]));
  static_cast<void>(as<actor_died>(group->exceptions()[1]));
}

// S-NUR-18: who caught it may throw what it likes: it knew. And one that was told is enough.
TEST_P(dropped_death_test, death_that_one_dialog_was_told_of_is_not_raised_again) {
  const auto error = outcome_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto victim = co_await an.start_actor("victim", options());
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { static_cast<void>(co_await catch_as<actor_died>([&] { return victim.run<&kit::forever>(); })); });
      co_await victim.run<&kit::nothing>();
      co_await victim.open_context<&kit::sleeper>({}, [&](auto&) -> sc::task<> {
        watched_process(static_cast<pid_t>(*victim.pid())).signal(SIGKILL);
        co_await sc::shielded([&]() -> sc::task<> {
          while (an.actor_count() != 0) co_await sc::checkpoint();
        });
        throw std::invalid_argument("of the body");
      });
    });
  });
  static_cast<void>(as<std::invalid_argument>(error));
}
TEST_P(dropped_death_test, death_that_a_body_was_told_of_is_not_raised_beside_what_it_throws) {
  const auto error = outcome_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto victim = co_await an.start_actor("victim", options());
    co_await victim.open_context<&kit::sleeper>({}, [&](auto& ctx) -> sc::task<> {
      watched_process(static_cast<pid_t>(*victim.pid())).signal(SIGKILL);
      try {
        co_await ctx.wait_for_result();
      } catch (const actor_died&) {
        throw std::invalid_argument("no victim, no result");
      }
    });
  });
  static_cast<void>(as<std::invalid_argument>(error));
}

// The portal has left its nursery, which is over when the dialog drops the loss: it is in the log, and in nobody's memory that is gone.
TEST_P(dropped_death_test, death_that_is_dropped_after_its_nursery_is_logged) {
  ::testing::internal::CaptureStderr();
  run([&]() -> sc::task<> {
    co_await tractor::open_nursery([&](actor_nursery& outer) -> sc::task<> {
      static_cast<void>(outer);
      sc::event over;
      co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
        co_await tractor::open_nursery([&](actor_nursery& an) -> sc::task<> {
          auto victim = co_await an.start_actor("victim", options());
          sc::event up;
          n.start_soon([&over, &up, victim]() -> sc::task<> {
            sc::cancel_scope scope;
            static_cast<void>(co_await scope.run([&] {
              return victim.open_context<&kit::sleeper>({}, [&](auto&) -> sc::task<> {
                up.set();
                co_await sc::shielded([&] { return over.wait(); });
                scope.cancel("nobody wants it");
                co_await sc::checkpoint();
              });
            }));
          });
          co_await up.wait();
          watched_process(static_cast<pid_t>(*victim.pid())).signal(SIGKILL);
          while (an.actor_count() != 0) co_await sc::checkpoint();
        });
        over.set();
      });
    });
  });
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              ::testing::ContainsRegex(
                  "actor 'victim' is gone, and nobody is told: its nursery is over, and the dialog with it was left otherwise: .*SIGKILL"));
}

}  // namespace
}  // namespace runtime_test
