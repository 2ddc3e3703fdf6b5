// SPDX-License-Identifier: Apache-2.0
//
// Streams whose messages go to several tasks here. The counting is tests/sc/fan_out_test.cpp.

#include <numeric>

#include "runtime_test.hpp"

namespace runtime_test {
namespace {

class subscription_test : public runtime_test {};

std::vector<int> numbers(int from, int to) {
  std::vector<int> all(static_cast<std::size_t>(to - from));
  std::iota(all.begin(), all.end(), from);
  return all;
}

// S-BRD-1, S-BRD-9
// Reference: advstr::test_local_task_fanout_from_stream, bcast::test_stream_fan_out_to_local_subscriptions.
TEST_F(subscription_test, every_task_gets_every_message_and_all_can_send) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    constexpr int consumers = 22, messages = 100;
    std::vector<std::vector<int>> got(consumers);
    const auto echoed = co_await worker.open_context<&kit::echo_stream>({}, [&](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
        co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
          int ready = 0;
          for (auto& into : got)
            n.start_soon([&]() -> sc::task<> {
              auto mine = stream.subscribe();
              ++ready;
              while (static_cast<int>(into.size()) < messages) into.push_back(co_await mine.receive());
              co_await mine.send(-1);
            });
          while (ready < consumers) co_await sc::checkpoint();
          for (int i = 0; i < messages; ++i) {
            co_await stream.send(i);
            EXPECT_EQ(i, co_await stream.receive()) << "the stream itself is subscribed too";
          }
          for (int i = 0; i < consumers; ++i) EXPECT_EQ(-1, co_await stream.receive());
        });
      });
    });
    EXPECT_EQ(messages + consumers, echoed);
    for (const auto& each : got) EXPECT_EQ(numbers(0, messages), each);
    co_await an.cancel();
  });
}

// S-BRD-6: the end of the stream reaches every task, and (S-STR-4) ends the block quietly.
// Reference: advstr::test_local_task_fanout_from_stream.
TEST_F(subscription_test, end_of_the_stream_reaches_every_task) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    int ended = 0;
    co_await worker.open_context<&kit::send_numbers>({50}, [&](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
        co_await sc::open_nursery([&](sc::nursery& n) {
          for (int i = 0; i < 5; ++i)
            n.start_soon([&]() -> sc::task<> {
              auto mine = stream.subscribe();
              for (int count = 0;; ++count) {
                if (count == 50) ++ended;
                static_cast<void>(co_await mine.receive());  // at the end it throws, which leaves the block quietly
              }
            });
        });
      });
    });
    EXPECT_EQ(5, ended);
    co_await an.cancel();
  });
}

// S-BRD-3, S-BRD-9: the window is what the stream buffers, and the own handle of the stream lags like any other.
// Reference: bcast::test_consumer_and_parent_maybe_lag.
TEST_F(subscription_test, who_is_slower_than_the_buffer_is_told) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    co_await worker.open_context<&kit::send_numbers>({50}, [&](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream(
          [&](auto& stream) -> sc::task<> {
            auto fast = stream.subscribe();
            std::vector<int> got;
            while (const auto item = co_await fast.next()) got.push_back(*item);
            EXPECT_EQ(numbers(0, 50), got);
            const auto behind = co_await catch_as<sc::lagged>([&]() -> sc::task<> { co_await stream.receive(); });
            RT_REQUIRE(behind);
            EXPECT_EQ(40U, behind->missed());
            EXPECT_EQ(40, stream.receive_nowait());
            got.clear();
            while (const auto item = co_await stream.next()) got.push_back(*item);
            EXPECT_EQ(numbers(41, 50), got);
          },
          {.overruns = {}, .buffer_messages = 10});
    });
    co_await an.cancel();
  });
}

// Who waits already when the first subscription is made receives for it too.
TEST_F(subscription_test, message_that_comes_to_an_earlier_wait_is_everybodys) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    co_await worker.open_context<&kit::echo_stream>({}, [&](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
        co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
          for (int i = 0; i < 2; ++i)
            n.start_soon([&]() -> sc::task<> {
              const int got = co_await stream.receive();
              EXPECT_TRUE(got == 1 || got == 2) << got;
            });
          co_await worker.run<&kit::nothing>();
          auto mine = stream.subscribe();
          co_await stream.send(1);
          co_await stream.send(2);
          EXPECT_EQ(1, co_await mine.receive());
          EXPECT_EQ(2, co_await mine.receive());
        });
      });
    });
    co_await an.cancel();
  });
}

TEST_F(subscription_test, message_that_the_stream_takes_without_waiting_is_everybodys) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    co_await worker.open_context<&kit::echo_stream>({}, [&](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
        auto mine = stream.subscribe();
        EXPECT_THROW(static_cast<void>(stream.receive_nowait()), sc::would_block);
        co_await stream.send(5);
        std::optional<int> got;
        const auto poll = [&] {
          try {
            got = stream.receive_nowait();
          } catch (const sc::would_block&) {
            return false;
          }
          return true;
        };
        while (!poll()) co_await worker.run<&kit::nothing>();
        EXPECT_EQ(5, got);
        EXPECT_EQ(5, mine.receive_nowait());
      });
    });
    co_await an.cancel();
  });
}

}  // namespace
}  // namespace runtime_test
