// SPDX-License-Identifier: Apache-2.0
//
// Readers that are slower than their writers, and ask for no flow control: up to 64 messages wait, one more is an error of the side that
// sent it, or makes the oldest go. What happens with flow control: flow_control_test.cpp.

#include <csignal>
#include <numeric>

#include "programs.hpp"
#include "runtime_test.hpp"

namespace flooding {
namespace {

tractor::sc::task<> flood(tractor::context<void, int, int>& ctx) {
  co_await ctx.started();
  co_await ctx.open_stream([](auto& stream) -> tractor::sc::task<> {
    for (int i = 0;; ++i) co_await stream.send(i);
  });
}

}  // namespace
}  // namespace flooding

TRACTOR_MODULE(flooding) { mod.def<&flooding::flood>("flood"); }

namespace runtime_test {
namespace {

class overrun_test : public runtime_test {};

using tractor::overruns;
using tractor::remote_actor_error;
using tractor::stream_buffer_messages;

constexpr int buffer_limit = static_cast<int>(stream_buffer_messages);

constexpr tractor::context_options errors{.overruns = overruns::error};

// Sends `count` messages to an endpoint that reads only when all have come.
sc::task<std::vector<int>> send_to_slow_reader(portal& worker, int count, std::string policy = "error",
                                               std::size_t buffer_messages = stream_buffer_messages) {
  auto got = co_await worker.open_context<&kit::receive_late>({std::move(policy), buffer_messages}, [&](auto& ctx) -> sc::task<> {
    co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
      for (int i = 0; i < count; ++i) co_await stream.send(i);
    });
  });
  co_return *got;
}

// Until the endpoint has sent all that it was asked for. What it sent has arrived here then: it is on the same connection.
sc::task<> burst_after(portal& worker, std::size_t before) {
  while (co_await worker.run<&kit::bursts_sent>() == before) {
  }
}

// Until no task runs there but the one that says so: whatever they sent has arrived.
sc::task<> end_of_task(portal& worker) {
  while (co_await worker.run<&kit::running_calls>() != 1) {
  }
}

// The other way round: the endpoint is asked for `count` messages, and the reader looks when they have come.
sc::task<std::vector<int>> receive_slowly(portal& worker, int count, tractor::context_options context,
                                          tractor::stream_options stream_options) {
  std::vector<int> got;
  const std::size_t before = co_await worker.run<&kit::bursts_sent>();
  co_await worker.open_context<&kit::send_numbers_on_request>(
      {},
      [&](auto& ctx) -> sc::task<> {
        co_await ctx.open_stream(
            [&](auto& stream) -> sc::task<> {
              co_await stream.send(count - 1);  // the mark at the end is one more
              co_await burst_after(worker, before);
              while (static_cast<int>(got.size()) < count) got.push_back(co_await stream.receive());
            },
            stream_options);
      },
      context);
  co_return got;
}

// S-OVR-1, S-OVR-2
TEST_F(overrun_test, as_many_as_the_buffer_holds_are_fine) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    EXPECT_EQ(first_numbers(buffer_limit), co_await send_to_slow_reader(worker, buffer_limit));
    const auto got = co_await receive_slowly(worker, buffer_limit, errors, {});
    EXPECT_EQ(buffer_limit, static_cast<int>(got.size()));
    EXPECT_EQ(-1, got.back());
    co_await an.cancel();
  });
}

// S-OVR-2, S-OVR-3
// Reference: ctx::test_one_end_stream_not_opened, ctx::test_maybe_allow_overruns_stream.
TEST_F(overrun_test, one_more_fails_the_sending_parent) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto error = co_await catch_as<remote_actor_error>([&] { return send_to_slow_reader(worker, buffer_limit + 1); });
    RT_REQUIRE(error);
    EXPECT_EQ("StreamOverrun", error->boxed_type_str());
    EXPECT_EQ(tractor::current_actor().uid(), error->sender());
    EXPECT_EQ(worker.peer_uid(), error->src_uid());
    EXPECT_THAT(error->what(), HasSubstr("its task had not opened the stream yet"));
    EXPECT_EQ(1U, co_await worker.run<&kit::running_calls>()) << "the remote task does not outlive the block";
    co_await an.cancel();
  });
}

// S-OVR-4, S-CTX-73, S-ERR-2: the endpoint fails by it, which comes back.
// Reference: ctx::test_maybe_allow_overruns_stream.
TEST_F(overrun_test, one_more_fails_the_sending_endpoint) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto error = co_await catch_as<remote_actor_error>([&] { return receive_slowly(worker, buffer_limit + 1, errors, {}); });
    RT_REQUIRE(error);
    EXPECT_EQ("RemoteActorError", error->boxed_type_str());
    EXPECT_EQ("StreamOverrun", error->src_type_str());
    EXPECT_EQ(tractor::current_actor().uid(), error->src_uid());
    EXPECT_EQ(worker.peer_uid(), error->sender());
    EXPECT_THAT(error->what(), HasSubstr("StreamOverrun"));
    co_await an.cancel();
  });
}

// S-OVR-4, S-CTX-63, S-CTX-73: also where this side never opens the stream, and does something else.
// Reference: ctx::test_one_end_stream_not_opened.
TEST_F(overrun_test, endpoint_that_floods_a_body_without_a_stream_fails_and_interrupts_it) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await an.start_actor("worker", {.enable_modules = {"kit", "flooding"}});
    bool interrupted = false;
    const auto error = co_await catch_as<remote_actor_error>([&] {
      return worker.open_context<&flooding::flood>(
          {},
          [&](auto&) -> sc::task<> {
            try {
              co_await sc::sleep_forever();
            } catch (const sc::cancelled&) {
              interrupted = true;
              throw;
            }
          },
          errors);
    });
    RT_REQUIRE(error);
    EXPECT_TRUE(interrupted);
    EXPECT_EQ("RemoteActorError", error->boxed_type_str());
    EXPECT_EQ("StreamOverrun", error->src_type_str());
    EXPECT_EQ(worker.peer_uid(), error->sender());
    EXPECT_THAT(error->what(), HasSubstr("its task had not opened the stream yet"));
    EXPECT_EQ(1U, co_await worker.run<&kit::running_calls>());
    co_await an.cancel();
  });
}

// S-OVR-2, S-OVR-2a: an endpoint that ended before it could hear of it. Who reads comes to the hole, and no further; the result and the
// end arrive whatever was dropped.
TEST_F(overrun_test, hole_is_never_passed_over_in_silence) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    std::vector<int> got;
    const auto error = co_await catch_as<remote_actor_error>([&] {
      return worker.open_context<&kit::send_numbers_at_once>(
          {buffer_limit + 10},
          [&](auto& ctx) -> sc::task<> {
            co_await end_of_task(worker);
            co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
              for (;;) got.push_back(co_await stream.receive());
            });
          },
          errors);
    });
    RT_REQUIRE(error);
    EXPECT_EQ("StreamOverrun", error->src_type_str());
    EXPECT_EQ(first_numbers(buffer_limit), got);

    got.clear();
    const auto polled = co_await catch_as<remote_actor_error>([&] {
      return worker.open_context<&kit::send_numbers_at_once>(
          {buffer_limit + 10},
          [&](auto& ctx) -> sc::task<> {
            co_await end_of_task(worker);
            co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
              for (;;) got.push_back(stream.receive_nowait());
            });
          },
          errors);
    });
    RT_REQUIRE(polled);
    EXPECT_EQ("StreamOverrun", polled->src_type_str());
    EXPECT_EQ(first_numbers(buffer_limit), got);

    const auto result = co_await worker.open_context<&kit::send_numbers_at_once>(
        {buffer_limit}, [&](auto&) -> sc::task<> { co_await end_of_task(worker); });
    EXPECT_EQ(buffer_limit, result) << "a full buffer does not keep the result out";
    co_await an.cancel();
  });
}

// S-OVR-5: as many as the reader makes room for are delivered in order.
// Reference: ctx::test_maybe_allow_overruns_stream.
TEST_F(overrun_test, buffer_can_be_set) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    EXPECT_EQ(first_numbers(300), co_await send_to_slow_reader(worker, 300, "error", 300));
    const auto error = co_await catch_as<remote_actor_error>([&] { return send_to_slow_reader(worker, 301, "error", 300); });
    RT_REQUIRE(error);
    EXPECT_EQ("StreamOverrun", error->boxed_type_str());

    constexpr tractor::stream_options wide{.overruns = {}, .buffer_messages = 300}, narrow{.overruns = {}, .buffer_messages = 10};
    EXPECT_EQ(300, static_cast<int>((co_await receive_slowly(worker, 300, errors, wide)).size()));
    EXPECT_EQ(300,
              static_cast<int>((co_await receive_slowly(worker, 300, {.overruns = overruns::error, .buffer_messages = 300}, {})).size()));
    static_cast<void>(co_await catch_as<remote_actor_error>([&] { return receive_slowly(worker, 11, errors, narrow); }));
    co_await an.cancel();
  });
}

// S-OVR-7: what open_stream does not say stays as open_context said.
// Reference: ctx::test_maybe_allow_overruns_stream.
TEST_F(overrun_test, policy_of_the_context_holds_for_its_stream) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    constexpr tractor::context_options drops{.overruns = overruns::drop_oldest};
    constexpr tractor::stream_options fails{.overruns = overruns::error, .buffer_messages = {}};
    const auto got = co_await receive_slowly(worker, buffer_limit, drops, {});
    EXPECT_EQ(buffer_limit, static_cast<int>(got.size()));
    static_cast<void>(co_await catch_as<remote_actor_error>([&] { return receive_slowly(worker, 100, drops, fails); }));
    co_await an.cancel();
  });
}

// S-OVR-6: what is lost is the oldest, and it is counted.
TEST_F(overrun_test, oldest_that_are_dropped_are_counted) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    auto got = co_await send_to_slow_reader(worker, 300, "drop_oldest");
    RT_REQUIRE(!got.empty());
    EXPECT_EQ(300 - buffer_limit, got.back());
    got.pop_back();
    auto kept = first_numbers(300);
    kept.erase(kept.begin(), kept.end() - buffer_limit);
    EXPECT_EQ(kept, got);

    got = co_await send_to_slow_reader(worker, buffer_limit, "drop_oldest");
    EXPECT_EQ(0, got.back()) << "none was dropped";
    co_await an.cancel();
  });
}

// S-CTX-62: a cancel of ours absorbs its own acknowledgement, and not an overrun. The endpoint's process is stopped until both are under
// way. Reference: ctx::test_maybe_allow_overruns_stream.
TEST_F(overrun_test, overrun_is_raised_though_this_side_has_cancelled) {
  RT_NEEDS_PROCESSES("it is stopped");
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const watched_process process(static_cast<pid_t>(worker.pid().value()));
    bool cancelled = false;
    const auto error = co_await catch_as<remote_actor_error>([&] {
      return worker.open_context<&kit::receive_late>({"error", stream_buffer_messages}, [&](auto& ctx) -> sc::task<> {
        co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
          process.stop();
          for (int i = 0; i <= buffer_limit; ++i) co_await stream.send(i);
          co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
            n.start_soon([&]() -> sc::task<> { co_await ctx.cancel(hang_bound); });
            while (!ctx.cancel_called()) co_await sc::checkpoint();
            cancelled = true;
            co_await worker.kernel_peer()->channel().flushed();
            process.signal(SIGCONT);
          });
        });
      });
    });
    RT_REQUIRE(error);
    EXPECT_TRUE(cancelled);
    EXPECT_EQ("StreamOverrun", error->boxed_type_str());
    EXPECT_EQ(tractor::current_actor().uid(), error->sender());
    EXPECT_EQ(1U, co_await worker.run<&kit::running_calls>());
    co_await an.cancel();
  });
}

// S-OVR-8
// Reference: ctx::test_maybe_allow_overruns_stream.
TEST_F(overrun_test, cancel_works_with_unread_messages) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    co_await worker.open_context<&kit::send_numbers_on_request>(
        {},
        [&](auto& ctx) -> sc::task<> {
          co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
            co_await stream.send(buffer_limit - 1);
            co_await worker.run<&kit::nothing>();
            co_await ctx.cancel();
          });
        },
        errors);
    EXPECT_EQ(1U, co_await worker.run<&kit::running_calls>());
    co_await an.cancel();
  });
}

}  // namespace
}  // namespace runtime_test
