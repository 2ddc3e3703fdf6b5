// SPDX-License-Identifier: Apache-2.0
//
// Actors whose process ends unasked: one error, which names the actor and how it ended, wherever it is seen first.

#include <csignal>

#include "programs.hpp"
#include "runtime_test.hpp"

namespace runtime_test {
namespace {

class death_test : public both_methods {};
RT_BOTH_METHODS(death_test);

using tractor::actor_died;

struct way_to_die {
  const char* how;
  const char* text;
};
const std::vector<way_to_die> ways{{"kill", "killed by SIGKILL"}, {"exit", "exit status 3"}, {"abort", "killed by SIGABRT"}};

// S-NUR-18, S-OOB-3
TEST_P(death_test, pending_call_raises_it) {
  for (const auto& way : ways) {
    std::optional<tractor::uid> who;
    const auto error = outcome_in_nursery([&](actor_nursery& an) -> sc::task<> {
      auto worker = co_await an.start_actor("victim", options());
      who = worker.peer_uid();
      co_await worker.run<&kit::die>(way.how);
    });
    const auto* died = as<actor_died>(error);
    ASSERT_NE(nullptr, died);
    EXPECT_EQ(who, died->who());
    EXPECT_THAT(died->what(), HasSubstr("actor 'victim' (pid "));
    EXPECT_THAT(died->what(), HasSubstr(way.text));
  }
}

// S-NUR-18: with nobody in a dialog the nursery raises it, out of the body's sleep or out of its join.
TEST_P(death_test, idle_daemons_death_fails_the_nursery) {
  for (const bool in_body : {true, false}) {
    const auto error = outcome_in_nursery([&](actor_nursery& an) -> sc::task<> {
      auto victim = co_await an.start_actor("victim", options());
      co_await an.start_actor("bystander", options());
      watched_process(static_cast<pid_t>(*victim.pid())).signal(SIGKILL);
      if (in_body) co_await sc::sleep_forever();
    });
    const auto* died = as<actor_died>(error);
    ASSERT_NE(nullptr, died);
    EXPECT_EQ("victim", died->who().name);
    EXPECT_EQ(SIGKILL, died->certificate().signal);
  }
}

// S-NUR-18
TEST_P(death_test, run_once_actors_death_is_its_result) {
  const auto error = outcome_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto victim = co_await an.run_in_actor<&kit::die>({.actor = options()}, "exit");
    const auto seen = co_await catch_as<actor_died>([&] { return victim.wait_for_result<void>(); });
    RT_REQUIRE(seen);
    EXPECT_EQ(3, seen->certificate().exit_status);
  });
  static_cast<void>(as<actor_died>(error));
}

// The last that it wrote to stderr is in the certificate.
TEST_P(death_test, last_words_are_kept) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await an.start_actor("victim", options());
    const auto died = co_await catch_as<actor_died>([&] { return worker.run<&kit::die>("stderr"); });
    RT_REQUIRE(died);
    EXPECT_EQ("the last words\n", died->stderr_tail());
    EXPECT_THAT(died->what(), HasSubstr("the end of its stderr:\nthe last words"));
    EXPECT_EQ(4, died->certificate().exit_status);
  });
}

// All who talk to it are told, with one and the same error; who takes note of it may go on.
TEST_P(death_test, every_dialog_is_told) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto victim = co_await an.start_actor("victim", options());
    std::vector<std::exception_ptr> seen(3);
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { seen[0] = co_await caught([&] { return victim.run<&kit::forever>(); }); });
      n.start_soon([&]() -> sc::task<> {
        seen[1] = co_await caught(
            [&] { return victim.open_context<&kit::sleeper>({}, [](auto&) -> sc::task<> { co_await sc::sleep_forever(); }); });
      });
      n.start_soon([&]() -> sc::task<> {
        seen[2] = co_await caught([&] {
          return victim.open_context<&kit::echo_stream>({}, [](auto& ctx) -> sc::task<> {
            co_await ctx.open_stream([](auto& stream) -> sc::task<> { static_cast<void>(co_await stream.receive()); });
          });
        });
      });
      co_await victim.run<&kit::nothing>();
      co_await victim.run<&kit::nothing>();
      watched_process(static_cast<pid_t>(*victim.pid())).signal(SIGKILL);
    });
    for (const auto& error : seen) static_cast<void>(as<actor_died>(error));
    auto next = co_await an.start_actor("next", options());
    EXPECT_EQ(3, co_await next.run<&kit::add>(1, 2));
    co_await next.cancel_actor();
  });
}

// S-ERR-11: a sender finds out too, by the same error as everybody, not by whatever its socket says.
TEST_P(death_test, sender_gets_the_certificate_as_well) {
  const auto error = outcome_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto victim = co_await an.start_actor("victim", options());
    co_await victim.open_context<&kit::sum>({}, [&](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
        co_await stream.send(1);
        const watched_process process(static_cast<pid_t>(*victim.pid()));
        process.signal(SIGKILL);
        EXPECT_TRUE(process.ends());
        for (;;) co_await stream.send(2);
      });
    });
  });
  static_cast<void>(as<actor_died>(error));
}

// A call that begins when the connection has ended, but nobody knows yet why.
TEST_P(death_test, call_right_after_the_death_gets_the_certificate) {
  const auto error = outcome_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto victim = co_await an.start_actor("victim", options());
    const watched_process process(static_cast<pid_t>(*victim.pid()));
    process.signal(SIGKILL);
    EXPECT_TRUE(process.ends());
    co_await victim.run<&kit::nothing>();
  });
  static_cast<void>(as<actor_died>(error));
}

// Who is told to look away looks away, and who uses the actor still finds out.
TEST_P(death_test, ignored_death_is_no_error_of_the_nursery) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto careless = options();
    careless.on_death = tractor::death_policy::ignore;
    auto victim = co_await an.start_actor("victim", careless);
    watched_process(static_cast<pid_t>(*victim.pid())).signal(SIGKILL);
    while (an.actor_count() != 0) co_await sc::checkpoint();
    static_cast<void>(co_await catch_as<actor_died>([&] { return victim.run<&kit::nothing>(); }));
  });
}

// One that dies while it is being cancelled was asked to go.
TEST_P(death_test, death_during_a_cancel_is_no_error) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto victim = co_await an.start_actor("victim", options());
    const watched_process process(static_cast<pid_t>(*victim.pid()));
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { co_await an.cancel(); });
      co_await sc::checkpoint();
      process.signal(SIGKILL);
    });
  });
}

// The only dialog is being given up, quietly, when the actor dies: nobody there raises it, so the nursery does.
TEST_P(death_test, death_while_a_dialog_is_given_up_is_not_lost) {
  const auto error = outcome_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto victim = co_await an.start_actor("victim", options());
    const watched_process process(static_cast<pid_t>(*victim.pid()));
    sc::cancel_scope scope;
    sc::event up;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> {
        static_cast<void>(co_await scope.run([&] {
          return victim.open_context<&kit::slow_to_end>({10'000}, [&](auto&) -> sc::task<> {
            up.set();
            co_await sc::sleep_forever();
          });
        }));
      });
      co_await up.wait();
      scope.cancel("nobody wants it");
      for (int i = 0; i < 3; ++i) co_await victim.run<&kit::nothing>();
      process.signal(SIGKILL);
    });
    co_await sc::sleep_forever();
  });
  static_cast<void>(as<actor_died>(error));
}

// A cancel that was asked for, and not answered before the process died, absorbs nothing.
TEST_P(death_test, death_after_an_unanswered_cancel_is_raised) {
  const auto error = outcome_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto victim = co_await an.start_actor("victim", options());
    const watched_process process(static_cast<pid_t>(*victim.pid()));
    co_await victim.open_context<&kit::slow_to_end>({10'000}, [&](auto& ctx) -> sc::task<> {
      co_await ctx.cancel(1ms);
      process.signal(SIGKILL);
      co_await sc::sleep_forever();
    });
  });
  static_cast<void>(as<actor_died>(error));
}

class server_death_test : public runtime_test {};

// S-NUR-18: the fork server takes its actors along, each an ordinary death; the next start brings up a new one.
TEST_F(server_death_test, killed_fork_server_is_the_death_of_its_actors_and_is_replaced) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto careless = actor_options{.enable_modules = {"kit"}, .on_death = tractor::death_policy::ignore};
    auto one = co_await an.start_actor("one", careless);
    auto two = co_await an.start_actor("two", careless);
    const watched_process first(static_cast<pid_t>(*one.pid())), second(static_cast<pid_t>(*two.pid()));
    const watched_process server((co_await one.run<&kit::who>()).parent_pid);
    EXPECT_NE(::getpid(), server.pid());

    server.signal(SIGKILL);
    const auto died = co_await catch_as<actor_died>([&] { return one.run<&kit::forever>(); });
    RT_REQUIRE(died);
    EXPECT_THAT(died->what(), HasSubstr("lost with the fork server"));
    while (an.actor_count() != 0) co_await sc::checkpoint();
    EXPECT_TRUE(first.ends());
    EXPECT_TRUE(second.ends());

    auto next = co_await start(an, "next");
    EXPECT_EQ(3, co_await next.run<&kit::add>(1, 2));
    EXPECT_NE(server.pid(), (co_await next.run<&kit::who>()).parent_pid);
    co_await next.cancel_actor();
  });
  left_behind().reap_orphans();
}

}  // namespace
}  // namespace runtime_test
