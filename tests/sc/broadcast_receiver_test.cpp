// SPDX-License-Identifier: Apache-2.0
//
// Receivers of a broadcast: clones, moves, closing under a task that waits, misuse, cancels, and a random crowd of them.

#include <memory>
#include <random>

#include "sc_test.hpp"
#include "tractor/sc/broadcast.hpp"

namespace {

using namespace sc_test;

TEST(broadcast_receiver, waiting_ones_are_woken_in_the_order_they_came) {
  sc::virtual_clock clock;
  std::vector<int> order;
  sc::run({.clock = &clock}, [&]() -> task<> {
    sc::broadcast<int> numbers(1);
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      for (int i = 0; i < 4; ++i)
        n.start_soon([&, i, reader = numbers.subscribe()]() mutable -> task<> {
          co_await sc::sleep((4 - i) * 1us);
          static_cast<void>(co_await reader.receive());
          order.push_back(i);
        });
      co_await sc::sleep(1ms);
      numbers.send(1);
    });
  });
  EXPECT_EQ(order, (std::vector<int>{3, 2, 1, 0}));
}

TRACTOR_TEST(broadcast_receiver, clone_has_yet_to_see_what_the_original_has) {
  sc::broadcast<std::shared_ptr<int>> values(4);
  const auto token = std::make_shared<int>(0);
  auto reader = values.subscribe();
  values.send(nullptr);
  values.send(token);
  static_cast<void>(co_await reader.receive());
  auto clone = reader.clone();
  EXPECT_EQ(co_await reader.receive(), token);
  EXPECT_EQ(token.use_count(), 2);  // kept for the clone
  EXPECT_EQ(co_await clone.receive(), token);
  EXPECT_EQ(token.use_count(), 1);
}

TRACTOR_TEST(broadcast_receiver, clone_of_one_that_fell_behind_is_told_too) {
  sc::broadcast<int> numbers(1);
  auto reader = numbers.subscribe();
  numbers.send(0);
  numbers.send(1);
  auto clone = reader.clone();
  EXPECT_THROW(static_cast<void>(co_await clone.receive()), sc::lagged);
  EXPECT_EQ(co_await clone.receive(), 1);
  EXPECT_THROW(static_cast<void>(co_await reader.receive()), sc::lagged);
  EXPECT_EQ(co_await reader.receive(), 1);
}

TRACTOR_TEST(broadcast_receiver, closed_one_gives_up_what_it_had_yet_to_see) {
  sc::broadcast<std::shared_ptr<int>> values(4);
  const auto token = std::make_shared<int>(0);
  auto reader = values.subscribe();
  values.send(token);
  values.send(token);
  reader.close();
  reader.close();
  EXPECT_EQ(token.use_count(), 1);
  EXPECT_EQ(values.statistics().open_receivers, 0u);
  EXPECT_EQ(values.send(token), 0u);
  co_return;
}

TRACTOR_TEST(broadcast_receiver, closed_one_refuses_everything) {
  sc::broadcast<int> numbers(1);
  auto reader = numbers.subscribe();
  reader.close();
  EXPECT_TRUE(reader.closed());
  EXPECT_THROW(static_cast<void>(co_await reader.receive()), sc::closed_resource_error);
  EXPECT_THROW(static_cast<void>(co_await reader.next()), sc::closed_resource_error);
  EXPECT_THROW(static_cast<void>(reader.receive_nowait()), sc::closed_resource_error);
  EXPECT_THROW(static_cast<void>(reader.clone()), sc::closed_resource_error);
  EXPECT_EQ(reader.statistics().capacity, 0u);
}

TRACTOR_TEST(broadcast_receiver, task_that_waits_through_a_closed_one_is_told) {
  sc::broadcast<int> numbers(1);
  auto reader = numbers.subscribe();
  bool told = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      EXPECT_THROW(static_cast<void>(co_await reader.receive()), sc::closed_resource_error);
      told = true;
    });
    co_await settle();
    reader.close();
  });
  EXPECT_TRUE(told);
}

TRACTOR_TEST(broadcast_receiver, task_that_was_woken_and_not_run_yet_when_it_was_destroyed_is_told) {
  sc::broadcast<int> numbers(1);
  auto reader = std::make_unique<sc::broadcast_receiver<int>>(numbers.subscribe());
  bool told = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&, raw = reader.get()]() -> task<> {
      EXPECT_THROW(static_cast<void>(co_await raw->receive()), sc::closed_resource_error);
      told = true;
    });
    co_await settle();
    numbers.send(1);
    reader.reset();
  });
  EXPECT_TRUE(told);
}

TRACTOR_TEST(broadcast_receiver, one_that_moves_keeps_its_task) {
  sc::broadcast<int> numbers(1);
  auto first = std::make_unique<sc::broadcast_receiver<int>>(numbers.subscribe());
  auto second = numbers.subscribe();
  int got = 0;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&, raw = first.get()]() -> task<> { got = co_await raw->receive(); });
    co_await settle();
    second = std::move(*first);
    EXPECT_TRUE(first->closed());
    first.reset();
    EXPECT_EQ(numbers.send(5), 1u);  // what `second` was is closed
  });
  EXPECT_EQ(got, 5);
  numbers.send(6);
  EXPECT_EQ(co_await second.receive(), 6);
}

TRACTOR_TEST(broadcast_receiver, second_task_that_receives_through_it_is_refused) {
  sc::broadcast<int> numbers(1);
  auto reader = numbers.subscribe();
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { EXPECT_EQ(co_await reader.receive(), 1); });
    co_await settle();
    EXPECT_THROW(static_cast<void>(co_await reader.next()), sc::busy_resource_error);
    numbers.send(1);
    EXPECT_THROW(static_cast<void>(reader.receive_nowait()), sc::busy_resource_error);  // the value is the other task's
  });
}

TRACTOR_TEST(broadcast_receiver, value_whose_destructor_closes_another_receiver_and_the_broadcast_is_dropped_in_peace) {
  struct knot {
    std::shared_ptr<sc::broadcast_receiver<knot>> reader;
    std::shared_ptr<sc::broadcast<knot>> sender;
  };
  auto sender = std::make_shared<sc::broadcast<knot>>(1);
  auto reader = sender->subscribe();
  auto held = std::make_shared<sc::broadcast_receiver<knot>>(sender->subscribe());
  sender->send(knot{std::move(held), sender});
  sc::broadcast<knot>& raw = *sender;
  sender.reset();
  raw.send(knot{});  // replaces the value, which held the rest
  EXPECT_THROW(static_cast<void>(co_await reader.receive()), sc::lagged);
  EXPECT_FALSE((co_await reader.receive()).sender);
  EXPECT_EQ((co_await reader.next()).has_value(), false);
}

TRACTOR_TEST(broadcast_receiver, closing_it_destroys_values_that_hold_the_last_other_receivers) {
  using reader_type = sc::broadcast_receiver<std::shared_ptr<void>>;
  auto values = std::make_unique<sc::broadcast<std::shared_ptr<void>>>(4);
  auto reader = values->subscribe();
  std::vector<std::weak_ptr<void>> held;
  for (int i = 0; i < 3; ++i) {
    const auto another = std::make_shared<reader_type>(values->subscribe());
    values->send(another);
    static_cast<void>(another->receive_nowait());  // itself: a value that it had yet to see would keep it for ever
    held.emplace_back(another);
  }
  values->send(nullptr);
  values.reset();
  EXPECT_EQ(reader.statistics().open_receivers, 4u);
  reader.close();
  for (const auto& gone : held) EXPECT_TRUE(gone.expired());
  co_return;
}

// --- cancelling ---

TRACTOR_TEST(broadcast_cancel, of_a_receive_takes_nothing) {
  sc::broadcast<int> numbers(1);
  auto reader = numbers.subscribe();
  EXPECT_FALSE(co_await sc::move_on_after(1s, [&]() -> task<> { static_cast<void>(co_await reader.receive()); }));
  EXPECT_EQ(numbers.statistics().waiting_receivers, 0u);
  numbers.send(4);
  EXPECT_EQ(co_await reader.receive(), 4);
}

TRACTOR_TEST(broadcast_cancel, in_a_cancelled_scope_nothing_is_taken) {
  sc::broadcast<int> numbers(1);
  auto reader = numbers.subscribe();
  numbers.send(1);
  sc::cancel_scope scope;
  scope.cancel();
  EXPECT_FALSE(co_await scope.run([&]() -> task<> { static_cast<void>(co_await reader.next()); }));
  EXPECT_EQ(co_await reader.receive(), 1);
}

TRACTOR_TEST(broadcast_cancel, after_the_value_was_sent_does_not_lose_it) {
  sc::broadcast<int> numbers(1);
  auto reader = numbers.subscribe();
  sc::cancel_scope scope;
  int got = 0;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await scope.run([&]() -> task<> {
        got = co_await reader.receive();
        co_await sc::checkpoint();
      });
    });
    co_await settle();
    numbers.send(5);
    scope.cancel();
  });
  EXPECT_EQ(got, 5);
}

TRACTOR_TEST(broadcast_cancel, before_the_receiver_is_closed_is_what_the_task_sees) {
  sc::broadcast<int> numbers(1);
  auto reader = std::make_unique<sc::broadcast_receiver<int>>(numbers.subscribe());
  sc::cancel_scope scope;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&, raw = reader.get()]() -> task<> {
      EXPECT_FALSE(co_await scope.run([&]() -> task<> { static_cast<void>(co_await raw->receive()); }));
    });
    co_await settle();
    scope.cancel();
    reader.reset();
    EXPECT_EQ(numbers.send(1), 0u);
  });
}

// Every receiver accounts for every number since it began: it had it, or was told that it missed it.
TRACTOR_TEST(broadcast_cancel, random_crowd_accounts_for_every_value) {
  std::mt19937_64 random(sc::runner::current()->random());
  const auto some_ms = [&](unsigned below) { return std::chrono::milliseconds(random() % below); };
  constexpr int values = 200;
  sc::broadcast<int> numbers(1 + random() % 3);
  int gave_up = 0, fell_behind = 0, ended = 0, clones_left = 20;
  // Reads on from number `expected`. All but the first six go at some time.
  const auto read = [&](auto& self, nursery& n, sc::broadcast_receiver<int> reader, int expected, bool stays) -> task<> {
    bool open = true;
    while (open) {
      try {
        gave_up += !co_await sc::move_on_after(some_ms(5), [&]() -> task<> {
          const auto value = co_await reader.next();
          open = value.has_value();
          if (open) EXPECT_EQ(*value, expected++);
        });
      } catch (const sc::lagged& error) {
        expected += static_cast<int>(error.missed());
        ++fell_behind;
      }
      if (random() % 4 == 0) co_await sc::sleep(some_ms(6));
      if (random() % 16 == 0 && clones_left-- > 0)
        n.start_soon({}, std::cref(self), std::cref(self), std::ref(n), reader.clone(), expected, false);
      if (!stays && random() % 32 == 0) co_return;
    }
    EXPECT_EQ(expected, values);
    ++ended;
  };
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    for (int i = 0; i < 6; ++i) n.start_soon({}, std::cref(read), std::cref(read), std::ref(n), numbers.subscribe(), 0, true);
    for (int i = 0; i < values; ++i) {
      numbers.send(i);
      if (random() % 2 == 0) co_await sc::sleep(some_ms(4));
    }
    numbers.close();
  });
  EXPECT_GT(gave_up, 0);
  EXPECT_GT(fell_behind, 0);
  EXPECT_GE(ended, 6);
  EXPECT_EQ(numbers.statistics().open_receivers, 0u);
  EXPECT_EQ(numbers.statistics().buffered, 0u);
}

}  // namespace
