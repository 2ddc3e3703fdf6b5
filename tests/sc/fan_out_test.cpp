// SPDX-License-Identifier: Apache-2.0
//
// Several tasks that each get what one receiver gets.

#include "tractor/sc/fan_out.hpp"

#include <gmock/gmock.h>

#include <numeric>
#include <stdexcept>

#include "sc_test.hpp"
#include "tractor/base/log.hpp"

namespace {

using namespace sc_test;

std::vector<int> numbers(int from, int to) {
  std::vector<int> all(static_cast<std::size_t>(to - from));
  std::iota(all.begin(), all.end(), from);
  return all;
}

// A source of 0 to `end` - 1, one a second; counts how often it was asked and how many ask at once.
struct counting_source {
  int end = 0;
  int next = 0;
  int asked = 0;
  int at_once = 0;
  int at_once_max = 0;
  task<std::optional<int>> operator()() {
    ++asked;
    struct here {
      int& count;
      ~here() { --count; }
    } const inside{at_once};
    at_once_max = std::max(at_once_max, ++at_once);
    co_await sc::sleep(1s);
    if (next == end) co_return std::nullopt;
    co_return next++;
  }
};
auto of(counting_source& source) {
  return [&source] { return source(); };
}

task<> collect(sc::subscription<int>& from, std::vector<int>& into) {
  while (const auto number = co_await from.next()) into.push_back(*number);
}

// S-BRD-1, S-BRD-2, S-BRD-6
// Reference: bcast::test_stream_fan_out_to_local_subscriptions.
TRACTOR_TEST(fan_out, every_subscription_gets_every_value_from_when_it_was_made) {
  counting_source source{.end = 10};
  sc::fan_out<int> out(of(source), 4);
  std::vector<int> first, late;
  std::vector<std::vector<int>> many(20);
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      auto mine = out.subscribe();
      co_await collect(mine, first);
    });
    for (auto& each : many)
      n.start_soon([&]() -> task<> {
        auto mine = out.subscribe();
        co_await collect(mine, each);
      });
    co_await sc::sleep(4500ms);
    auto mine = out.subscribe();
    co_await collect(mine, late);
  });
  EXPECT_EQ(first, numbers(0, 10));
  for (const auto& each : many) EXPECT_EQ(each, numbers(0, 10));
  EXPECT_EQ(late, numbers(4, 10));
  EXPECT_EQ(source.at_once_max, 1) << "one receives, the others wait";
  EXPECT_EQ(out.subscribers(), 0u);
}

TRACTOR_TEST(fan_out, source_keeps_its_state) {
  sc::fan_out<int> values(
      [next = 0]() mutable -> task<std::optional<int>> {
        co_await sc::checkpoint();
        co_return next++;
      },
      16);
  auto mine = values.subscribe();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(co_await mine.receive(), i);
}

// S-BRD-3, S-BRD-8: one that never reads is subscribed too, and falls behind.
// Reference: bcast::test_consumer_and_parent_maybe_lag, bcast::test_ensure_slow_consumers_lag_out.
TRACTOR_TEST(fan_out, one_that_fell_behind_is_told_once_how_much_it_missed_and_goes_on_at_the_oldest) {
  counting_source source{.end = 10};
  sc::fan_out<int> out(of(source), 4);
  auto slow = out.subscribe(), fast = out.subscribe();
  std::vector<int> all, rest;
  co_await collect(fast, all);
  EXPECT_EQ(all, numbers(0, 10));
  std::uint64_t missed = 0;
  try {
    static_cast<void>(co_await slow.next());
  } catch (const sc::lagged& error) {
    missed = error.missed();
  }
  EXPECT_EQ(missed, 6u);
  EXPECT_EQ(slow.missed(), 6u);
  co_await collect(slow, rest);
  EXPECT_EQ(rest, numbers(6, 10));
}

// S-BRD-4
// Reference: bcast::test_no_raise_on_lag.
TRACTOR_TEST(fan_out, one_that_does_not_want_to_be_told_goes_on_at_once) {
  counting_source source{.end = 10};
  sc::fan_out<int> out(of(source), 4);
  auto slow = out.subscribe({.raise_on_lag = false}), fast = out.subscribe();
  std::vector<int> all, rest;
  co_await collect(fast, all);
  const tractor::log_level_scope levels("warning");
  testing::internal::CaptureStderr();
  co_await collect(slow, rest);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr("a subscription did not keep up, values missed: 6"));
  EXPECT_EQ(rest, numbers(6, 10));
  EXPECT_EQ(slow.missed(), 6u);
}

// S-BRD-5: whoever is cancelled in the middle of its turn hands it on, and no value is lost.
// Reference: bcast::test_faster_task_to_recv_is_cancelled_by_slower, bcast::test_first_recver_is_cancelled.
TRACTOR_TEST(fan_out, cancel_of_who_receives_hands_its_turn_on) {
  counting_source source{.end = 5};
  sc::fan_out<int> out(of(source), 4);
  std::vector<int> others;
  sc::cancel_scope scope;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      auto mine = out.subscribe();
      EXPECT_FALSE(co_await scope.run([&]() -> task<> { co_await mine.next(); }));
      EXPECT_EQ(co_await mine.next(), 0) << "it has taken nothing";
    });
    co_await sc::sleep(500ms);
    n.start_soon([&]() -> task<> {
      auto mine = out.subscribe();
      co_await collect(mine, others);
    });
    co_await settle();
    EXPECT_EQ(source.asked, 1);
    scope.cancel();
    co_await settle();
    EXPECT_EQ(source.asked, 2) << "the other has gone on";
  });
  EXPECT_EQ(others, numbers(0, 5));
}

TRACTOR_TEST(fan_out, cancel_of_who_waits_for_anothers_turn_takes_nothing) {
  counting_source source{.end = 3};
  sc::fan_out<int> out(of(source), 4);
  std::vector<int> all;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      auto mine = out.subscribe();
      co_await collect(mine, all);
    });
    co_await settle();
    auto mine = out.subscribe();
    EXPECT_FALSE(co_await sc::move_on_after(500ms, [&]() -> task<> { co_await mine.next(); }));
    EXPECT_EQ(co_await mine.next(), 0);
    EXPECT_EQ(co_await mine.next(), 1);
  });
  EXPECT_EQ(all, numbers(0, 3));
}

TRACTOR_TEST(fan_out, in_a_cancelled_scope_takes_nothing_though_all_is_there) {
  counting_source source{.end = 3};
  sc::fan_out<int> out(of(source), 4);
  auto mine = out.subscribe(), other = out.subscribe();
  EXPECT_EQ(co_await other.receive(), 0);
  sc::cancel_scope scope;
  scope.cancel();
  EXPECT_FALSE(co_await scope.run([&]() -> task<> { co_await mine.next(); }));
  EXPECT_EQ(mine.receive_nowait(), 0);
}

TRACTOR_TEST(fan_out, error_of_the_source_reaches_everybody_behind_the_values_before_it) {
  int left = 2;
  sc::fan_out<int> out(
      [&]() -> task<std::optional<int>> {
        co_await sc::sleep(1s);
        if (left == 0) throw std::runtime_error("broken source");
        co_return left--;
      },
      4);
  int told = 0;
  co_await sc::open_nursery([&](nursery& n) {
    for (int i = 0; i < 3; ++i)
      n.start_soon([&]() -> task<> {
        auto mine = out.subscribe();
        std::vector<int> got;
        try {
          co_await collect(mine, got);
        } catch (const std::runtime_error&) {
          ++told;
        }
        EXPECT_EQ(got, (std::vector<int>{2, 1}));
      });
  });
  EXPECT_EQ(told, 3);
}

// S-BRD-6, and the two ways to be told of it.
TRACTOR_TEST(fan_out, end_is_an_error_of_receive_and_stays) {
  counting_source source{.end = 1};
  sc::fan_out<int> out(of(source), 4);
  auto mine = out.subscribe();
  EXPECT_EQ(co_await mine.receive(), 0);
  EXPECT_THROW(co_await mine.receive(), sc::end_of_channel);
  EXPECT_THROW(co_await mine.receive(), sc::end_of_channel);
  EXPECT_THROW(static_cast<void>(mine.receive_nowait()), sc::would_block);
}

// S-BRD-7
// Reference: bcast::test_subscribe_errors_after_close.
TRACTOR_TEST(fan_out, closing_ends_one_subscription_and_wakes_who_waits_through_it) {
  counting_source source{.end = 3};
  sc::fan_out<int> out(of(source), 4);
  std::vector<int> all;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      auto mine = out.subscribe();
      co_await collect(mine, all);
    });
    co_await settle();
    auto closed = out.subscribe();
    n.start_soon([&]() -> task<> { EXPECT_THROW(co_await closed.next(), sc::closed_resource_error); });
    co_await settle();
    EXPECT_EQ(out.subscribers(), 2u);
    closed.close();
    closed.close();
    EXPECT_EQ(out.subscribers(), 1u);
    co_await settle();
    EXPECT_THROW(co_await closed.next(), sc::closed_resource_error);
    EXPECT_THROW(static_cast<void>(closed.receive_nowait()), sc::closed_resource_error);
  });
  EXPECT_EQ(all, numbers(0, 3));
}

TRACTOR_TEST(fan_out, tasks_that_receive_through_one_subscription_share_its_values) {
  counting_source source{.end = 20};
  sc::fan_out<int> out(of(source), 4);
  auto shared = out.subscribe(), other = out.subscribe();
  std::vector<int> ours, theirs;
  co_await sc::open_nursery([&](nursery& n) {
    for (int i = 0; i < 3; ++i) n.start_soon(collect, std::ref(shared), std::ref(ours));
    n.start_soon(collect, std::ref(other), std::ref(theirs));
  });
  EXPECT_EQ(ours, numbers(0, 20));
  EXPECT_EQ(theirs, numbers(0, 20));
}

// Also the one that is inside of the source, which may have nothing for a long time.
TRACTOR_TEST(fan_out, value_that_is_pushed_is_everybodys) {
  sc::fan_out<int> out(
      []() -> task<std::optional<int>> {
        co_await sc::sleep(1h);
        co_return 1;
      },
      4);
  auto first = out.subscribe(), second = out.subscribe();
  co_await sc::fail_after(1s, [&]() -> task<> {
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      n.start_soon([&]() -> task<> { EXPECT_EQ(co_await first.next(), 7); });
      n.start_soon([&]() -> task<> { EXPECT_EQ(co_await second.next(), 7); });
      co_await settle();
      out.push(7);
    });
  });
}

TRACTOR_TEST(fan_out, closing_the_subscription_of_who_receives_ends_its_turn) {
  counting_source source{.end = 2};
  sc::fan_out<int> out(of(source), 4);
  auto closed = out.subscribe(), other = out.subscribe();
  std::vector<int> all;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { EXPECT_THROW(co_await closed.next(), sc::closed_resource_error); });
    co_await settle();
    n.start_soon(collect, std::ref(other), std::ref(all));
    co_await settle();
    closed.close();
    co_await settle();
    EXPECT_EQ(source.asked, 2);
  });
  EXPECT_EQ(all, numbers(0, 2));
}

TEST(fan_out, without_a_window_is_a_usage_error) {
  EXPECT_THROW(sc::fan_out<int>([]() -> task<std::optional<int>> { co_return std::nullopt; }, 0), tractor::usage_error);
}

TEST(fan_out_death, destroyed_before_its_subscriptions_is_an_assertion) {
  EXPECT_DEATH(
      {
        std::optional<sc::fan_out<int>> out(std::in_place, []() -> task<std::optional<int>> { co_return std::nullopt; }, 1);
        const auto left = out->subscribe();
        out.reset();
      },
      "while somebody is subscribed to it");
}

// Random consumers that come, go, are cancelled and are slow: each sees a run of consecutive numbers but for what it is told it missed.
// Reference: bcast::test_ensure_slow_consumers_lag_out.
TRACTOR_TEST(fan_out, random_consumers_miss_nothing_that_they_are_not_told_of) {
  counting_source source{.end = 200};
  sc::fan_out<int> out(of(source), 8);
  sc::runner& run = *sc::runner::current();
  co_await sc::open_nursery([&](nursery& n) {
    for (int consumer = 0; consumer < 12; ++consumer)
      n.start_soon([&]() -> task<> {
        co_await sc::sleep(std::chrono::milliseconds(run.random() % 5000));
        auto mine = out.subscribe();
        std::optional<int> last;
        for (;;) {
          std::uint64_t missed = 0;
          std::optional<int> got;
          try {
            const bool in_time = co_await sc::move_on_after(std::chrono::milliseconds(run.random() % 3000), [&]() -> task<> {
              got = co_await mine.next();
              if (!got) got = -1;
            });
            if (!in_time) continue;
          } catch (const sc::lagged& error) {
            missed = error.missed();
          }
          if (missed > 0) got = co_await mine.next();
          if (!got || *got == -1) break;
          if (last) EXPECT_EQ(static_cast<std::uint64_t>(*got), static_cast<std::uint64_t>(*last) + 1 + missed);
          last = got;
          if (run.random() % 10 == 0) co_await sc::sleep(std::chrono::seconds(run.random() % 20));
        }
        EXPECT_EQ(last, 199);
      });
  });
}

}  // namespace
