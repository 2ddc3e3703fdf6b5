// SPDX-License-Identifier: Apache-2.0
//
// Contexts that go well, and those that are used wrong: the opening handshake, results, errors of either side.

#include "runtime_test.hpp"

namespace greeting {
namespace {

// Has a stream that it never opens; returns at once, or never.
tractor::sc::task<std::string> greet(tractor::context<int, int, int>& ctx, bool stay) {
  co_await ctx.started(11);
  if (stay) co_await tractor::sc::sleep_forever();
  co_return "yo";
}

}  // namespace
}  // namespace greeting

TRACTOR_MODULE(greeting) { mod.def<&greeting::greet>("greet", "stay"); }

namespace runtime_test {
namespace {

class context_test : public runtime_test {};

using tractor::context_cancelled;
using tractor::remote_actor_error;

// S-CTX-2, S-CTX-20
// Reference: ctx::test_simple_context.
TEST_F(context_test, opener_gets_the_first_value_and_the_result) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);

    const auto result = co_await worker.open_context<&kit::simple>({10}, [&](auto& ctx, int first) -> sc::task<> {
      EXPECT_EQ(11, first);
      EXPECT_EQ(worker.peer_uid(), ctx.peer());
      EXPECT_EQ(tractor::context_side::parent, ctx.side());
      EXPECT_EQ(36U, ctx.cid().size());
      EXPECT_FALSE(ctx.cancel_called());
      EXPECT_EQ(std::nullopt, ctx.canceller());
      co_return;
    });

    EXPECT_EQ("yo", result);
    co_await an.cancel();
  });
}

enum class way_out { end, error, interrupt };

sc::task<> leave(way_out how) {
  if (how == way_out::error) throw std::invalid_argument("of the body");
  if (how == way_out::interrupt) throw tractor::keyboard_interrupt("of the body");
  co_return;
}

// S-CTX-2, S-CTX-20, S-CTX-40, S-CTX-71, S-STR-7: the body decides, whether or not the endpoint would go on, and whether or not a stream
// is open that the endpoint knows nothing of. No remote task is left in any case.
// Reference: ctx::test_simple_context.
TEST_F(context_test, block_ends_as_its_body_does) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await an.start_actor("worker", {.enable_modules = {"kit", "greeting"}});
    for (const way_out how : {way_out::end, way_out::error, way_out::interrupt})
      for (const bool stay : {false, true})
        for (const bool with_stream : {false, true}) {
          std::optional<std::string> result;
          const auto ended = co_await caught([&]() -> sc::task<> {
            result = co_await worker.open_context<&greeting::greet>({stay}, [&](auto& ctx, int first) -> sc::task<> {
              EXPECT_EQ(11, first);
              const auto go = [&]() -> sc::task<> {
                co_await leave(how);
                if (stay) co_await ctx.cancel();
              };
              if (with_stream)
                co_await ctx.open_stream([&](auto&) { return go(); });
              else
                co_await go();
            });
          });

          switch (how) {
            case way_out::end:
              EXPECT_EQ(nullptr, ended) << text_of(ended);
              EXPECT_EQ(stay ? std::nullopt : std::optional<std::string>("yo"), result);
              break;
            case way_out::error: static_cast<void>(as<std::invalid_argument>(ended)); break;
            case way_out::interrupt: static_cast<void>(as<tractor::keyboard_interrupt>(ended)); break;
          }
          EXPECT_EQ(1U, co_await worker.run<&kit::running_calls>());
        }
    co_await an.cancel();
  });
}

// S-CTX-20, S-CTX-23: the result is there before the block ends, as often as it is asked for.
TEST_F(context_test, result_can_be_awaited_inside_the_block) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const int from_body = co_await worker.open_context<&kit::simple>({1}, [](auto& ctx, int) -> sc::task<int> {
      EXPECT_EQ("yo", co_await ctx.wait_for_result());
      EXPECT_EQ("yo", co_await ctx.wait_for_result());
      EXPECT_EQ(nullptr, ctx.maybe_error());
      EXPECT_TRUE(ctx.has_outcome());
      EXPECT_EQ("yo", ctx.outcome().value());
      ctx.maybe_raise();
      co_return 5;
    });
    EXPECT_EQ(5, from_body);
    co_await an.cancel();
  });
}

// S-CTX-30: what came while only the result was wanted is gone, and a stream that began behind it would not say so.
TEST_F(context_test, stream_cannot_be_opened_behind_messages_that_were_discarded) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    co_await worker.open_context<&kit::send_numbers>({3}, [](auto& ctx) -> sc::task<> {
      EXPECT_EQ(3, co_await ctx.wait_for_result());
      const auto error = co_await catch_as<tractor::usage_error>([&] { return ctx.open_stream([](auto&) -> sc::task<> { co_return; }); });
      RT_REQUIRE(error);
      EXPECT_THAT(error->what(), HasSubstr("discarded"));
    });
    co_await an.cancel();
  });
}

// S-CTX-23: unresolved while the remote task runs; then its error, the very object that is raised, absorbed or not.
// Reference: ctx::test_parent_cancels.
TEST_F(context_test, outcome_is_unresolved_then_the_error) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    co_await worker.open_context<&kit::counted_sleeper>({}, [](auto& ctx) -> sc::task<> {
      EXPECT_FALSE(ctx.has_outcome());
      EXPECT_EQ(std::nullopt, ctx.outcome());
      co_await ctx.cancel();
      std::exception_ptr raised;
      try {
        co_await ctx.wait_for_result();
      } catch (const context_cancelled&) {
        raised = std::current_exception();
      }
      RT_REQUIRE(raised);
      EXPECT_TRUE(ctx.has_outcome());
      const auto outcome = ctx.outcome();
      RT_REQUIRE(outcome && !outcome->has_value());
      EXPECT_EQ(raised, outcome->error());
    });
    co_await an.cancel();
  });
}

// S-CTX-20, S-CTX-21: no block is left before the remote task has ended.
// Reference: ctx::test_parent_exits_ctx_after_child_enters_stream.
TEST_F(context_test, block_waits_for_a_task_that_goes_on) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    bool left = false;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      sc::event entered;
      n.start_soon([&]() -> sc::task<> {
        co_await worker.open_context<&kit::counted_sleeper>({}, [&](auto&) -> sc::task<> {
          entered.set();
          co_return;
        });
        left = true;
      });
      co_await entered.wait();
      co_await sc::sleep(20ms);  // in which it would leave, and must not
      EXPECT_FALSE(left);
      n.cancel("enough");
    });
    EXPECT_FALSE(left);
    EXPECT_EQ(1, co_await worker.run<&kit::count_cancelled>());
    co_await an.cancel();
  });
}

// S-CTX-5
TEST_F(context_test, error_before_started_is_raised_where_the_block_is_entered) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    bool entered = false;
    const auto error = co_await catch_as<remote_actor_error>([&] {
      return worker.open_context<&kit::fail_before_started>({}, [&](auto&, int) -> sc::task<> {
        entered = true;
        co_return;
      });
    });
    RT_REQUIRE(error);
    EXPECT_EQ("ValueError", error->boxed_type_str());
    EXPECT_FALSE(entered);
    co_await an.cancel();
  });
}

// S-CTX-8, S-COD-20
TEST_F(context_test, endpoint_that_never_calls_started_is_an_error) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto error = co_await catch_as<tractor::messaging_error>(
        [&] { return worker.open_context<&kit::never_started>({}, [](auto&, int) -> sc::task<> { co_return; }); });
    RT_REQUIRE(error);
    EXPECT_THAT(error->what(), HasSubstr("'never_started' in actor 'worker' returned without calling started()"));
    co_await an.cancel();
  });
}

// S-CTX-9, S-CTX-70
// Reference: ctx::test_started_misuse.
TEST_F(context_test, started_twice_is_an_error_of_the_endpoint) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto error = co_await catch_as<remote_actor_error>(
        [&] { return worker.open_context<&kit::started_twice>({}, [](auto&, int) -> sc::task<> { co_await sc::sleep_forever(); }); });
    RT_REQUIRE(error);
    EXPECT_EQ("RuntimeError", error->boxed_type_str());
    EXPECT_THAT(error->what(), HasSubstr("started() was called twice"));
    co_await an.cancel();
  });
}

// S-STR-1
// Reference: ctx::test_started_misuse.
TEST_F(context_test, stream_before_started_is_an_error_of_the_endpoint) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto error = co_await catch_as<remote_actor_error>(
        [&] { return worker.open_context<&kit::stream_before_started>({}, [](auto&, int) -> sc::task<> { co_return; }); });
    RT_REQUIRE(error);
    EXPECT_EQ("RuntimeError", error->boxed_type_str());
    EXPECT_THAT(error->what(), HasSubstr("open_stream() before started()"));
    co_await an.cancel();
  });
}

// S-CTX-10, S-COD-4
TEST_F(context_test, started_value_without_a_form_can_be_tried_again) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto complaint = co_await worker.open_context<&kit::bad_started_then_good>({}, [](auto&, const std::string& first) -> sc::task<> {
      EXPECT_EQ("good", first);
      co_return;
    });
    RT_REQUIRE(complaint);
    EXPECT_THAT(*complaint, HasSubstr("not UTF-8"));
    co_await an.cancel();
  });
}

// S-CTX-24, S-CTX-63, S-CTX-70
TEST_F(context_test, error_after_started_interrupts_the_body) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    bool interrupted = false;
    std::exception_ptr seen;
    const auto error = co_await catch_as<remote_actor_error>([&] {
      return worker.open_context<&kit::fail_when_told>({"out_of_range"}, [&](auto& ctx) -> sc::task<> {
        co_await ctx.open_stream([](auto& stream) -> sc::task<> { co_await stream.send(1); });
        try {
          co_await sc::sleep_forever();
        } catch (const sc::cancelled&) {
          interrupted = true;
          seen = ctx.maybe_error();
          throw;
        }
      });
    });
    RT_REQUIRE(error);
    EXPECT_TRUE(interrupted);
    EXPECT_EQ("IndexError", error->boxed_type_str());
    EXPECT_EQ(error.owner, seen) << "an error is unpacked once";
    EXPECT_EQ(3, co_await worker.run<&kit::add>(1, 2));
    co_await an.cancel();
  });
}

// S-CTX-71, S-CTX-73: the endpoint sees a cancel, and nobody else sees anything.
TEST_F(context_test, error_of_the_body_cancels_the_remote_task_and_goes_on) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    static_cast<void>(co_await catch_as<std::invalid_argument>([&] {
      return worker.open_context<&kit::counted_sleeper>({}, [](auto&) -> sc::task<> {
        throw std::invalid_argument("of the body");
        co_return;
      });
    }));
    EXPECT_EQ(1, co_await worker.run<&kit::count_cancelled>());
    EXPECT_EQ(1U, co_await worker.run<&kit::running_calls>());
    co_await an.cancel();
  });
}

// S-CTX-71, S-NUR-12
TEST_F(context_test, cancel_of_the_block_cancels_the_remote_task) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const bool in_time = co_await sc::move_on_after(1ms, [&]() -> sc::task<> {
      co_await worker.open_context<&kit::counted_sleeper>({}, [](auto&) -> sc::task<> { co_await sc::sleep_forever(); });
    });
    EXPECT_FALSE(in_time);
    EXPECT_EQ(1U, co_await worker.run<&kit::running_calls>());
    co_await an.cancel();
  });
}

// S-CTX-72
TEST_F(context_test, when_both_sides_fail_the_local_error_is_raised_and_the_remote_one_kept) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    std::exception_ptr kept;
    static_cast<void>(co_await catch_as<std::invalid_argument>([&] {
      return worker.open_context<&kit::fail_when_told>({"out_of_range"}, [&](auto& ctx) -> sc::task<> {
        co_await ctx.open_stream([](auto& stream) -> sc::task<> { co_await stream.send(1); });
        bool cut = false;
        try {
          co_await sc::sleep_forever();
        } catch (const sc::cancelled&) {
          cut = true;
        }
        kept = ctx.maybe_error();
        if (cut) throw std::invalid_argument("mine");
      });
    }));
    const auto* remote = as<remote_actor_error>(kept);
    RT_REQUIRE(remote != nullptr);
    EXPECT_EQ("IndexError", remote->boxed_type_str());
    co_await an.cancel();
  });
}

// S-CTX-74, S-POR-24
TEST_F(context_test, contexts_of_one_channel_do_not_touch_one_another) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    co_await worker.open_context<&kit::echo_stream>({}, [&](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
        co_await stream.send(1);
        static_cast<void>(co_await catch_as<remote_actor_error>([&] {
          return worker.open_context<&kit::fail_when_told>({"custom"}, [](auto& inner) -> sc::task<> {
            co_await inner.open_stream([](auto& told) -> sc::task<> { co_await told.send(1); });
          });
        }));
        static_cast<void>(co_await catch_as<context_cancelled>(
            [&] { return worker.open_context<&kit::cancels_itself>({false}, [](auto&) -> sc::task<> { co_await sc::sleep_forever(); }); }));
        EXPECT_EQ(1, co_await stream.receive());
        co_await stream.send(2);
        EXPECT_EQ(2, co_await stream.receive());
      });
    });
    co_await an.cancel();
  });
}

// The end of an actor that was asked for by other means than this dialog, while one waits.
// S-OOB-3, S-NUR-18
TEST_F(context_test, death_of_the_process_ends_the_dialog_with_its_certificate) {
  RT_NEEDS_A_CHILD("who is no parent has no certificate");
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto error = co_await catch_as<tractor::actor_died>(
        [&] { return worker.open_context<&kit::die_in_context>({"kill"}, [](auto&) -> sc::task<> { co_await sc::sleep_forever(); }); });
    RT_REQUIRE(error);
    EXPECT_EQ(worker.peer_uid(), error->who());
    EXPECT_EQ(SIGKILL, error->certificate().signal);
    while (an.actor_count() != 0) co_await sc::checkpoint();
  });
}

// S-CTX-32: nobody waited when the peer died, and the body ends in good order all the same.
TEST_F(context_test, death_during_a_body_that_ends_well_is_raised_by_the_block) {
  RT_NEEDS_A_CHILD("who is no parent has no certificate");
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    bool ended = false;
    const auto error = co_await catch_as<tractor::actor_died>([&] {
      return worker.open_context<&kit::never_opens>({}, [&](auto&) -> sc::task<> {
        RT_REQUIRE(worker.pid());
        ::kill(static_cast<pid_t>(*worker.pid()), SIGKILL);
        co_await sc::shielded([&]() -> sc::task<> {
          while (!worker.kernel_peer()->lost()) co_await sc::sleep(1ms);
        });
        ended = true;
      });
    });
    RT_REQUIRE(error);
    EXPECT_TRUE(ended);
    EXPECT_EQ(SIGKILL, error->certificate().signal);
    while (an.actor_count() != 0) co_await sc::checkpoint();
  });
}

// S-CTX-4
// Reference: ctx::test_ctx_with_self_actor.
TEST_F(context_test, opened_into_ones_own_actor_is_refused) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    tractor::actor& self = tractor::current_actor();
    const auto here = tractor::detail::listen_for(self, tractor::ipc::tcp_address{"127.0.0.1", 0}, {});
    co_await tractor::open_portal(here, [&](portal& own) -> sc::task<> {
      EXPECT_EQ(self.uid(), own.peer_uid());
      EXPECT_EQ(self.name(), own.name());
      const auto error = co_await catch_as<tractor::runtime_failure>(
          [&] { return own.open_context<&kit::simple>({1}, [](auto&, int) -> sc::task<> { co_return; }); });
      RT_REQUIRE(error);
      EXPECT_THAT(error->what(), HasSubstr("Invalid Operation"));
      EXPECT_THAT(error->what(), HasSubstr("cannot open a context into itself"));
    });
    co_await an.cancel();
  });
}

// S-CTX-26, S-STR-14: what a context and its stream tell of themselves.
// Reference: ctx::test_parent_exits_ctx_after_child_enters_stream.
TEST_F(context_test, tells_what_it_is) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    co_await worker.open_context<&kit::tell_about_context>({}, [&](auto& ctx, std::string theirs) -> sc::task<> {
      EXPECT_EQ(ctx.cid() + " child of " + tractor::current_actor().name(), theirs);
      EXPECT_EQ(tractor::context_side::parent, ctx.side());
      EXPECT_EQ(worker.peer_uid(), ctx.peer());
      EXPECT_FALSE(ctx.cancel_called() || ctx.cancel_acked() || ctx.canceller() || ctx.maybe_error() || ctx.has_outcome());
      EXPECT_NO_THROW(ctx.maybe_raise());
      co_await ctx.open_stream([](auto& stream) -> sc::task<> {
        EXPECT_FALSE(stream.closed());
        EXPECT_EQ(0U, stream.dropped());
        co_await stream.aclose();
        EXPECT_TRUE(stream.closed());
      });
      co_await ctx.cancel();
      EXPECT_TRUE(ctx.cancel_called() && ctx.cancel_acked() && ctx.has_outcome());
      EXPECT_EQ(tractor::current_actor().uid(), ctx.canceller());
      EXPECT_NO_THROW(ctx.maybe_raise()) << "the acknowledgement of our own cancel";
    });
    co_await an.cancel();
  });
}

// A portal that is kept longer than all it belongs to tells so, whatever it is asked for.
TEST_F(context_test, portal_kept_beyond_its_root_is_closed) {
  run([]() -> sc::task<> {
    std::optional<portal> kept;
    co_await tractor::open_nursery([&](actor_nursery& an) -> sc::task<> {
      kept = co_await start(an);
      co_await an.cancel();
    });

    static_cast<void>(co_await catch_as<tractor::transport_closed>(
        [&] { return kept->open_context<&kit::simple>({1}, [](auto&, int) -> sc::task<> { co_return; }); }));
    static_cast<void>(co_await catch_as<tractor::transport_closed>([&] { return kept->run<&kit::add>(1, 2); }));
    EXPECT_FALSE(co_await kept->cancel_actor());
  });
}

}  // namespace
}  // namespace runtime_test
