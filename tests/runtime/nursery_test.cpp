// SPDX-License-Identifier: Apache-2.0
//
// Actor nurseries: when the block ends, what it raises, and that one failure ends all.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "runtime_test.hpp"

namespace parting {
namespace {

// Has the actor write at its end who cancelled it; "nobody" when its connection ended first.
tractor::sc::task<> note_who_cancels(std::string file) {
  tractor::actor& self = tractor::current_actor();
  self.on_exit([&self, file] { std::ofstream(file) << (self.cancel_caller() ? self.cancel_caller()->uuid : "nobody"); });
  co_return;
}

}  // namespace
}  // namespace parting

TRACTOR_MODULE(parting) { mod.def<&parting::note_who_cancels>("note_who_cancels", "file"); }

namespace runtime_test {
namespace {

class actor_nursery_test : public runtime_test {};

using tractor::remote_actor_error;

// How many errors a group holds, all of which are E; 0 and a failure otherwise.
template <class E>
std::size_t count_of(const std::exception_ptr& error) {
  const auto* group = as<sc::exception_group>(error);
  if (group == nullptr) return 0;
  for (const auto& member : group->exceptions()) static_cast<void>(as<E>(member));
  return group->exceptions().size();
}

// S-NUR-10
TEST_F(actor_nursery_test, block_waits_for_run_once_actors_and_takes_them_along) {
  std::optional<portal> adder;
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    adder = co_await an.run_in_actor<&kit::add>({}, 1, 2);
    co_await an.run_in_actor<&kit::nothing>({});
  });
  run([&]() -> sc::task<> { EXPECT_EQ(3, co_await adder->wait_for_result<int>()); });
}

// S-NUR-10
TEST_F(actor_nursery_test, block_waits_for_daemons_until_somebody_cancels_them) {
  run([]() -> sc::task<> {
    co_await tractor::open_root_actor([]() -> sc::task<> {
      std::optional<portal> daemon;
      sc::event up;
      bool left = false;
      co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
        n.start_soon([&]() -> sc::task<> {
          co_await tractor::open_nursery([&](actor_nursery& an) -> sc::task<> {
            daemon = co_await start(an);
            up.set();
          });
          left = true;
        });
        co_await up.wait();
        for (int i = 0; i < 20; ++i) co_await daemon->run<&kit::nothing>();
        EXPECT_FALSE(left);
        EXPECT_TRUE(co_await daemon->cancel_actor());
      });
      EXPECT_TRUE(left);
    });
  });
}

// S-KIL-11: an unanswered cancel of a nursery that joins is not the end of it.
TEST_F(actor_nursery_test, joining_nursery_ends_a_blocked_actor_whose_cancel_is_not_acknowledged) {
  run([]() -> sc::task<> {
    co_await tractor::open_root_actor([]() -> sc::task<> {
      std::optional<portal> daemon;
      sc::event up;
      co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
        n.start_soon([&]() -> sc::task<> {
          co_await tractor::open_nursery([&](actor_nursery& an) -> sc::task<> {
            daemon = co_await start(an);
            up.set();
          });
        });
        co_await up.wait();
        static_cast<void>(co_await catch_as<tractor::transport_closed>([&] {
          return daemon->open_context<&kit::block>({"busy", false}, [&](auto&, int) -> sc::task<> {
            EXPECT_FALSE(co_await daemon->cancel_actor({.timeout = 1ms}));
            co_await sc::sleep_forever();
          });
        }));
      });
    });
  });
}

// S-NUR-11
TEST_F(actor_nursery_test, error_of_the_body_ends_all_and_is_raised_bare) {
  const auto error = outcome_in_nursery([](actor_nursery& an) -> sc::task<> {
    co_await start(an, "one");
    co_await start(an, "two");
    co_await an.run_in_actor<&kit::forever>({});
    EXPECT_EQ(3U, an.actor_count());
    throw std::invalid_argument("of the body");
  });
  static_cast<void>(as<std::invalid_argument>(error));
}

sc::task<> call_that_fails(portal worker) { co_await worker.run<&kit::fail>("runtime_error", "there"); }
sc::task<> in_between(portal worker) { co_await call_that_fails(worker); }

// Which calls an error came through is known though it was held while the actors ended.
TEST_F(actor_nursery_test, error_of_the_body_keeps_the_places_that_it_came_through) {
  const auto error = outcome_in_nursery([](actor_nursery& an) -> sc::task<> { co_await in_between(co_await start(an, "one")); });
  const std::string trace = sc::await_trace(error);
  EXPECT_THAT(trace, HasSubstr("call_that_fails at "));
  EXPECT_THAT(trace, HasSubstr("in_between at "));
}

// S-KIL-13, S-RT-17: the connections outlive the cancel, so that an actor is asked to end before they do.
TEST_F(actor_nursery_test, cancel_from_outside_is_an_actors_request) {
  const std::string file = std::string(std::getenv("TMPDIR")) + "/who";
  std::string root;
  run([&]() -> sc::task<> {
    co_await sc::open_nursery([&](sc::nursery& around) -> sc::task<> {
      co_await tractor::open_nursery([&](actor_nursery& an) -> sc::task<> {
        root = tractor::current_actor().uid().uuid;
        const auto worker = co_await an.start_actor("worker", {.enable_modules = {"parting"}});
        co_await worker.run<&parting::note_who_cancels>(file);
        around.cancel("from outside");
        co_await sc::sleep_forever();
      });
    });
  });
  std::ifstream noted(file);
  EXPECT_EQ(root, std::string(std::istreambuf_iterator<char>(noted), {}));
  std::filesystem::remove(file);
}

// S-NUR-12, S-NUR-21, S-KIL-13: the cancel of a scope around the implicit root ends the actors gracefully.
// Reference: cancel::test_cancel_infinite_streamer.
TEST_F(actor_nursery_test, cancel_from_outside_ends_all_gracefully) {
  run([]() -> sc::task<> {
    bool asked = false, graceful = false;
    co_await sc::open_nursery([&](sc::nursery& around) -> sc::task<> {
      co_await tractor::open_root_actor([&]() -> sc::task<> {
        tractor::actor_nursery an(tractor::current_actor());
        const auto check = [&] {
          asked = an.cancel_called();
          graceful = an.cancelled_caught();
        };
        struct at_end {
          std::function<void()> run;
          ~at_end() { run(); }
        } const checked{check};
        co_await an.run([&](actor_nursery& inner) -> sc::task<> {
          co_await start(inner);
          around.cancel("from outside");
          co_await sc::sleep_forever();
        });
      });
    });
    EXPECT_TRUE(asked);
    EXPECT_TRUE(graceful);
  });
}

// S-NUR-13: those that fail while they are being cancelled for another's failure count as well.
// Reference: cancel::test_multierror, cancel::test_multierror_fast_nursery.
TEST_F(actor_nursery_test, failures_of_several_actors_make_a_group) {
  for (const int count : {2, 25}) {
    const auto error = outcome_in_nursery([&](actor_nursery& an) -> sc::task<> {
      for (int i = 1; i < count; ++i) {
        auto failing_later = co_await an.run_in_actor<&kit::fail_when_cancelled>({}, "out_of_range");
        co_await failing_later.run<&kit::nothing>();  // by then its main task has begun
      }
      co_await an.run_in_actor<&kit::fail>({}, "invalid_argument", "as told");
    });
    EXPECT_EQ(static_cast<std::size_t>(count), count_of<remote_actor_error>(error));
  }
}

// S-NUR-13: of those that end as they were told to there is nothing to say.
TEST_F(actor_nursery_test, cancelled_siblings_of_a_failed_actor_are_no_errors) {
  const auto error = outcome_in_nursery([&](actor_nursery& an) -> sc::task<> {
    for (int i = 0; i < 10; ++i) co_await an.run_in_actor<&kit::forever>({});
    for (int i = 0; i < 10; ++i) co_await start(an);
    co_await an.run_in_actor<&kit::fail>({}, "invalid_argument", "as told");
  });
  static_cast<void>(as<remote_actor_error>(error));
}

// S-NUR-13, S-NUR-15, S-NUR-16
TEST_F(actor_nursery_test, failed_run_once_actor_ends_daemons_and_the_body_at_once) {
  const auto error = outcome_in_nursery([](actor_nursery& an) -> sc::task<> {
    co_await start(an, "idle");
    co_await start(an, "idle too");
    co_await an.run_in_actor<&kit::fail>({}, "out_of_range", "as told");
    co_await sc::sleep_forever();
  });
  const auto* remote = as<remote_actor_error>(error);
  ASSERT_NE(nullptr, remote);
  EXPECT_EQ("IndexError", remote->boxed_type_str());
}

// S-NUR-17
TEST_F(actor_nursery_test, failed_run_once_actor_ends_one_that_would_go_on_for_ever) {
  const auto error = outcome_in_nursery([](actor_nursery& an) -> sc::task<> {
    co_await an.run_in_actor<&kit::forever>({});
    co_await an.run_in_actor<&kit::forever>({.name = "another"});
    co_await an.run_in_actor<&kit::fail>({}, "out_of_range", "as told");
  });
  const auto* remote = as<remote_actor_error>(error);
  ASSERT_NE(nullptr, remote);
  EXPECT_EQ("fail", remote->src_uid().name);
}

// S-NUR-13: an error that the body saw through a portal and let through counts once.
// Reference: cancel::test_remote_error.
TEST_F(actor_nursery_test, failure_seen_by_the_body_as_well_is_one_error) {
  const auto error = outcome_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto failing = co_await an.run_in_actor<&kit::fail>({}, "out_of_range", "as told");
    co_await failing.wait_for_result<void>();
  });
  static_cast<void>(as<remote_actor_error>(error));
}

// S-NUR-13: the body's own error comes first.
TEST_F(actor_nursery_test, error_of_the_body_and_of_an_actor_make_a_group_in_that_order) {
  const auto error = outcome_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto failing = co_await an.run_in_actor<&kit::fail>({}, "out_of_range", "as told");
    static_cast<void>(co_await caught([&] { return failing.wait_for_result<void>(); }));
    throw std::invalid_argument("of the body");
  });
  const auto* group = as<sc::exception_group>(error);
  ASSERT_NE(nullptr, group);
  ASSERT_EQ(2U, group->exceptions().size());
  static_cast<void>(as<std::invalid_argument>(group->exceptions()[0]));
  static_cast<void>(as<remote_actor_error>(group->exceptions()[1]));
}

// S-NUR-14: what the body takes note of is no error of the nursery's.
TEST_F(actor_nursery_test, failed_call_of_a_daemon_is_an_error_only_where_it_is_seen) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto daemon = co_await start(an);
    static_cast<void>(co_await catch_as<remote_actor_error>([&] { return daemon.run<&kit::fail>("out_of_range", "as told"); }));
    EXPECT_EQ(3, co_await daemon.run<&kit::add>(1, 2));
    co_await daemon.cancel_actor();
  });
}

// S-NUR-23: however many nurseries it leaves, of actors or of tasks.
TEST_F(actor_nursery_test, error_comes_bare_out_of_nested_nurseries) {
  const auto nested = [](std::function<sc::task<>(actor_nursery&)> body) -> sc::task<> {
    co_await tractor::open_nursery([&](actor_nursery& outer) -> sc::task<> {
      co_await start(outer, "outer");
      co_await tractor::open_nursery([&](actor_nursery& middle) -> sc::task<> {
        co_await start(middle, "middle");
        co_await sc::open_nursery([&](sc::nursery& tasks) -> sc::task<> {
          tasks.start_soon([&] { return tractor::open_nursery(body); });
          co_await sc::sleep_forever();
        });
      });
    });
  };
  run_in_nursery([&](actor_nursery&) -> sc::task<> {
    static_cast<void>(co_await catch_as<std::invalid_argument>([&] {
      return nested([](actor_nursery&) -> sc::task<> {
        throw std::invalid_argument("of a body");
        co_return;
      });
    }));
    static_cast<void>(co_await catch_as<remote_actor_error>([&] {
      return nested([](actor_nursery& inner) -> sc::task<> {
        co_await inner.run_in_actor<&kit::fail>({}, "out_of_range", "as told");
        co_await sc::sleep_forever();
      });
    }));
  });
}

// S-SIG-3: an interrupt that the program throws itself is an error like any other, wherever it is thrown.
// Reference: cancel::test_cancel_single_subactor.
TEST_F(actor_nursery_test, thrown_interrupt_ends_all_and_is_raised_bare) {
  const auto throw_it = []() -> sc::task<> {
    throw tractor::keyboard_interrupt("thrown");
    co_return;
  };
  const std::vector<std::function<sc::task<>(const portal&)>> places{
      [&](const portal&) -> sc::task<> { co_await throw_it(); },
      [&](const portal&) -> sc::task<> {
        co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
          n.start_soon(throw_it);
          co_await sc::sleep_forever();
        });
      },
      [&](const portal& worker) -> sc::task<> {
        co_await worker.open_context<&kit::sleeper>({}, [&](auto&) -> sc::task<> { co_await throw_it(); });
      },
      [&](const portal& worker) -> sc::task<> {  // where the end of the context itself is absorbed
        co_await worker.open_context<&kit::sleeper>({}, [&](auto& ctx) -> sc::task<> {
          co_await ctx.cancel();
          co_await throw_it();
        });
      },
  };
  run_in_nursery([&](actor_nursery&) -> sc::task<> {
    for (const auto& place : places) {
      const auto interrupt = co_await catch_as<tractor::keyboard_interrupt>(
          [&] { return tractor::open_nursery([&](actor_nursery& an) -> sc::task<> { co_await place(co_await start(an)); }); });
      RT_REQUIRE(interrupt);
      EXPECT_EQ("thrown", interrupt->message());
    }
  });
}

// S-KIL-5: the daemon is asked to go before the cancel goes on.
// Reference: cancel::test_fast_graceful_cancel_when_spawn_task_in_soft_proc_wait_for_daemon.
TEST_F(actor_nursery_test, cancel_of_a_nursery_that_joins_ends_its_daemon_in_good_order) {
  const std::string file = left_behind().temporary_directory() + "/daemon";
  run([&]() -> sc::task<> {
    co_await tractor::open_root_actor([&]() -> sc::task<> {
      actor_nursery an(tractor::current_actor());
      sc::cancel_scope scope;
      co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
        n.start_soon([&]() -> sc::task<> {
          const bool complete = co_await scope.run([&] {
            return an.run([&](actor_nursery& inner) -> sc::task<> {
              auto daemon = co_await start(inner);
              co_await daemon.run<&kit::own_file>(file);
            });
          });
          EXPECT_FALSE(complete);
        });
        while (co_await kit::tasks_waiting_for("actor nursery exit") == 0) co_await sc::checkpoint();
        EXPECT_TRUE(std::filesystem::exists(file));

        scope.cancel("from outside");
      });
      EXPECT_TRUE(an.cancelled_caught());
    });
  });
  EXPECT_FALSE(std::filesystem::exists(file)) << "the actor was killed";
}

// S-NUR-19, S-NUR-21
// Reference: cancel::test_cancel_single_subactor.
TEST_F(actor_nursery_test, cancel_ends_all_and_the_body_goes_on) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto one = co_await start(an, "one");
    co_await start(an, "two");
    EXPECT_FALSE(an.cancel_called());
    co_await an.cancel();
    EXPECT_TRUE(an.cancel_called());
    co_await an.cancel();
    while (an.actor_count() != 0) co_await sc::checkpoint();
    EXPECT_TRUE(an.cancelled_caught());
    static_cast<void>(co_await catch_as<tractor::transport_closed>([&] { return one.run<&kit::nothing>(); }));

    auto later = co_await start(an, "later");
    EXPECT_EQ(3, co_await later.run<&kit::add>(1, 2));
    co_await later.cancel_actor();
  });
}

// S-NUR-20: by a signal, which comes before any request.
TEST_F(actor_nursery_test, hard_cancel_terminates_at_once) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    for (const bool hard : {true, false}) {
      auto worker = co_await start(an);
      std::exception_ptr ended;
      co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
        n.start_soon([&]() -> sc::task<> { ended = co_await caught([&] { return worker.run<&kit::forever>(); }); });
        while (co_await worker.run<&kit::running_calls>() != 2) continue;
        co_await an.cancel(hard);
      });
      EXPECT_THAT(text_of(ended), HasSubstr(hard ? "SIGTERM" : "by actor 'root'"));
      while (an.actor_count() != 0) co_await sc::checkpoint();
    }
  });
}

// S-KIL-3: an actor that boots while all are cancelled is cancelled as well.
TEST_F(actor_nursery_test, cancel_reaches_an_actor_that_is_still_booting) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      for (int i = 0; i < 5; ++i) n.start_soon([&]() -> sc::task<> { static_cast<void>(co_await start(an)); });
      while (an.actor_count() < 5) co_await sc::checkpoint();
      co_await an.cancel();
      EXPECT_TRUE(an.cancel_called());
    });
  });
}

// S-LZY-4, S-LZY-5: each of several tasks that start an actor waits for its own only.
TEST_F(actor_nursery_test, starts_by_several_tasks_overlap) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    constexpr std::size_t at_once = 5;
    std::size_t answered = 0;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      for (std::size_t i = 0; i < at_once; ++i)
        n.start_soon([&]() -> sc::task<> {
          const portal actor = co_await start(an);
          EXPECT_EQ(3, (co_await actor.run<&kit::add>(1, 2)));
          ++answered;
        });
      while (an.actor_count() < at_once) co_await sc::checkpoint();
      EXPECT_EQ(0u, answered) << "the last start began when one before it was over";
    });
    EXPECT_EQ(at_once, answered);
    co_await an.cancel();
  });
}

// A task outside the block starts an actor while the block fails: it is not forgotten.
TEST_F(actor_nursery_test, block_does_not_end_before_a_start_from_elsewhere) {
  run([]() -> sc::task<> {
    co_await tractor::open_root_actor([]() -> sc::task<> {
      std::optional<std::exception_ptr> outcome;
      co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
        outcome = co_await caught([&]() -> sc::task<> {
          co_await tractor::open_nursery([&](actor_nursery& an) -> sc::task<> {
            for (int i = 0; i < 5; ++i)
              n.start_soon([&]() -> sc::task<> { static_cast<void>(co_await caught([&] { return start(an, "from elsewhere"); })); });
            co_await sc::checkpoint();
            throw std::runtime_error("the body fails");
          });
        });
      });
      static_cast<void>(as<std::runtime_error>(*outcome));
    });
  });
}

// S-NUR-22
TEST_F(actor_nursery_test, group_below_is_one_error_above) {
  const auto error = outcome_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto one = co_await start(an, "one");
    auto two = co_await start(an, "two");
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { co_await one.run<&kit::fail>("group", "below"); });
      co_return;
    });
  });
  const auto* remote = as<remote_actor_error>(error);
  ASSERT_NE(nullptr, remote);
  EXPECT_EQ("ExceptionGroup", remote->boxed_type_str());
}

// S-NUR-25: a nursery that lives in an endpoint ends with it, and nobody finds what it had started.
// Reference: peer::test_peer_spawns_and_cancels_service_subactor.
TEST_F(actor_nursery_test, nursery_in_an_endpoint_ends_with_its_context) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto middle = co_await start(an, "middle");
    int below = 0;
    co_await middle.open_context<&kit::hold_below>({}, [&](auto& ctx, std::vector<int> pids) -> sc::task<> {
      below = pids.at(1);
      EXPECT_EQ(0, ::kill(below, 0));
      EXPECT_TRUE(co_await tractor::query_actor("held"));
      co_await ctx.cancel(hang_bound);
      EXPECT_TRUE(ctx.cancel_acked());
    });
    EXPECT_NE(0, ::kill(below, 0)) << "reaped when the cancel is acknowledged";
    EXPECT_FALSE(co_await tractor::query_actor("held"));
    co_await an.cancel();
  });
}

// A tree of many actors, one after another.
TEST_F(actor_nursery_test, many_actors_come_and_go) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    std::vector<portal> all;
    for (int i = 0; i < 100; ++i) {
      all.push_back(co_await start(an));
      EXPECT_EQ(i + 1, co_await all.back().run<&kit::add>(i, 1));
    }
    co_await an.cancel();
  });
}

}  // namespace
}  // namespace runtime_test
