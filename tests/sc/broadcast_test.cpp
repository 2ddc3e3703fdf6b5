// SPDX-License-Identifier: Apache-2.0
//
// Broadcasts: who sees which value, how often it is copied and how long it is kept, falling behind, and the end. Receivers under moves,
// cancels and misuse: broadcast_receiver_test.cpp.

#include "tractor/sc/broadcast.hpp"

#include <memory>
#include <stdexcept>

#include "sc_test.hpp"

namespace {

using namespace sc_test;

// Counts its copies. Moved from, it is 0.
struct counted {
  counted(int given, int& count) : value(given), copies(&count) {}
  counted(const counted& other) : value(other.value), copies(other.copies) { ++*copies; }
  counted(counted&& other) noexcept : value(std::exchange(other.value, 0)), copies(other.copies) {}
  counted& operator=(const counted&) = delete;
  ~counted() = default;
  int value;
  int* copies;
};

// What a receive on a receiver that has fallen behind tells; 0: it did not.
template <class Receive>
std::uint64_t missed_by(Receive receive) {
  try {
    receive();
  } catch (const sc::lagged& error) {
    return error.missed();
  }
  return 0;
}

TRACTOR_TEST(broadcast, every_receiver_sees_every_value_in_order) {
  sc::broadcast<int> numbers(4);
  std::vector<std::vector<int>> got(3);
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    for (auto& mine : got)
      n.start_soon([&mine, reader = numbers.subscribe()]() mutable -> task<> {
        while (const auto value = co_await reader.next()) mine.push_back(*value);
      });
    for (int i = 0; i < 20; ++i) {
      EXPECT_EQ(numbers.send(i), 3u);
      if (i % 4 == 3) co_await settle();
    }
    numbers.close();
  });
  std::vector<int> expected;
  for (int i = 0; i < 20; ++i) expected.push_back(i);
  for (const auto& mine : got) EXPECT_EQ(mine, expected);
}

TRACTOR_TEST(broadcast, receiver_sees_what_was_sent_after_it_subscribed) {
  sc::broadcast<int> numbers(4);
  auto early = numbers.subscribe();
  numbers.send(1);
  auto late = numbers.subscribe();
  numbers.send(2);
  EXPECT_EQ(co_await early.receive(), 1);
  EXPECT_EQ(co_await early.receive(), 2);
  EXPECT_EQ(co_await late.receive(), 2);
}

TRACTOR_TEST(broadcast, value_without_a_receiver_is_dropped) {
  sc::broadcast<std::shared_ptr<int>> values(4);
  const auto token = std::make_shared<int>(1);
  EXPECT_EQ(values.send(token), 0u);
  EXPECT_EQ(token.use_count(), 1);
  auto reader = values.subscribe();
  EXPECT_THROW(static_cast<void>(reader.receive_nowait()), sc::would_block);
  co_return;
}

TRACTOR_TEST(broadcast, value_is_copied_for_all_receivers_but_the_last) {
  sc::broadcast<counted> values(4);
  int copies = 0;
  auto first = values.subscribe(), second = values.subscribe(), third = values.subscribe();
  values.send(counted(7, copies));
  EXPECT_EQ(copies, 0);
  EXPECT_EQ((co_await first.receive()).value, 7);
  EXPECT_EQ((co_await second.next())->value, 7);
  EXPECT_EQ(copies, 2);
  EXPECT_EQ(third.receive_nowait().value, 7);
  EXPECT_EQ(copies, 2);
}

TRACTOR_TEST(broadcast, value_is_kept_until_every_receiver_had_it) {
  sc::broadcast<std::shared_ptr<int>> values(4);
  const auto token = std::make_shared<int>(1);
  auto first = values.subscribe(), second = values.subscribe();
  values.send(token);
  static_cast<void>(co_await first.receive());
  EXPECT_EQ(token.use_count(), 2);
  EXPECT_EQ(values.statistics().buffered, 1u);
  static_cast<void>(co_await second.receive());
  EXPECT_EQ(token.use_count(), 1);
  EXPECT_EQ(values.statistics().buffered, 0u);
}

TRACTOR_TEST(broadcast, copy_that_throws_has_taken_nothing) {
  struct fragile {
    explicit fragile(bool* broken) : fails(broken) {}
    fragile(const fragile& other) : fails(other.fails) {
      if (*fails) throw std::runtime_error("no copy today");
    }
    fragile(fragile&&) noexcept = default;
    fragile& operator=(const fragile&) = delete;
    ~fragile() = default;
    bool* fails;
  };
  bool fails = true;
  sc::broadcast<fragile> values(2);
  auto reader = values.subscribe(), other = values.subscribe();
  values.send(fragile(&fails));
  EXPECT_THROW(static_cast<void>(co_await reader.receive()), std::runtime_error);
  fails = false;
  EXPECT_EQ((co_await reader.receive()).fails, &fails);
  EXPECT_EQ((co_await other.receive()).fails, &fails);
}

TEST(broadcast, of_capacity_zero_is_a_usage_error) { EXPECT_THROW(sc::broadcast<int>(0), tractor::usage_error); }

TRACTOR_TEST(broadcast, statistics_tell_all) {
  sc::broadcast<int> numbers(3);
  auto reader = numbers.subscribe();
  const auto other = numbers.subscribe();
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { static_cast<void>(co_await reader.receive()); });
    co_await settle();
    EXPECT_EQ(numbers.statistics().waiting_receivers, 1u);
    numbers.send(1);
    const auto seen = other.statistics();
    EXPECT_EQ(seen.buffered, 1u);
    EXPECT_EQ(seen.capacity, 3u);
    EXPECT_EQ(seen.open_receivers, 2u);
    EXPECT_EQ(seen.waiting_receivers, 0u);
  });
}

// --- falling behind ---

TRACTOR_TEST(broadcast_lag, receiver_a_whole_ring_behind_has_lost_nothing) {
  sc::broadcast<int> numbers(3);
  auto reader = numbers.subscribe();
  for (int i = 0; i < 3; ++i) numbers.send(i);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(co_await reader.receive(), i);
}

TRACTOR_TEST(broadcast_lag, is_told_once_and_the_receiver_goes_on_at_the_oldest_value_kept) {
  sc::broadcast<int> numbers(3);
  auto reader = numbers.subscribe();
  for (int i = 0; i < 8; ++i) numbers.send(i);
  std::uint64_t missed = 0;
  std::string message;
  try {
    static_cast<void>(co_await reader.receive());
  } catch (const sc::lagged& error) {
    missed = error.missed();
    message = error.what();
  }
  EXPECT_EQ(missed, 5u);
  EXPECT_EQ(message, "broadcast: this receiver did not keep up and has missed 5 values");
  for (int i = 5; i < 8; ++i) EXPECT_EQ(co_await reader.receive(), i);
  EXPECT_THROW(static_cast<void>(reader.receive_nowait()), sc::would_block);
}

TRACTOR_TEST(broadcast_lag, is_told_by_next_and_receive_nowait_too) {
  sc::broadcast<int> numbers(2);
  auto first = numbers.subscribe(), second = numbers.subscribe();
  for (int i = 0; i < 3; ++i) numbers.send(i);
  EXPECT_THROW(static_cast<void>(co_await first.next()), sc::lagged);
  EXPECT_EQ(co_await first.next(), 1);
  EXPECT_EQ(missed_by([&] { static_cast<void>(second.receive_nowait()); }), 1u);
  EXPECT_EQ(second.receive_nowait(), 1);
}

TRACTOR_TEST(broadcast_lag, values_lost_after_it_was_told_are_told_again) {
  sc::broadcast<int> numbers(1);
  auto reader = numbers.subscribe();
  numbers.send(0);
  numbers.send(1);
  EXPECT_EQ(missed_by([&] { static_cast<void>(reader.receive_nowait()); }), 1u);
  numbers.send(2);
  numbers.send(3);
  EXPECT_EQ(missed_by([&] { static_cast<void>(reader.receive_nowait()); }), 2u);
  EXPECT_EQ(co_await reader.receive(), 3);
}

TRACTOR_TEST(broadcast_lag, one_slow_receiver_does_not_hold_up_the_others) {
  sc::broadcast<int> numbers(2);
  auto slow = numbers.subscribe(), quick = numbers.subscribe();
  for (int i = 0; i < 10; ++i) {
    numbers.send(i);
    EXPECT_EQ(co_await quick.receive(), i);
  }
  EXPECT_EQ(missed_by([&] { static_cast<void>(slow.receive_nowait()); }), 8u);
}

TRACTOR_TEST(broadcast_lag, task_that_was_woken_falls_behind_until_it_runs) {
  sc::broadcast<int> numbers(2);
  auto reader = numbers.subscribe();
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      EXPECT_THROW(static_cast<void>(co_await reader.receive()), sc::lagged);
      EXPECT_EQ(co_await reader.receive(), 1);
    });
    co_await settle();
    for (int i = 0; i < 3; ++i) numbers.send(i);
  });
}

TRACTOR_TEST(broadcast_lag, is_told_after_the_end_as_well) {
  sc::broadcast<int> numbers(1);
  auto reader = numbers.subscribe();
  numbers.send(0);
  numbers.send(1);
  numbers.close();
  EXPECT_THROW(static_cast<void>(co_await reader.next()), sc::lagged);
  EXPECT_EQ(co_await reader.next(), 1);
  EXPECT_EQ(co_await reader.next(), std::nullopt);
}

// --- the end ---

TRACTOR_TEST(broadcast_close, receivers_take_what_is_kept_and_then_the_end) {
  sc::broadcast<int> numbers(3);
  auto reader = numbers.subscribe();
  numbers.send(1);
  numbers.send(2);
  numbers.close();
  numbers.close();
  EXPECT_TRUE(numbers.closed());
  EXPECT_EQ(co_await reader.receive(), 1);
  EXPECT_EQ(co_await reader.next(), 2);
  EXPECT_EQ(co_await reader.next(), std::nullopt);
  EXPECT_THROW(static_cast<void>(co_await reader.receive()), sc::end_of_channel);
  EXPECT_THROW(static_cast<void>(reader.receive_nowait()), sc::end_of_channel);
}

TRACTOR_TEST(broadcast_close, wakes_who_waits) {
  sc::broadcast<int> numbers(3);
  int ended = 0;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&, reader = numbers.subscribe()]() mutable -> task<> { ended += (co_await reader.next()) == std::nullopt; });
    n.start_soon([&, reader = numbers.subscribe()]() mutable -> task<> {
      EXPECT_THROW(static_cast<void>(co_await reader.receive()), sc::end_of_channel);
      ++ended;
    });
    co_await settle();
    numbers.close();
  });
  EXPECT_EQ(ended, 2);
}

TRACTOR_TEST(broadcast_close, refuses_what_comes_afterwards) {
  sc::broadcast<int> numbers(3);
  numbers.close();
  EXPECT_THROW(numbers.send(1), sc::closed_resource_error);
  EXPECT_THROW(static_cast<void>(numbers.subscribe()), sc::closed_resource_error);
  co_return;
}

TRACTOR_TEST(broadcast_close, receivers_outlive_the_broadcast) {
  auto numbers = std::make_unique<sc::broadcast<std::string>>(3);
  auto reader = numbers->subscribe();
  numbers->send("kept");
  numbers.reset();
  EXPECT_EQ(co_await reader.receive(), "kept");
  EXPECT_EQ(co_await reader.next(), std::nullopt);
}

}  // namespace
