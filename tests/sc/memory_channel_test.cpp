// SPDX-License-Identifier: Apache-2.0
//
// Memory channels with trio's semantics: order, bounds, cloning, closing, and what a cancel leaves behind.

#include "tractor/sc/memory_channel.hpp"

#include <algorithm>
#include <memory>
#include <numeric>
#include <random>

#include "sc_test.hpp"

namespace {

using namespace sc_test;

TRACTOR_TEST(memory_channel, values_come_in_the_order_they_were_sent) {
  for (const std::size_t capacity : {std::size_t{0}, std::size_t{1}, std::size_t{3}, std::size_t{100}, sc::unbounded_capacity}) {
    auto [send, receive] = sc::open_memory_channel<int>(capacity);
    std::vector<int> got;
    co_await sc::open_nursery([&](nursery& n) {
      n.start_soon([&]() -> task<> {
        for (int i = 0; i < 50; ++i) co_await send.send(i);
        send.close();
      });
      n.start_soon([&]() -> task<> {
        while (const auto value = co_await receive.next()) got.push_back(*value);
      });
    });
    std::vector<int> expected(50);
    std::iota(expected.begin(), expected.end(), 0);
    EXPECT_EQ(got, expected) << "capacity " << capacity;
  }
}

TRACTOR_TEST(memory_channel, of_capacity_zero_makes_the_sender_wait_for_its_receiver) {
  auto [send, receive] = sc::open_memory_channel<int>(0);
  bool sent = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await send.send(1);
      sent = true;
    });
    co_await settle();
    EXPECT_FALSE(sent);
    EXPECT_EQ(send.statistics().waiting_senders, 1u);
    EXPECT_EQ(co_await receive.receive(), 1);
  });
  EXPECT_TRUE(sent);
}

TRACTOR_TEST(memory_channel, sender_waits_while_the_buffer_is_full) {
  auto [send, receive] = sc::open_memory_channel<int>(2);
  int sent = 0;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      for (int i = 0; i < 5; ++i) {
        co_await send.send(i);
        ++sent;
      }
    });
    co_await settle();
    EXPECT_EQ(sent, 2);
    EXPECT_EQ(co_await receive.receive(), 0);
    co_await settle();
    EXPECT_EQ(sent, 3);
    for (int i = 1; i < 5; ++i) EXPECT_EQ(co_await receive.receive(), i);
  });
  EXPECT_EQ(sent, 5);
}

TRACTOR_TEST(memory_channel, nowait_ends_throw_instead_of_waiting) {
  auto [send, receive] = sc::open_memory_channel<std::unique_ptr<int>>(1);
  EXPECT_THROW(static_cast<void>(receive.receive_nowait()), sc::would_block);
  send.send_nowait(std::make_unique<int>(1));
  auto kept = std::make_unique<int>(2);
  EXPECT_THROW(send.send_nowait(std::move(kept)), sc::would_block);
  TRACTOR_REQUIRE(kept != nullptr);  // what was not sent is still the caller's
  EXPECT_EQ(*receive.receive_nowait(), 1);
}

TRACTOR_TEST(memory_channel, waiting_receivers_are_served_in_the_order_they_came) {
  auto [send, receive] = sc::open_memory_channel<int>(0);
  std::vector<std::pair<int, int>> got;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    for (int i = 0; i < 3; ++i) {
      n.start_soon([&, i]() -> task<> { got.emplace_back(i, co_await receive.receive()); });
      co_await settle();
    }
    for (int i = 0; i < 3; ++i) send.send_nowait(i * 10);
  });
  std::sort(got.begin(), got.end());
  EXPECT_EQ(got, (std::vector<std::pair<int, int>>{{0, 0}, {1, 10}, {2, 20}}));
}

TRACTOR_TEST(memory_channel, waiting_senders_are_served_in_the_order_they_came) {
  auto [send, receive] = sc::open_memory_channel<int>(1);
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    for (int i = 0; i < 4; ++i) {
      n.start_soon([&, i]() -> task<> { co_await send.send(i); });
      co_await settle();
    }
    for (int i = 0; i < 4; ++i) EXPECT_EQ(co_await receive.receive(), i);
  });
}

TRACTOR_TEST(memory_channel, clones_share_the_channel_and_each_value_goes_to_one) {
  auto [send, receive] = sc::open_memory_channel<int>(4);
  std::vector<int> got;
  co_await sc::open_nursery([&](nursery& n) {
    for (int producer = 0; producer < 3; ++producer)
      n.start_soon([producer, end = send.clone()]() mutable -> task<> {
        for (int i = 0; i < 20; ++i) co_await end.send(producer * 100 + i);
      });
    for (int consumer = 0; consumer < 2; ++consumer)
      n.start_soon([&got, end = receive.clone()]() mutable -> task<> {
        while (const auto value = co_await end.next()) got.push_back(*value);
      });
    send.close();
    receive.close();
  });
  EXPECT_EQ(got.size(), 60u);
  std::sort(got.begin(), got.end());
  EXPECT_EQ(std::unique(got.begin(), got.end()), got.end());
}

// --- closing ---

TRACTOR_TEST(memory_channel_close, receivers_take_what_is_left_and_then_the_end) {
  auto [send, receive] = sc::open_memory_channel<int>(5);
  send.send_nowait(1);
  send.send_nowait(2);
  send.close();
  EXPECT_EQ(co_await receive.receive(), 1);
  EXPECT_EQ(co_await receive.next(), 2);
  EXPECT_EQ(co_await receive.next(), std::nullopt);
  EXPECT_THROW(static_cast<void>(co_await receive.receive()), sc::end_of_channel);
  EXPECT_THROW(static_cast<void>(receive.receive_nowait()), sc::end_of_channel);
}

TRACTOR_TEST(memory_channel_close, last_sender_wakes_waiting_receivers_with_the_end) {
  auto [send, receive] = sc::open_memory_channel<int>(0);
  auto other = send.clone();
  int ended = 0;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { ended += (co_await receive.next()) == std::nullopt; });
    n.start_soon([&]() -> task<> {
      EXPECT_THROW(static_cast<void>(co_await receive.receive()), sc::end_of_channel);
      ++ended;
    });
    co_await settle();
    send.close();
    co_await settle();
    EXPECT_EQ(ended, 0);
    other.close();
  });
  EXPECT_EQ(ended, 2);
}

TRACTOR_TEST(memory_channel_close, last_receiver_breaks_senders_and_drops_what_is_buffered) {
  auto [send, receive] = sc::open_memory_channel<std::shared_ptr<int>>(1);
  const auto token = std::make_shared<int>(0);
  bool broken = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await send.send(token);
      EXPECT_THROW(co_await send.send(token), sc::broken_resource_error);
      broken = true;
    });
    co_await settle();
    EXPECT_EQ(token.use_count(), 3);
    receive.close();
    EXPECT_EQ(send.statistics().buffered, 0u);
  });
  EXPECT_TRUE(broken);
  EXPECT_EQ(token.use_count(), 1);
  EXPECT_THROW(co_await send.send(token), sc::broken_resource_error);
  EXPECT_THROW(send.send_nowait(token), sc::broken_resource_error);
}

TRACTOR_TEST(memory_channel_close, closed_end_refuses_everything) {
  auto [send, receive] = sc::open_memory_channel<int>(1);
  send.close();
  send.close();
  EXPECT_TRUE(send.closed());
  EXPECT_THROW(co_await send.send(1), sc::closed_resource_error);
  EXPECT_THROW(send.send_nowait(1), sc::closed_resource_error);
  EXPECT_THROW(static_cast<void>(send.clone()), sc::closed_resource_error);
  receive.close();
  EXPECT_THROW(static_cast<void>(co_await receive.receive()), sc::closed_resource_error);
  EXPECT_THROW(static_cast<void>(co_await receive.next()), sc::closed_resource_error);
  EXPECT_THROW(static_cast<void>(receive.receive_nowait()), sc::closed_resource_error);
  EXPECT_THROW(static_cast<void>(receive.clone()), sc::closed_resource_error);
}

TRACTOR_TEST(memory_channel_close, tasks_that_wait_through_the_closed_end_are_told_and_others_are_not) {
  auto [send, receive] = sc::open_memory_channel<int>(0);
  auto other = receive.clone();
  int closed = 0, got = 0;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      EXPECT_THROW(static_cast<void>(co_await receive.receive()), sc::closed_resource_error);
      ++closed;
    });
    n.start_soon([&]() -> task<> { got = co_await other.receive(); });
    co_await settle();
    receive.close();
    co_await settle();
    EXPECT_EQ(closed, 1);
    co_await send.send(7);
  });
  EXPECT_EQ(got, 7);
}

TRACTOR_TEST(memory_channel_close, sender_that_waits_through_the_closed_end_is_told) {
  auto [send, receive] = sc::open_memory_channel<int>(0);
  auto other = send.clone();
  bool closed = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      EXPECT_THROW(co_await send.send(1), sc::closed_resource_error);
      closed = true;
    });
    n.start_soon([&]() -> task<> { co_await other.send(2); });
    co_await settle();
    send.close();
    EXPECT_EQ(co_await receive.receive(), 2);
  });
  EXPECT_TRUE(closed);
}

TRACTOR_TEST(memory_channel_close, end_that_moves_keeps_its_waiters) {
  auto [send, receive] = sc::open_memory_channel<int>(0);
  bool closed = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      EXPECT_THROW(static_cast<void>(co_await receive.receive()), sc::closed_resource_error);
      closed = true;
    });
    co_await settle();
    {
      const auto moved = std::move(receive);
      EXPECT_FALSE(closed);
    }
  });
  EXPECT_TRUE(closed);
  EXPECT_TRUE(receive.closed());
  EXPECT_THROW(send.send_nowait(1), sc::broken_resource_error);
}

TRACTOR_TEST(memory_channel_close, assignment_closes_what_the_end_was) {
  auto [first_send, first_receive] = sc::open_memory_channel<int>(1);
  auto [second_send, second_receive] = sc::open_memory_channel<int>(1);
  first_send = std::move(second_send);
  EXPECT_EQ(co_await first_receive.next(), std::nullopt);
  co_await first_send.send(3);
  EXPECT_EQ(co_await second_receive.receive(), 3);
}

TRACTOR_TEST(memory_channel_close, all_ends_destroyed_under_a_waiter) {
  bool told = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    auto ends = std::make_unique<sc::memory_channel_ends<int>>(sc::open_memory_channel<int>(0));
    n.start_soon([&told, raw = ends.get()]() -> task<> {
      EXPECT_THROW(co_await raw->send.send(1), tractor::error);
      told = true;
    });
    co_await settle();
    ends.reset();
  });
  EXPECT_TRUE(told);
}

TRACTOR_TEST(memory_channel_close, element_that_holds_an_end_of_its_own_channel_does_not_leak_or_crash) {
  struct knot {
    std::unique_ptr<sc::memory_send_channel<knot>> end;
  };
  auto [send, receive] = sc::open_memory_channel<knot>(2);
  send.send_nowait(knot{std::make_unique<sc::memory_send_channel<knot>>(send.clone())});
  receive.close();
  EXPECT_EQ(send.statistics().open_senders, 1u);
  co_return;
}

TRACTOR_TEST(memory_channel, statistics_tell_all) {
  auto [send, receive] = sc::open_memory_channel<int>(3);
  const auto another = send.clone();
  send.send_nowait(1);
  const auto seen = receive.statistics();
  EXPECT_EQ(seen.buffered, 1u);
  EXPECT_EQ(seen.capacity, 3u);
  EXPECT_EQ(seen.open_senders, 2u);
  EXPECT_EQ(seen.open_receivers, 1u);
  EXPECT_EQ(seen.waiting_senders, 0u);
  EXPECT_EQ(seen.waiting_receivers, 0u);
  co_return;
}

// --- cancelling ---

TRACTOR_TEST(memory_channel_cancel, of_a_send_delivers_nothing) {
  auto [send, receive] = sc::open_memory_channel<std::shared_ptr<int>>(0);
  const auto token = std::make_shared<int>(1);
  EXPECT_FALSE(co_await sc::move_on_after(1s, [&]() -> task<> { co_await send.send(token); }));
  EXPECT_EQ(token.use_count(), 1);
  EXPECT_THROW(static_cast<void>(receive.receive_nowait()), sc::would_block);
}

TRACTOR_TEST(memory_channel_cancel, of_a_receive_takes_nothing) {
  auto [send, receive] = sc::open_memory_channel<int>(1);
  EXPECT_FALSE(co_await sc::move_on_after(1s, [&]() -> task<> { static_cast<void>(co_await receive.receive()); }));
  send.send_nowait(4);
  EXPECT_EQ(co_await receive.receive(), 4);
}

TRACTOR_TEST(memory_channel_cancel, after_the_hand_over_the_value_is_not_lost) {
  auto [send, receive] = sc::open_memory_channel<int>(0);
  sc::cancel_scope scope;
  int got = 0;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await scope.run([&]() -> task<> {
        got = co_await receive.receive();
        co_await sc::checkpoint();
      });
    });
    co_await settle();
    send.send_nowait(5);
    scope.cancel();
  });
  EXPECT_EQ(got, 5);
}

TRACTOR_TEST(memory_channel_cancel, in_a_cancelled_scope_neither_end_moves_anything) {
  auto [send, receive] = sc::open_memory_channel<int>(2);
  send.send_nowait(1);
  sc::cancel_scope scope;
  scope.cancel();
  EXPECT_FALSE(co_await scope.run([&]() -> task<> {
    try {
      co_await send.send(2);
      ADD_FAILURE() << "sent";
    } catch (const sc::cancelled&) {
    }
    static_cast<void>(co_await receive.receive());
  }));
  EXPECT_EQ(receive.statistics().buffered, 1u);
}

TRACTOR_TEST(memory_channel_cancel, random_traffic_loses_and_doubles_nothing) {
  std::mt19937_64 random(sc::runner::current()->random());
  auto [send, receive] = sc::open_memory_channel<int>(random() % 4);
  std::vector<int> sent, got;
  co_await sc::open_nursery([&](nursery& outer) -> task<> {
    outer.start_soon([&]() -> task<> {
      while (const auto value = co_await receive.next()) {
        got.push_back(*value);
        if (random() % 3 == 0) co_await sc::sleep(std::chrono::milliseconds(random() % 5));
      }
    });
    outer.start_soon([&]() -> task<> {
      // Receives under deadlines that often pass.
      for (;;) {
        const auto value = co_await sc::move_on_after(std::chrono::milliseconds(random() % 3), [&] {
          return [](auto& from) -> task<std::optional<int>> { co_return co_await from.next(); }(receive);
        });
        if (!value) {
          co_await sc::checkpoint();
          continue;
        }
        if (!*value) break;
        got.push_back(**value);
      }
    });
    co_await sc::open_nursery([&](nursery& senders) {
      for (int producer = 0; producer < 4; ++producer)
        senders.start_soon([&, producer]() -> task<> {
          for (int i = 0; i < 30; ++i) {
            const int value = producer * 1000 + i;
            if (co_await sc::move_on_after(std::chrono::milliseconds(random() % 4), [&]() -> task<> { co_await send.send(value); }))
              sent.push_back(value);
          }
        });
    });
    send.close();
  });
  std::sort(sent.begin(), sent.end());
  std::sort(got.begin(), got.end());
  EXPECT_EQ(sent, got);
}

}  // namespace
