// SPDX-License-Identifier: Apache-2.0
//
// Flow control of streams: a reader that does not keep up slows its writer, and nobody else.

#include <chrono>
#include <numeric>
#include <stdexcept>

#include "runtime_test.hpp"
#include "tractor/sc/task_tree.hpp"

namespace runtime_test {
namespace {

class flow_control_test : public runtime_test {};

using tractor::overruns;
using tractor::remote_actor_error;
using tractor::stream_buffer_messages;

constexpr int limit = static_cast<int>(stream_buffer_messages);
constexpr const char* room = "stream.send, for room at the receiver";

// Until a task of the worker waits to send.
sc::task<> until_blocked(portal& worker) {
  while (co_await worker.run<&kit::tasks_waiting_for>(room) == 0) {
  }
}

int waiting_here(const sc::task_info& task) {
  int count = task.waiting_for == room ? 1 : 0;
  for (const auto& child : task.children) count += waiting_here(child);
  return count;
}
// Until as many tasks of this actor wait to send.
sc::task<> until_blocked_here(portal& worker, int tasks = 1) {
  while (waiting_here(sc::task_tree()) != tasks) co_await worker.run<&kit::nothing>();
}

// S-OVR-9
// Reference: ctx::test_maybe_allow_overruns_stream.
TEST_F(flow_control_test, slow_reader_slows_its_writer_and_nobody_else) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    std::size_t got = 0;
    const auto sent = co_await worker.open_context<&kit::send_counted>({1000, 10}, [&](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
        co_await until_blocked(worker);
        EXPECT_EQ(limit, co_await worker.run<&kit::numbers_sent>());
        // The same connection serves others meanwhile: calls, and other streams.
        const auto echoed = co_await worker.open_context<&kit::echo_stream>({}, [&](auto& other) -> sc::task<> {
          co_await other.open_stream([&](auto& others) -> sc::task<> {
            for (int i = 0; i < 200; ++i) {
              co_await others.send(i);
              EXPECT_EQ(i, co_await others.receive());
            }
          });
        });
        EXPECT_EQ(200, echoed);
        EXPECT_EQ(limit, co_await worker.run<&kit::numbers_sent>());
        while (co_await stream.next()) ++got;
      });
    });
    EXPECT_EQ(1000, sent);
    EXPECT_EQ(1000U, got);
    co_await an.cancel();
  });
}

// S-OVR-5: what is sent before the stream is opened here waits for it.
// Reference: ctx::test_maybe_allow_overruns_stream.
TEST_F(flow_control_test, stream_that_is_opened_late_misses_nothing) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    std::vector<int> got;
    co_await worker.open_context<&kit::send_numbers>({500}, [&](auto& ctx) -> sc::task<> {
      co_await until_blocked(worker);
      co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
        while (auto item = co_await stream.next()) got.push_back(*item);
      });
    });
    EXPECT_EQ(first_numbers(500), got);
    co_await an.cancel();
  });
}

// S-CTX-30: who only waits for the result throws away what is streamed, which is to have room for it.
TEST_F(flow_control_test, writer_that_nobody_wants_to_read_is_not_held_up) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    EXPECT_EQ(1000, co_await worker.open_context<&kit::send_numbers>({1000}, [](auto&) -> sc::task<> { co_return; }));
    EXPECT_EQ(1000, co_await worker.open_context<&kit::send_numbers>({1000}, [&](auto& ctx) -> sc::task<> {
      co_await until_blocked(worker);
      EXPECT_EQ(1000, co_await ctx.wait_for_result());
    }));
    // Nor one whose reader's block was left by an error that went no further.
    EXPECT_EQ(1000, co_await worker.open_context<&kit::send_numbers>({1000}, [&](auto& ctx) -> sc::task<> {
      const auto failed = co_await catch_as<std::runtime_error>([&] {
        return ctx.open_stream([&](auto&) -> sc::task<> {
          co_await until_blocked(worker);
          throw std::runtime_error("not this");
        });
      });
      EXPECT_TRUE(failed);
    }));
    co_await an.cancel();
  });
}

// A view is sent when there is room for it, of what lives until then.
TEST_F(flow_control_test, views_are_sent_as_what_they_show) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    std::vector<std::size_t> sizes;
    co_await worker.open_context<&kit::measure_text>({std::size_t{1}}, [&](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
        const std::string text(5000, 'x');  // longer than what is copied at once
        for (std::size_t bytes : {0UL, 1UL, 2048UL, 2049UL, 5000UL}) co_await stream.send(std::string_view(text).substr(0, bytes));
        for (int i = 0; i < 5; ++i) sizes.push_back(co_await stream.receive());
      });
    });
    EXPECT_EQ(sizes, (std::vector<std::size_t>{0, 1, 2048, 2049, 5000}));
    co_await an.cancel();
  });
}

// S-OVR-9: the window counts bytes as well.
TEST_F(flow_control_test, big_messages_are_bounded_in_bytes) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    constexpr int bytes = 1 << 20, bound = static_cast<int>(tractor::stream_window_bytes) / bytes;
    std::size_t got = 0;
    co_await worker.open_context<&kit::send_counted>({3 * bound, bytes}, [&](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
        co_await until_blocked(worker);
        const int sent = co_await worker.run<&kit::numbers_sent>();
        EXPECT_GE(sent, bound - 1);
        EXPECT_LE(sent, bound + 1);
        while (co_await stream.next()) ++got;
      });
    });
    EXPECT_EQ(3U * bound, got);
    // One that is bigger than the window goes alone.
    got = 0;
    co_await worker.open_context<&kit::send_counted>({3, 20 * bytes}, [&](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
        while (co_await stream.next()) ++got;
      });
    });
    EXPECT_EQ(3U, got);
    co_await an.cancel();
  });
}

// S-OVR-1: the reader chooses how many wait.
// Reference: ctx::test_maybe_allow_overruns_stream.
TEST_F(flow_control_test, window_is_the_buffer_that_the_reader_asks_for) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    for (const std::size_t buffer_messages : {1UZ, 2UZ, 3UZ, 200UZ}) {
      std::size_t got = 0;
      co_await worker.open_context<&kit::send_counted>({500, 10},
                                                       [&](auto& ctx) -> sc::task<> {
                                                         co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
                                                           co_await until_blocked(worker);
                                                           EXPECT_EQ(buffer_messages,
                                                                     static_cast<std::size_t>(co_await worker.run<&kit::numbers_sent>()));
                                                           while (co_await stream.next()) ++got;
                                                         });
                                                       },
                                                       {.overruns = overruns::block, .buffer_messages = buffer_messages});
      EXPECT_EQ(500U, got);
    }
    // More room than was said when the context was opened.
    std::size_t got = 0;
    co_await worker.open_context<&kit::send_counted>({500, 10}, [&](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream(
          [&](auto& stream) -> sc::task<> {
            while (co_await worker.run<&kit::numbers_sent>() != 300) {
            }
            co_await until_blocked(worker);
            while (co_await stream.next()) ++got;
          },
          {.overruns = {}, .buffer_messages = 300});
    });
    EXPECT_EQ(500U, got);
    co_await an.cancel();
  });
}

// The other direction, and a cancel of a send that waits: nothing of it was sent.
TEST_F(flow_control_test, send_that_waits_can_be_cancelled) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    int sent = 0;
    const auto got = co_await worker.open_context<&kit::receive_as_allowed>({stream_buffer_messages}, [&](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
        sc::cancel_scope scope;
        co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
          n.start_soon([&]() -> sc::task<> {
            EXPECT_FALSE(co_await scope.run([&]() -> sc::task<> {
              for (;; ++sent) co_await stream.send(sent);
            }));
          });
          co_await until_blocked_here(worker);
          EXPECT_EQ(limit, sent);
          scope.cancel("enough");
        });
        co_await worker.run<&kit::set_allowance>(1'000'000);
        co_await stream.send(-1);
        while (co_await worker.run<&kit::tasks_waiting_for>("stream.receive") == 0) {
        }
      });
    });
    RT_REQUIRE(got);
    auto wanted = first_numbers(limit);
    wanted.push_back(-1);
    EXPECT_EQ(wanted, *got);
    co_await an.cancel();
  });
}

// S-OVR-9
TEST_F(flow_control_test, many_writers_of_one_stream_take_turns_at_the_room) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    constexpr int writers = 20, each = 50;
    co_await worker.run<&kit::set_allowance>(0);
    auto got = co_await worker.open_context<&kit::receive_as_allowed>({std::size_t{4}}, [&](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
        co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
          for (int writer = 0; writer < writers; ++writer)
            n.start_soon([&, writer]() -> sc::task<> {
              for (int i = 0; i < each; ++i) co_await stream.send(writer * each + i);
            });
          co_await until_blocked_here(worker, writers);
          co_await worker.run<&kit::set_allowance>(100);
          co_await until_blocked_here(worker, writers);
          co_await worker.run<&kit::set_allowance>(1'000'000);
        });
        while (co_await worker.run<&kit::tasks_waiting_for>("stream.receive") == 0) {
        }
      });
    });
    RT_REQUIRE(got);
    std::ranges::sort(*got);
    EXPECT_EQ(first_numbers(writers * each), *got);
    co_await an.cancel();
  });
}

// A send that waits ends at once when the peer's side does: it closes its stream, returns, fails, is cancelled, or dies. With and without
// a Stop before.
template <auto Endpoint>
sc::task<std::exception_ptr> outcome_of_blocked_send(portal& worker, std::function<sc::task<>(sc::task<>)> how) {
  co_return co_await caught([&]() -> sc::task<> {
    co_await worker.open_context<Endpoint>({}, [&](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
        co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
          n.start_soon([&]() -> sc::task<> {
            for (int i = 0;; ++i) co_await stream.send(i);
          });
          co_await until_blocked_here(worker);
          co_await how(ctx.cancel());
        });
      });
    });
  });
}

TEST_F(flow_control_test, send_that_waits_ends_with_the_peers_side) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto request = [&](std::string what) {
      return [&worker, what](sc::task<>) -> sc::task<> { co_await worker.run<&kit::end_streams>(what); };
    };
    const auto with_stop = [&](std::string what) { return outcome_of_blocked_send<&kit::close_or_end_on_request>(worker, request(what)); };
    const auto without = [&](std::string what) { return outcome_of_blocked_send<&kit::end_on_request>(worker, request(what)); };
    EXPECT_FALSE(co_await with_stop("close")) << "the end of the stream leaves its block quietly";
    EXPECT_FALSE(co_await with_stop("return"));
    EXPECT_FALSE(co_await without("return"));
    EXPECT_THAT(text_of(co_await with_stop("fail")), HasSubstr("on request"));
    EXPECT_THAT(text_of(co_await without("fail")), HasSubstr("on request"));
    EXPECT_THAT(text_of(co_await with_stop("cancel")), HasSubstr("ancelled"));
    const auto ours = [](sc::task<> cancel) -> sc::task<> { co_await std::move(cancel); };
    EXPECT_FALSE(co_await outcome_of_blocked_send<&kit::never_opens>(worker, ours)) << "the acknowledgement of our own cancel";
    EXPECT_EQ(0, waiting_here(sc::task_tree()));
    co_await an.cancel();
  });
}

// What a task sends in its cleanup is not held up by an opener that has gone on to its own end.
TEST_F(flow_control_test, last_words_find_room_when_the_opener_leaves) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto failed = co_await catch_as<std::runtime_error>([&] {
      return worker.open_context<&kit::send_last_words>({1000}, [](auto&) -> sc::task<> {
        throw std::runtime_error("the opener leaves");
        co_return;
      });
    });
    EXPECT_TRUE(failed);
    while (co_await worker.run<&kit::running_calls>() != 1) {
    }
    EXPECT_EQ(1000, co_await worker.run<&kit::numbers_sent>());
    co_await worker.open_context<&kit::send_last_words>({500}, [](auto& ctx) -> sc::task<> { co_await ctx.cancel(); });
    EXPECT_EQ(500, co_await worker.run<&kit::numbers_sent>());
    co_await an.cancel();
  });
}

TEST_F(flow_control_test, send_that_waits_ends_with_the_peers_death) {
  RT_NEEDS_PROCESSES("one is killed");
  const auto error = outcome_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    co_await worker.open_context<&kit::never_opens>({}, [&](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
        co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
          n.start_soon([&]() -> sc::task<> {
            for (int i = 0;; ++i) co_await stream.send(i);
          });
          co_await until_blocked_here(worker);
          RT_REQUIRE(worker.pid());
          ::kill(static_cast<pid_t>(*worker.pid()), SIGKILL);
        });
      });
    });
  });
  EXPECT_THAT(text_of(error), HasSubstr("SIGKILL"));
}

// A stream opened with another policy lets a writer go that waits.
TEST_F(flow_control_test, policy_that_does_not_block_lets_the_writer_go) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    co_await worker.open_context<&kit::send_counted>({500, 10}, [&](auto& ctx) -> sc::task<> {
      co_await until_blocked(worker);
      co_await ctx.open_stream(
          [&](auto& stream) -> sc::task<> {
            while (co_await worker.run<&kit::numbers_sent>() != 500) {
            }
            std::size_t got = 0;
            while (co_await stream.next()) ++got;
            EXPECT_EQ(500U, got + stream.dropped());
            EXPECT_EQ(stream_buffer_messages, got);
          },
          {.overruns = overruns::drop_oldest, .buffer_messages = {}});
    });
    co_await an.cancel();
  });
}

// Who says that it counts and sends more than it may has its dialog ended, and nothing else.
TEST_F(flow_control_test, writer_that_ignores_its_credit_overruns) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto error = co_await catch_as<remote_actor_error>([&] {
      return worker.open_context<&kit::send_numbers_at_once>({limit + 1}, [&](auto& ctx) -> sc::task<> {
        co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
          while (co_await worker.run<&kit::running_calls>() != 1) {
          }
          for (;;) static_cast<void>(co_await stream.receive());
        });
      });
    });
    RT_REQUIRE(error);
    EXPECT_EQ("StreamOverrun", error->src_type_str());
    co_await worker.run<&kit::nothing>();
    co_await an.cancel();
  });
}

TEST_F(flow_control_test, usage_errors) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto nothing = [](auto&) -> sc::task<> { co_return; };
    const auto no_room = co_await catch_as<tractor::usage_error>(
        [&] { return worker.open_context<&kit::never_opens>({}, nothing, {.overruns = overruns::block, .buffer_messages = 0}); });
    EXPECT_THAT(no_room->what(), HasSubstr("buffer_messages is 0"));
    const auto late = co_await catch_as<tractor::usage_error>([&] {
      return worker.open_context<&kit::never_opens>(
          {}, [&](auto& ctx) { return ctx.open_stream(nothing, {.overruns = overruns::block, .buffer_messages = {}}); },
          {.overruns = overruns::error});
    });
    EXPECT_THAT(late->what(), HasSubstr("overruns::block has to be said when the context is opened"));
    const auto none = co_await catch_as<tractor::usage_error>([&] {
      return worker.open_context<&kit::never_opens>(
          {}, [&](auto& ctx) { return ctx.open_stream(nothing, {.overruns = {}, .buffer_messages = 0}); });
    });
    EXPECT_THAT(none->what(), HasSubstr("buffer_messages is 0"));
    co_await an.cancel();
  });
}

}  // namespace
}  // namespace runtime_test
