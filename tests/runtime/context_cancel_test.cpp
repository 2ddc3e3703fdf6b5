// SPDX-License-Identifier: Apache-2.0
//
// Cancelling contexts: by the opener, by the endpoint itself, by a third actor; what each side then sees.

#include <cstdlib>

#include "runtime_test.hpp"
#include "tractor/runtime/server.hpp"
#include "tractor/sc/finally.hpp"
#include "tractor/sc/lock.hpp"

namespace cleanup {
namespace {

namespace sc = tractor::sc;
template <class First>
using context = tractor::context<First, void, void>;

// Fails before it has started, and cancels another context on the way out: one into an actor of its own.
sc::task<> cancels_another(context<std::string>& ctx, bool unsendable) {
  co_await tractor::open_nursery([&](tractor::actor_nursery& an) -> sc::task<> {
    auto other = co_await an.start_actor("other", {.enable_modules = {"kit"}});
    co_await other.open_context<&kit::sleeper>({}, [&](auto& theirs) -> sc::task<> {
      co_await sc::finally(
          [&]() -> sc::task<> {
            if (unsendable) co_await ctx.started("\xff");
            throw tractor::type_error("the first error");
          },
          [&]() -> sc::task<> { co_await theirs.cancel(); });
    });
  });
}

}  // namespace
}  // namespace cleanup

TRACTOR_MODULE(cleanup) { mod.def<&cleanup::cancels_another>("cancels_another", "unsendable"); }

namespace locking {
namespace {

namespace sc = tractor::sc;

sc::lock& only_one() {
  static sc::lock lock;
  return lock;
}
// Holds it until cancelled; says that it has started before it has the lock, or after.
sc::task<> hold(tractor::context<>& ctx, bool say_before) {
  if (say_before) co_await ctx.started();
  const auto held = co_await only_one().hold();
  if (!say_before) co_await ctx.started();
  co_await sc::sleep_forever();
}
sc::task<std::size_t> waiting() { co_return only_one().waiting(); }

}  // namespace
}  // namespace locking

TRACTOR_MODULE(locking) {
  mod.def<&locking::hold>("hold", "say_before");
  mod.def<&locking::waiting>("waiting");
}

namespace runtime_test {
namespace {

class context_cancel_test : public runtime_test {};

tractor::ipc::uds_address socket_file() { return {.dir = std::getenv("TMPDIR"), .file = "target.sock"}; }

using tractor::context_cancelled;
using tractor::remote_actor_error;

// S-CTX-40, S-CTX-41, S-CTX-60, S-CTX-64, S-CTX-49
// Reference: ctx::test_parent_cancels.
TEST_F(context_cancel_test, cancel_by_the_opener_is_acknowledged_and_absorbed) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    bool went_on = false;
    co_await worker.open_context<&kit::counted_sleeper>({}, [&](auto& ctx) -> sc::task<> {
      co_await ctx.cancel(hang_bound);
      EXPECT_TRUE(ctx.cancel_called());
      EXPECT_TRUE(ctx.cancel_acked());
      EXPECT_EQ(tractor::current_actor().uid(), ctx.canceller());
      EXPECT_EQ(nullptr, ctx.maybe_error());
      co_await sc::checkpoint();  // the body is not cancelled
      went_on = true;
      co_await ctx.cancel();
    });
    EXPECT_TRUE(went_on);
    EXPECT_EQ(1, co_await worker.run<&kit::count_cancelled>());
    co_await an.cancel();
  });
}

// S-CTX-60: a block with a result says that there is none. S-CTX-43: nor has one whose endpoint drops the cancel.
// Reference: ctx::test_parent_cancels, remx::test_unmasked_remote_exc.
TEST_F(context_cancel_test, cancelled_context_has_no_result) {
  RT_NEEDS_PROCESSES("an endpoint drops its cancel, which is no error in a process of its own");
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto result = co_await worker.open_context<&kit::own_uid>({}, [](auto&, int) -> sc::task<> { co_return; });
    EXPECT_EQ(worker.peer_uid(), result);
    const auto swallowed =
        co_await worker.open_context<&kit::swallows_the_cancel>({}, [](auto& ctx) -> sc::task<> { co_await ctx.cancel(); });
    EXPECT_EQ(std::nullopt, swallowed) << "who drops the cancel is cancelled all the same";
    static_cast<void>(co_await worker.open_context<&kit::swallows_the_cancel>({}, [](auto& ctx) -> sc::task<> {
      co_await ctx.cancel(hang_bound);
      const auto error = co_await catch_as<context_cancelled>([&] { return ctx.wait_for_result(); });
      RT_REQUIRE(error);
      EXPECT_EQ(tractor::current_actor().uid(), error->canceller());
    }));
    co_await an.cancel();
  });
}

// S-CTX-45
// Reference: ctx::test_parent_cancels.
TEST_F(context_cancel_test, cancel_after_the_end_keeps_the_result) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto result = co_await worker.open_context<&kit::simple>({1}, [](auto& ctx, int) -> sc::task<> {
      EXPECT_EQ("yo", co_await ctx.wait_for_result());
      co_await ctx.cancel();
      EXPECT_FALSE(ctx.cancel_acked());
      // Asking again and again keeps nobody from anything.
      EXPECT_FALSE(co_await sc::move_on_after(1ms, [&]() -> sc::task<> {
        for (;;) co_await ctx.cancel();
      }));
    });
    EXPECT_EQ("yo", result);
    co_await an.cancel();
  });
}

// S-CTX-47, S-CTX-49: however many tasks ask, the connection and the actor are as good as before.
TEST_F(context_cancel_test, context_is_cancelled_by_many_tasks_at_once) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    co_await worker.open_context<&kit::slow_to_end>({50}, [&](auto& ctx) -> sc::task<> {
      co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
        for (int i = 0; i < 200; ++i) n.start_soon([&]() -> sc::task<> { co_await ctx.cancel(); });
        co_return;
      });
    });
    EXPECT_EQ(3, co_await worker.run<&kit::add>(1, 2));
    co_await an.cancel();
  });
}

// S-CTX-45, S-CTX-53: nor is there anything to raise of an actor that is cancelled when its task has ended.
// Reference: ctx::test_parent_cancels.
TEST_F(context_cancel_test, cancel_of_the_actor_after_the_end_keeps_the_result) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    for (const bool awaited : {true, false}) {
      auto worker = co_await start(an);
      const auto result = co_await worker.open_context<&kit::simple>({1}, [&](auto& ctx, int) -> sc::task<> {
        if (awaited) EXPECT_EQ("yo", co_await ctx.wait_for_result());
        while (co_await worker.run<&kit::running_calls>() != 1) continue;
        EXPECT_TRUE(co_await worker.cancel_actor({.timeout = hang_bound}));
        EXPECT_FALSE(ctx.cancel_called());
        EXPECT_EQ(nullptr, ctx.maybe_error());
        EXPECT_EQ("yo", ctx.outcome().value());
      });
      EXPECT_EQ("yo", result);
    }
  });
}

// S-CTX-40: returns when its time is over; the acknowledgement comes all the same.
TEST_F(context_cancel_test, cancel_does_not_wait_for_ever_but_the_block_does) {
  const permission allowed(left_behind());
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    bool acked_at_once = true;
    co_await worker.open_context<&kit::end_when_allowed>({allowed.path()}, [&](auto& ctx) -> sc::task<> {
      co_await ctx.cancel(1ms);
      acked_at_once = ctx.cancel_acked();
      allowed.give();
    });
    EXPECT_FALSE(acked_at_once);
    EXPECT_EQ(1U, co_await worker.run<&kit::running_calls>());
    co_await an.cancel();
  });
}

// S-CTX-48: an acknowledgement that comes late finds the opener asleep, and wakes it.
// Reference: oob::test_cancel_ctx_with_parent_side_entered_in_bg_task.
TEST_F(context_cancel_test, late_acknowledgement_wakes_an_opener_that_sleeps) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    co_await worker.open_context<&kit::slow_to_end>({50}, [&](auto& ctx) -> sc::task<> {
      co_await ctx.cancel(1ms);
      co_await sc::sleep_forever();
    });
    co_await an.cancel();
  });
}

// S-RPC-8: a task that is slow to end does not hold up the others.
TEST_F(context_cancel_test, slow_end_of_one_task_does_not_block_the_channel) {
  const permission allowed(left_behind());
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    bool answered = false;
    co_await worker.open_context<&kit::end_when_allowed>({allowed.path()}, [&](auto& ctx) -> sc::task<> {
      co_await ctx.cancel(1ms);
      EXPECT_EQ(3, co_await worker.run<&kit::add>(1, 2));
      EXPECT_FALSE(ctx.cancel_acked());
      answered = true;
      allowed.give();
    });
    EXPECT_TRUE(answered);
    co_await an.cancel();
  });
}

// S-CTX-47, S-CTX-48
// Reference: oob::test_cancel_ctx_with_parent_side_entered_in_bg_task.
TEST_F(context_cancel_test, cancel_from_another_task_wakes_the_opener) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    bool slept_on = false;
    co_await worker.open_context<&kit::sleeper>({}, [&](auto& ctx) -> sc::task<> {
      co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
        n.start_soon([&]() -> sc::task<> { co_await ctx.cancel(); });
        co_await sc::sleep_forever();
        slept_on = true;
      });
    });
    EXPECT_FALSE(slept_on);
    co_await an.cancel();
  });
}

// S-CTX-47: however many tasks wait in the stream, it is one error, and it is absorbed.
// Reference: ctx::test_parent_exits_ctx_after_child_enters_stream, ctx::test_multitask_parent_cancels_from_nonroot_task.
TEST_F(context_cancel_test, cancel_reaches_all_tasks_that_receive) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    co_await worker.open_context<&kit::echo_stream>({}, [&](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
        co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
          for (int i = 0; i < 3; ++i) n.start_soon([&]() -> sc::task<> { static_cast<void>(co_await stream.receive()); });
          co_await sc::checkpoint();
          co_await ctx.cancel();
        });
      });
    });
    EXPECT_EQ(3, co_await worker.run<&kit::add>(1, 2));
    co_await an.cancel();
  });
}

// S-CTX-46
// Reference: ctx::test_parent_exits_ctx_after_child_enters_stream.
TEST_F(context_cancel_test, stream_cannot_be_opened_after_cancel) {
  const permission allowed(left_behind());
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    co_await worker.open_context<&kit::echo_stream>({}, [&](auto& ctx) -> sc::task<> {
      co_await ctx.cancel(hang_bound);
      const auto error = co_await catch_as<context_cancelled>([&] { return ctx.open_stream([](auto&) -> sc::task<> { co_return; }); });
      RT_REQUIRE(error);
      EXPECT_EQ(tractor::current_actor().uid(), error->canceller());
      co_await ctx.open_stream([](auto&) -> sc::task<> { co_return; });  // lets it through: the block absorbs it
      ADD_FAILURE() << "opened";
    });
    co_await worker.open_context<&kit::end_when_allowed>({allowed.path()}, [&](auto& ctx) -> sc::task<> {
      co_await ctx.cancel(0ms);
      static_cast<void>(co_await catch_as<tractor::usage_error>([&] { return ctx.open_stream([](auto&) -> sc::task<> { co_return; }); }));
      allowed.give();
    });
    co_await an.cancel();
  });
}

// S-CTX-43
// Reference: remx::test_unmasked_remote_exc.
TEST_F(context_cancel_test, error_of_a_cancelled_endpoint_is_raised) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto error = co_await catch_as<remote_actor_error>([&] {
      return worker.open_context<&kit::fails_when_cancelled>({"runtime_error"}, [](auto& ctx) -> sc::task<> {
        co_await ctx.cancel();
        EXPECT_FALSE(ctx.cancel_acked());
      });
    });
    RT_REQUIRE(error);
    EXPECT_EQ("RuntimeError", error->boxed_type_str());
    EXPECT_THAT(error->what(), HasSubstr("in cleanup"));
    co_await an.cancel();
  });
}

// S-CTX-44: a cancel that comes while the endpoint cleans up after an error does not hide that.
// Reference: remx::test_unmasked_remote_exc.
TEST_F(context_cancel_test, error_is_not_masked_by_a_cancel_in_its_cleanup) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto error = co_await catch_as<remote_actor_error>(
        [&] { return worker.open_context<&kit::error_then_cancelled_in_cleanup>({}, [](auto& ctx) { return ctx.cancel(); }); });
    RT_REQUIRE(error);
    EXPECT_EQ("RuntimeError", error->boxed_type_str());
    EXPECT_THAT(error->what(), HasSubstr("the original error"));
    co_await an.cancel();
  });
}

// S-CTX-11
// Reference: peer::test_do_not_swallow_error_before_started_by_remote_contextcancelled.
TEST_F(context_cancel_test, error_before_started_is_not_masked_by_the_cancel_of_another_context) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await an.start_actor("worker", {.enable_modules = {"cleanup"}});
    for (const bool unsendable : {false, true}) {
      const auto error = co_await catch_as<remote_actor_error>([&] {
        return worker.open_context<&cleanup::cancels_another>({unsendable}, [](auto&, const std::string&) -> sc::task<> {
          ADD_FAILURE() << "entered";
          co_return;
        });
      });
      RT_REQUIRE(error);
      EXPECT_EQ(unsendable ? "MsgTypeError" : "TypeError", error->boxed_type_str());
      EXPECT_THAT(error->what(), HasSubstr(unsendable ? "not UTF-8" : "the first error"));
      EXPECT_EQ(worker.peer_uid(), error->src_uid());
    }
    co_await an.cancel();
  });
}

// S-CTX-75: the error is there when the opener, on its way out, cancels.
// Reference: peer::test_do_not_swallow_error_before_started_by_remote_contextcancelled.
TEST_F(context_cancel_test, cancel_by_the_opener_does_not_hide_an_error_that_came_before) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    bool called = false;
    const auto error = co_await catch_as<remote_actor_error>([&] {
      return worker.open_context<&kit::fail_when_told>({"out_of_range"}, [&](auto& ctx) -> sc::task<> {
        co_await sc::finally(
            [&]() -> sc::task<> {
              co_await ctx.open_stream([](auto& stream) -> sc::task<> { co_await stream.send(1); });
              co_await sc::sleep_forever();
            },
            [&]() -> sc::task<> {
              co_await ctx.cancel();
              called = true;
              EXPECT_FALSE(ctx.cancel_acked());
            });
      });
    });
    EXPECT_TRUE(called);
    RT_REQUIRE(error);
    EXPECT_EQ("IndexError", error->boxed_type_str());
    co_await an.cancel();
  });
}

// S-CTX-50, S-CTX-42, S-CTX-5
// Reference: ctx::test_child_cancels_before_started.
TEST_F(context_cancel_test, endpoint_that_cancels_itself_is_named) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    for (const bool before_started : {true, false}) {
      std::optional<tractor::uid> canceller;
      const auto error = co_await catch_as<context_cancelled>([&] {
        return worker.open_context<&kit::cancels_itself>({before_started}, [&](auto& ctx) -> sc::task<> {
          EXPECT_FALSE(before_started) << "entered";
          try {
            co_await sc::sleep_forever();
          } catch (const sc::cancelled&) {
            EXPECT_FALSE(ctx.cancel_called());
            EXPECT_FALSE(ctx.cancel_acked());
            canceller = ctx.canceller();
            throw;
          }
        });
      });
      RT_REQUIRE(error);
      EXPECT_EQ(worker.peer_uid(), error->canceller());
      if (!before_started) EXPECT_EQ(worker.peer_uid(), canceller);
      EXPECT_THAT(error->what(), HasSubstr("was cancelled by itself"));
    }
    // It is cancelled from that moment on, whether it notices or not.
    static_cast<void>(co_await catch_as<context_cancelled>(
        [&] { return worker.open_context<&kit::cancels_itself_and_returns>({}, [](auto&) -> sc::task<> { co_return; }); }));
    co_await an.cancel();
  });
}

// S-CTX-53, S-POR-21: not this context's cancel(), so it is raised, though it was us.
// Reference: ctx::test_parent_cancels, oob::test_cancel_ctx_with_parent_side_entered_in_bg_task.
TEST_F(context_cancel_test, cancel_of_the_actor_by_its_owner_is_raised) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto error = co_await catch_as<context_cancelled>([&] {
      return worker.open_context<&kit::sleeper>({}, [&](auto& ctx) -> sc::task<> {
        EXPECT_TRUE(co_await worker.cancel_actor({.timeout = hang_bound}));
        EXPECT_FALSE(ctx.cancel_called());
        EXPECT_FALSE(ctx.cancel_acked());
        EXPECT_EQ(tractor::current_actor().uid(), ctx.canceller());
        co_await sc::sleep_forever();
      });
    });
    RT_REQUIRE(error);
    EXPECT_EQ(tractor::current_actor().uid(), error->canceller());
  });
}

// S-CTX-63, S-CTX-75: the error is there, and a cancel from outside comes while the body cleans up.
TEST_F(context_cancel_test, error_that_has_come_is_not_lost_to_a_cancel_from_outside) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    sc::cancel_scope outside;
    const auto fail_it = [&](auto& stream) -> sc::task<> {
      co_await stream.send(1);
      co_await sc::sleep_forever();
    };
    const auto body = [&](auto& ctx) -> sc::task<> {
      co_await sc::finally([&] { return ctx.open_stream(fail_it); },
                           [&]() -> sc::task<> {
                             EXPECT_TRUE(ctx.maybe_error()) << "that is why the body has ended";
                             outside.cancel("from outside");
                             co_return;
                           });
    };
    const auto error = co_await catch_as<remote_actor_error>(
        [&]() -> sc::task<> { co_await outside.run([&] { return worker.open_context<&kit::fail_when_told>({"runtime_error"}, body); }); });
    RT_REQUIRE(error);
    EXPECT_THAT(error->what(), HasSubstr("as told"));
    co_await an.cancel();
  });
}

// S-CTX-51, S-CTX-52, S-CTX-61, S-ERR-6, S-NUR-2: three actors. One cancels another; whoever talks to that one hears of it, by name.
// Reference: peer::test_peer_canceller.
TEST_F(context_cancel_test, cancel_by_a_third_actor_names_it) {
  const auto error = outcome_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto target = co_await an.start_actor("target", {.enable_modules = {"kit"}, .bind_addrs = {socket_file()}});
    auto canceller = co_await start(an, "canceller");
    std::optional<tractor::uid> relayed_by;
    const auto cancelled = co_await catch_as<context_cancelled>([&] {
      return target.open_context<&kit::echo_stream>({}, [&](auto& ctx) -> sc::task<> {
        co_await sc::finally(
            [&]() -> sc::task<> {
              co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
                co_await stream.send(1);
                EXPECT_EQ(1, co_await stream.receive());
                co_await canceller.run<&kit::cancel_actor_at>(socket_file().dir, socket_file().file);
                static_cast<void>(co_await stream.receive());
                ADD_FAILURE() << "received";
              });
            },
            [&]() -> sc::task<> {
              relayed_by = ctx.canceller();
              EXPECT_FALSE(ctx.cancel_called());
              EXPECT_FALSE(ctx.cancel_acked());
              co_return;
            });
      });
    });
    RT_REQUIRE(cancelled);
    EXPECT_EQ(canceller.peer_uid(), cancelled->canceller());
    EXPECT_EQ(target.peer_uid(), relayed_by);
    EXPECT_EQ(target.peer_uid(), cancelled->src_uid());
    EXPECT_EQ("ContextCancelled", cancelled->boxed_type_str());
    while (an.actor_count() > 1) co_await sc::checkpoint();
    co_await an.cancel();
  });
  EXPECT_EQ(nullptr, error) << text_of(error);
}

// S-CTX-54: what the handling of such a cancel throws goes on instead of it, and the tasks of the blocks on its way are cancelled.
// Reference: peer::test_peer_canceller.
TEST_F(context_cancel_test, error_thrown_on_a_foreign_cancel_goes_on_and_ends_the_outer_task) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto outer = co_await start(an, "outer");
    auto canceller = co_await start(an, "canceller");
    auto target = co_await an.start_actor("target", {.enable_modules = {"kit"}, .bind_addrs = {socket_file()}});
    std::exception_ptr handled;
    const auto error = co_await catch_as<std::domain_error>([&] {
      return outer.open_context<&kit::counted_sleeper>({}, [&](auto&) -> sc::task<> {
        co_await target.open_context<&kit::sleeper>({}, [&](auto& ctx) -> sc::task<> {
          bool cut = false;
          try {
            co_await canceller.run<&kit::cancel_actor_at>(socket_file().dir, socket_file().file);
            co_await sc::sleep_forever();
          } catch (const sc::cancelled&) {
            cut = true;
          }
          handled = ctx.maybe_error();
          EXPECT_FALSE(ctx.cancel_called());
          EXPECT_FALSE(ctx.cancel_acked());
          if (cut) throw std::domain_error("of the handling");
        });
      });
    });
    EXPECT_TRUE(error);
    const auto* cancelled = as<context_cancelled>(handled);
    RT_REQUIRE(cancelled != nullptr);
    EXPECT_EQ(canceller.peer_uid(), cancelled->canceller());
    EXPECT_EQ(1, co_await outer.run<&kit::count_cancelled>());
    while (an.actor_count() > 2) co_await sc::checkpoint();
    co_await an.cancel();
  });
}

// S-CTX-54, S-CTX-55: the end of an inner context passes through an outer one, whose remote task does not outlive its block.
// Reference: peer::test_peer_canceller.
TEST_F(context_cancel_test, foreign_cancel_through_an_outer_block_ends_the_outer_task_too) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto outer = co_await start(an, "outer");
    auto inner = co_await start(an, "inner");
    bool outer_called = true;
    const auto error = co_await catch_as<context_cancelled>([&] {
      return outer.open_context<&kit::counted_sleeper>({}, [&](auto& ctx) -> sc::task<> {
        co_await sc::finally(
            [&] { return inner.open_context<&kit::cancels_itself>({false}, [](auto&) -> sc::task<> { co_await sc::sleep_forever(); }); },
            [&]() -> sc::task<> {
              outer_called = ctx.cancel_called();
              co_return;
            });
      });
    });
    RT_REQUIRE(error);
    EXPECT_EQ(inner.peer_uid(), error->canceller());
    EXPECT_FALSE(outer_called);
    EXPECT_EQ(1, co_await outer.run<&kit::count_cancelled>());
    co_await an.cancel();
  });
}

// S-CTX-60, S-TRI-33: it is cancelled, and no more than that; the lock is for others to have.
// Reference: trio::test_cancelled_lockacquire_in_ipctx_not_unmasked.
TEST_F(context_cancel_test, endpoint_that_waits_for_a_lock_ends_by_the_cancel_and_leaves_the_lock_alone) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await an.start_actor("worker", {.enable_modules = {"kit", "locking"}});
    co_await worker.open_context<&locking::hold>({false}, [&](auto& holder) -> sc::task<> {
      co_await worker.open_context<&locking::hold>({true}, [&](auto& waiter) -> sc::task<> {
        while (co_await worker.run<&locking::waiting>() == 0) continue;
        co_await waiter.cancel(hang_bound);
        EXPECT_TRUE(waiter.cancel_acked());
      });
      EXPECT_EQ(0U, co_await worker.run<&locking::waiting>());
      co_await holder.cancel();
    });
    bool held_again = false;
    co_await worker.open_context<&locking::hold>({false}, [&](auto& next) -> sc::task<> {
      held_again = true;
      co_await next.cancel();
    });
    EXPECT_TRUE(held_again);
    co_await an.cancel();
  });
}

// S-OOB-4: an actor that ends by its own decision says so to those who talk to it.
TEST_F(context_cancel_test, actor_that_cancels_itself_answers_first) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto error = co_await catch_as<context_cancelled>([&] {
      return worker.open_context<&kit::cancel_whole_actor>({"somebody"}, [](auto&) -> sc::task<> { co_await sc::sleep_forever(); });
    });
    RT_REQUIRE(error);
    RT_REQUIRE(error->canceller().has_value());
    EXPECT_EQ("somebody", error->canceller()->name);
    while (an.actor_count() != 0) co_await sc::checkpoint();
  });
}

}  // namespace
}  // namespace runtime_test
