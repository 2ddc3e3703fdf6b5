// SPDX-License-Identifier: Apache-2.0
//
// One-way streams: a generator in another actor, and its values here.

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>
#include <string>

#include "raw_peer.hpp"
#include "runtime_test.hpp"

namespace one_way {

namespace sc = tractor::sc;

using namespace std::chrono_literals;

std::map<std::string, int> ended;  // by actor: how many of its generators are gone
struct counted {
  counted() = default;
  counted(const counted&) = delete;
  counted& operator=(const counted&) = delete;
  ~counted() { ++ended[actor]; }
  const std::string actor = tractor::current_actor().uid().uuid;
};
sc::task<int> generators_ended() { co_return ended[tractor::current_actor().uid().uuid]; }

sc::generator<int> count_to(int n) {
  const counted gone;
  for (int i = 0; i < n; ++i) co_yield i;
}
sc::generator<int> endless() {
  const counted gone;
  for (int i = 0;; ++i) co_yield i;
}
// One value, and then it waits.
sc::generator<int> one_and_wait() {
  const counted gone;
  co_yield 1;
  co_await sc::sleep_forever();
}
sc::generator<int> fail_after(int n, std::string text) {
  const counted gone;
  for (int i = 0; i < n; ++i) co_yield i;
  throw std::invalid_argument(text);
}
// Cancelled it takes its time, and then fails.
sc::generator<int> fail_when_cancelled() {
  co_yield 1;
  bool cancelled = false;
  try {
    co_await sc::sleep_forever();
  } catch (const sc::cancelled&) {
    cancelled = true;
  }
  if (cancelled) throw std::runtime_error("the cleanup failed");
}
sc::generator<std::string> not_utf8() { co_yield "\xff"; }
sc::generator<int> die_after(int n) {
  for (int i = 0; i < n; ++i) co_yield i;
  co_await sc::sleep(50ms);  // what was sent has left by then
  std::abort();
}

// Two generators in two more actors, each value once, as it comes.
sc::task<int> aggregate(tractor::context<void, void, int>& ctx, int values) {
  co_await ctx.started();
  std::set<int> seen;
  co_await ctx.open_stream([&](auto& out) -> sc::task<> {
    co_await tractor::open_nursery([&](tractor::actor_nursery& an) -> sc::task<> {
      co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
        for (const char* name : {"one", "other"}) {
          const tractor::portal streamer = co_await an.start_actor(name, {.enable_modules = {"one_way"}});
          n.start_soon([&, streamer]() -> sc::task<> {
            co_await streamer.open_stream_from<&count_to>({values}, [&](auto& stream) -> sc::task<> {
              while (const auto value = co_await stream.next())
                if (seen.insert(*value).second) co_await out.send(*value);
            });
          });
        }
      });
      co_await an.cancel();
    });
  });
  co_return static_cast<int>(seen.size());
}

}  // namespace one_way

TRACTOR_MODULE(one_way) {
  mod.def<&one_way::generators_ended>("generators_ended");
  mod.def<&one_way::count_to>("count_to", "n");
  mod.def<&one_way::endless>("endless");
  mod.def<&one_way::one_and_wait>("one_and_wait");
  mod.def<&one_way::fail_after>("fail_after", "n", "text");
  mod.def<&one_way::fail_when_cancelled>("fail_when_cancelled");
  mod.def<&one_way::not_utf8>("not_utf8");
  mod.def<&one_way::die_after>("die_after", "n");
  mod.def<&one_way::aggregate>("aggregate", "values");
}

namespace runtime_test {
namespace {

class one_way_test : public runtime_test {};

sc::task<portal> start_streamer(actor_nursery& an) { return start(an, "streamer", {"one_way", "kit"}); }

// Until no task runs there but the one that says so: what the generator sent, and its error, are here then.
sc::task<> end_of_generator(const portal& streamer) {
  while (co_await streamer.run<&kit::running_calls>() != 1) continue;
}

// The nursery's block, with a streamer in it that is cancelled in the end.
void with_streamer(const std::function<sc::task<>(portal)>& body) {
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto streamer = co_await start_streamer(an);
    co_await body(streamer);
    co_await an.cancel();
  });
}

// S-OWS-1, S-OWS-3
// Reference: owaystr::test_stream_from_single_subactor.
TEST_F(one_way_test, generators_values_come_in_order_and_then_the_end) {
  with_streamer([](portal streamer) -> sc::task<> {
    std::vector<int> got;
    co_await streamer.open_stream_from<&one_way::count_to>({200}, [&](auto& stream) -> sc::task<> {
      while (const auto value = co_await stream.next()) got.push_back(*value);
      const auto first = co_await catch_as<sc::end_of_channel>([&] { return stream.receive(); });
      const auto second = co_await catch_as<sc::end_of_channel>([&] { return stream.receive(); });
      EXPECT_EQ(first.owner, second.owner);
    });
    std::vector<int> wanted(200);
    for (int i = 0; i < 200; ++i) wanted[static_cast<std::size_t>(i)] = i;
    EXPECT_EQ(got, wanted);
    EXPECT_EQ(1, co_await streamer.run<&one_way::generators_ended>());
  });
}

// S-OWS-3: the end leaves the block quietly; the block gives what its body gives.
TEST_F(one_way_test, block_gives_what_the_body_gives) {
  with_streamer([](portal streamer) -> sc::task<> {
    const int sum = co_await streamer.open_stream_from<&one_way::count_to>({5}, [](auto& stream) -> sc::task<int> {
      int total = 0;
      while (const auto value = co_await stream.next()) total += *value;
      co_return total;
    });
    EXPECT_EQ(sum, 10);
    co_await streamer.open_stream_from<&one_way::count_to>({0}, [](auto& stream) -> sc::task<> {
      static_cast<void>(co_await stream.receive());
      ADD_FAILURE() << "received";
    });
  });
}

// S-OWS-3: after the values that came before it; and not in the middle of something else.
TEST_F(one_way_test, error_of_the_generator_is_raised_behind_its_values) {
  with_streamer([](portal streamer) -> sc::task<> {
    int got = 0;
    const auto error = co_await catch_as<tractor::remote_actor_error>([&] {
      return streamer.open_stream_from<&one_way::fail_after>({3, "no more of it"}, [&](auto& stream) -> sc::task<> {
        co_await end_of_generator(streamer);
        while (co_await stream.next()) ++got;
      });
    });
    EXPECT_EQ(got, 3);
    RT_REQUIRE(error);
    EXPECT_EQ(error->boxed_type_str(), "ValueError");
    EXPECT_THAT(error->message(), HasSubstr("no more of it"));
    EXPECT_EQ(1, co_await streamer.run<&one_way::generators_ended>());
  });
}

TEST_F(one_way_test, error_that_nobody_received_is_raised_where_the_block_is_left) {
  with_streamer([](portal streamer) -> sc::task<> {
    static_cast<void>(co_await catch_as<tractor::remote_actor_error>([&] {
      return streamer.open_stream_from<&one_way::fail_after>({0, "at once"}, [&](auto&) { return end_of_generator(streamer); });
    }));
  });
}

// S-OWS-4
// Reference: owaystr::test_stream_from_single_subactor.
TEST_F(one_way_test, consumer_that_leaves_cancels_the_generator) {
  with_streamer([](portal streamer) -> sc::task<> {
    co_await streamer.open_stream_from<&one_way::endless>({}, [](auto& stream) -> sc::task<> {
      for (int i = 0; i < 10; ++i) EXPECT_EQ(i, co_await stream.receive());
    });
    EXPECT_EQ(1, co_await streamer.run<&one_way::generators_ended>()) << "gone when the block has been left";
    co_await streamer.open_stream_from<&one_way::one_and_wait>({},
                                                               [](auto& stream) -> sc::task<> { EXPECT_EQ(1, co_await stream.receive()); });
    EXPECT_EQ(2, co_await streamer.run<&one_way::generators_ended>());
  });
}

// S-OWS-4: the same by closing the stream.
TEST_F(one_way_test, closing_the_stream_cancels_the_generator) {
  with_streamer([](portal streamer) -> sc::task<> {
    const int last = co_await streamer.open_stream_from<&one_way::one_and_wait>({}, [&](auto& stream) -> sc::task<int> {
      const int value = co_await stream.receive();
      co_await stream.aclose();
      EXPECT_EQ(1, co_await streamer.run<&one_way::generators_ended>());
      EXPECT_TRUE(stream.closed());
      static_cast<void>(co_await catch_as<sc::end_of_channel>([&] { return stream.receive(); }));
      co_await stream.aclose();
      co_return value;
    });
    EXPECT_EQ(last, 1);
  });
}

TEST_F(one_way_test, error_of_the_body_cancels_the_generator_and_goes_on) {
  with_streamer([](portal streamer) -> sc::task<> {
    static_cast<void>(co_await catch_as<std::domain_error>([&] {
      return streamer.open_stream_from<&one_way::endless>({}, [](auto& stream) -> sc::task<> {
        static_cast<void>(co_await stream.receive());
        throw std::domain_error("of the body");
      });
    }));
    EXPECT_EQ(1, co_await streamer.run<&one_way::generators_ended>());
  });
}

// What the generator throws on its way out is not lost.
TEST_F(one_way_test, error_of_the_generators_cleanup_is_raised) {
  with_streamer([](portal streamer) -> sc::task<> {
    const auto error = co_await catch_as<tractor::remote_actor_error>([&] {
      return streamer.open_stream_from<&one_way::fail_when_cancelled>(
          {}, [](auto& stream) -> sc::task<> { EXPECT_EQ(1, co_await stream.receive()); });
    });
    RT_REQUIRE(error);
    EXPECT_THAT(error->message(), HasSubstr("the cleanup failed"));
  });
}

// S-OWS-5
// Reference: owaystr::test_respawn_consumer_task.
TEST_F(one_way_test, consumer_may_be_cancelled_and_started_again) {
  with_streamer([](portal streamer) -> sc::task<> {
    std::vector<int> got;
    co_await streamer.open_stream_from<&one_way::count_to>({11}, [&](auto& stream) -> sc::task<> {
      bool more = true;
      int tasks = 0;
      while (more) {
        sc::cancel_scope scope;
        co_await scope.run([&]() -> sc::task<> {
          while (const auto value = co_await stream.next()) {
            got.push_back(*value);
            if (*value % 3 == 1) scope.cancel("another consumer goes on");
          }
          more = false;
        });
        ++tasks;
      }
      EXPECT_EQ(tasks, 5);
    });
    EXPECT_EQ(got, (std::vector{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
  });
}

// S-POR-24: each is a copy of its own.
TEST_F(one_way_test, streams_of_one_function_at_the_same_time_are_independent) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto streamer = co_await start_streamer(an);
    std::vector<std::vector<int>> got(2);
    co_await sc::open_nursery([&](sc::nursery& n) {
      for (auto& copy : got)
        n.start_soon([&]() -> sc::task<> {
          co_await streamer.open_stream_from<&one_way::count_to>({200}, [&](auto& stream) -> sc::task<> {
            while (const auto value = co_await stream.next()) copy.push_back(*value);
          });
        });
    });
    for (const auto& copy : got) EXPECT_EQ(first_numbers(200), copy);
    co_await an.cancel();
  });
}

// S-OWS-6
// Reference: owaystr::test_a_quadruple_example.
TEST_F(one_way_test, fan_in_of_four_actors_gives_every_value_once) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto aggregator = co_await an.start_actor("aggregator", {.enable_modules = {"one_way"}});
    std::vector<int> got;
    const auto count = co_await aggregator.open_context<&one_way::aggregate>({1000}, [&](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
        while (const auto value = co_await stream.next()) got.push_back(*value);
      });
    });
    EXPECT_EQ(count, 1000);
    RT_REQUIRE(got.size() == 1000);
    std::ranges::sort(got);  // of two tasks that wait for room in one stream either may go on first
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(got[static_cast<std::size_t>(i)], i);
    co_await an.cancel();
  });
}

// S-OWS-6: at any point; no process is left (process_fixture).
// Reference: owaystr::test_not_fast_enough_quad.
TEST_F(one_way_test, fan_in_can_be_cancelled_at_any_point) {
  for (const auto delay : {0ms, 1ms, 3ms, 5ms, 8ms, 12ms, 20ms}) {
    std::optional<int> result;
    run([&]() -> sc::task<> {
      const bool ended = co_await sc::move_on_after(delay, [&]() -> sc::task<> {
        co_await tractor::open_nursery([&](actor_nursery& an) -> sc::task<> {
          auto aggregator = co_await an.start_actor("aggregator", {.enable_modules = {"one_way"}});
          result = co_await aggregator.open_context<&one_way::aggregate>({1'000'000}, [&](auto& ctx) -> sc::task<> {
            co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
              while (co_await stream.next()) continue;
            });
          });
        });
      });
      EXPECT_FALSE(ended);
    });
    EXPECT_EQ(std::nullopt, result);
  }
}

// S-OWS-7: the deadline ends stream, generator and actors; no process is left (process_fixture).
// Reference: cancel::test_cancel_infinite_streamer.
TEST_F(one_way_test, deadline_around_an_endless_stream_cancels_the_nursery) {
  run([&]() -> sc::task<> {
    const bool ended = co_await sc::move_on_after(200ms, [&]() -> sc::task<> {
      co_await tractor::open_nursery([&](actor_nursery& an) -> sc::task<> {
        auto streamer = co_await start_streamer(an);
        co_await streamer.open_stream_from<&one_way::endless>({}, [](auto& stream) -> sc::task<> {
          while (co_await stream.next()) continue;
        });
      });
    });
    EXPECT_FALSE(ended);
  });
}

// Flow control, as in a context.
TEST_F(one_way_test, body_that_does_not_keep_up_slows_the_generator) {
  with_streamer([](portal streamer) -> sc::task<> {
    co_await streamer.open_stream_from<&one_way::count_to>({1000},
                                                           [&](auto& stream) -> sc::task<> {
                                                             co_await sc::sleep(50ms);
                                                             EXPECT_EQ(0, co_await streamer.run<&one_way::generators_ended>())
                                                                 << "it waits";
                                                             int next = 0;
                                                             while (const auto value = co_await stream.next()) EXPECT_EQ(next++, *value);
                                                             EXPECT_EQ(next, 1000);
                                                           },
                                                           {.buffer_messages = 4});
  });
}

TEST_F(one_way_test, policy_may_drop_the_oldest) {
  with_streamer([](portal streamer) -> sc::task<> {
    co_await streamer.open_stream_from<&one_way::count_to>({1000},
                                                           [&](auto& stream) -> sc::task<> {
                                                             while (co_await streamer.run<&one_way::generators_ended>() == 0)
                                                               co_await sc::sleep(1ms);
                                                             std::vector<int> got;
                                                             while (const auto value = co_await stream.next()) got.push_back(*value);
                                                             EXPECT_EQ(got, (std::vector{996, 997, 998, 999}));
                                                             EXPECT_EQ(stream.dropped(), 996u);
                                                           },
                                                           {.overruns = tractor::overruns::drop_oldest, .buffer_messages = 4});
  });
}

TEST_F(one_way_test, overrun_that_is_an_error_ends_the_generator) {
  with_streamer([](portal streamer) -> sc::task<> {
    static_cast<void>(co_await catch_as<tractor::remote_actor_error>([&] {
      return streamer.open_stream_from<&one_way::endless>({},
                                                          [&](auto& stream) -> sc::task<> {
                                                            while (co_await streamer.run<&one_way::generators_ended>() == 0)
                                                              co_await sc::sleep(1ms);
                                                            while (co_await stream.next()) continue;
                                                          },
                                                          {.overruns = tractor::overruns::error, .buffer_messages = 4});
    }));
  });
}

TEST_F(one_way_test, value_without_a_form_is_an_error_at_the_consumer) {
  with_streamer([](portal streamer) -> sc::task<> {
    const auto error = co_await catch_as<tractor::remote_actor_error>([&] {
      return streamer.open_stream_from<&one_way::not_utf8>(
          {}, [](auto& stream) -> sc::task<> { static_cast<void>(co_await stream.receive()); });
    });
    RT_REQUIRE(error);
    EXPECT_THAT(error->message(), HasSubstr("UTF-8"));
  });
}

// What came before the death is received.
TEST_F(one_way_test, death_of_the_process_ends_the_stream_behind_its_values) {
  RT_NEEDS_A_CHILD("who is no parent has no certificate");
  const auto error = outcome_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto streamer = co_await start_streamer(an);
    std::vector<int> got;
    const auto died = co_await caught([&] {
      return streamer.open_stream_from<&one_way::die_after>({3}, [&](auto& stream) -> sc::task<> {
        while (const auto value = co_await stream.next()) got.push_back(*value);
      });
    });
    EXPECT_NE(died, nullptr);
    EXPECT_EQ(got, (std::vector{0, 1, 2}));
    if (died) std::rethrow_exception(died);
  });
  static_cast<void>(as<tractor::actor_died>(error));
}

// Cancelled from elsewhere the generator has not come to its end, and its consumer is told.
TEST_F(one_way_test, cancel_of_the_actor_is_not_taken_for_the_end) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto streamer = co_await start_streamer(an);
    static_cast<void>(co_await catch_as<tractor::context_cancelled>([&] {
      return streamer.open_stream_from<&one_way::one_and_wait>({}, [&](auto& stream) -> sc::task<> {
        EXPECT_EQ(1, co_await stream.receive());
        EXPECT_TRUE(co_await streamer.cancel_actor({.timeout = hang_bound}));
        static_cast<void>(co_await stream.next());
        ADD_FAILURE() << "the end of the stream, or a value";
      });
    }));
  });
}

TEST_F(one_way_test, stream_may_be_shared) {
  with_streamer([](portal streamer) -> sc::task<> {
    co_await streamer.open_stream_from<&one_way::count_to>({10}, [](auto& stream) -> sc::task<> {
      auto other = stream.subscribe();
      int own = 0;
      int others = 0;
      while (co_await stream.next()) ++own;
      while (co_await other.next()) ++others;
      EXPECT_EQ(own, 10);
      EXPECT_EQ(others, 10);
    });
  });
}

// By another name than the call's: what is no generator there.
TEST_F(one_way_test, call_of_a_generator_by_name_is_refused) {
  with_streamer([](portal streamer) -> sc::task<> {
    const auto error = co_await catch_as<tractor::type_error>([&] { return streamer.run_from_ns<int>("one_way", "count_to", {{"n", 1}}); });
    RT_REQUIRE(error);
    EXPECT_THAT(error->message(), HasSubstr("open it with open_stream_from"));
  });
}

// S-OWS-4: what the reference sends when a consumer leaves, a Stop and a request to cancel; it gets a Stop and the acknowledgement. A
// generator that ends by itself says Stop too, never Return.
TEST_F(one_way_test, wire_is_that_of_the_reference) {
  const raw::attack talk = [](raw::raw_peer& peer) -> sc::task<> {
    co_await peer.shake_hands();
    peer.send_start("one", "hostile_target", "count_to", {{"n", 1}});
    EXPECT_EQ("StartAck", co_await peer.answer());
    EXPECT_FALSE(peer.last_had_extra());
    EXPECT_EQ("Yield", co_await peer.answer());
    EXPECT_EQ("Stop", co_await peer.answer());

    peer.send_start("two", "hostile_target", "one_and_wait");
    EXPECT_EQ("StartAck", co_await peer.answer());
    EXPECT_EQ("Yield", co_await peer.answer());
    peer.channel().send([](tractor::msg::buffer& out) { tractor::msg::encode_stop(out, "two"); });
    peer.send_start("three", "self", "_cancel_task", {{"cid", "two"}});
    EXPECT_EQ("StartAck", co_await peer.answer());
    EXPECT_EQ("Stop", co_await peer.answer());
    EXPECT_EQ("CancelAck", co_await peer.answer());
  };
  tractor::testing::run_test([&] { return raw::attack_actor(tractor::ipc::tcp_address{"127.0.0.1", 0}, talk); });
}

}  // namespace
}  // namespace runtime_test
