// SPDX-License-Identifier: Apache-2.0
//
// Oneshots: one value, or word that there will be none, and what moves, closes and cancels do to it.

#include "tractor/sc/oneshot.hpp"

#include <memory>

#include "sc_test.hpp"

namespace {

using namespace sc_test;

TRACTOR_TEST(oneshot, value_sent_before_the_receive_waits_for_it) {
  auto [send, receive] = sc::open_oneshot<int>();
  send.send(7);
  EXPECT_EQ(co_await receive.receive(), 7);
}

TRACTOR_TEST(oneshot, receiver_waits_for_the_value) {
  auto [send, receive] = sc::open_oneshot<int>();
  int got = 0;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { got = co_await receive.receive(); });
    co_await settle();
    EXPECT_TRUE(contains(sc::to_text(sc::task_tree()), "waits in oneshot.receive since"));
    send.send(7);
  });
  EXPECT_EQ(got, 7);
}

TRACTOR_TEST(oneshot, value_is_moved_and_never_copied) {
  auto [send, receive] = sc::open_oneshot<std::unique_ptr<int>>();
  send.send(std::make_unique<int>(3));
  EXPECT_EQ(*co_await receive.receive(), 3);
}

TRACTOR_TEST(oneshot, value_outlives_its_sender) {
  auto ends = std::make_unique<sc::oneshot<std::string>>(sc::open_oneshot<std::string>());
  auto receive = std::move(ends->receive);
  const std::string value = "kept";
  ends->send.send(value);
  ends.reset();
  EXPECT_EQ(co_await receive.receive(), "kept");
}

TRACTOR_TEST(oneshot, receive_nowait_throws_instead_of_waiting) {
  auto [send, receive] = sc::open_oneshot<int>();
  EXPECT_THROW(static_cast<void>(receive.receive_nowait()), sc::would_block);
  send.send(2);
  EXPECT_EQ(receive.receive_nowait(), 2);
  co_return;
}

TRACTOR_TEST(oneshot, value_is_destroyed_when_the_receiver_goes) {
  auto [send, receive] = sc::open_oneshot<std::shared_ptr<int>>();
  const auto token = std::make_shared<int>(1);
  send.send(token);
  EXPECT_EQ(token.use_count(), 2);
  receive.close();
  EXPECT_EQ(token.use_count(), 1);
  co_return;
}

TRACTOR_TEST(oneshot, value_that_holds_its_own_sender_does_not_leak_or_crash) {
  struct knot {
    std::unique_ptr<sc::oneshot_sender<knot>> end;
  };
  auto [send, receive] = sc::open_oneshot<knot>();
  auto held = std::make_unique<sc::oneshot_sender<knot>>(std::move(send));
  auto& raw = *held;
  raw.send(knot{std::move(held)});
  receive.close();
  co_return;
}

// --- one side goes ---

TRACTOR_TEST(oneshot_close, sender_that_goes_without_sending_is_the_end) {
  auto [send, receive] = sc::open_oneshot<int>();
  send.close();
  send.close();
  EXPECT_TRUE(send.closed());
  EXPECT_THROW(static_cast<void>(co_await receive.receive()), sc::end_of_channel);
  EXPECT_THROW(static_cast<void>(receive.receive_nowait()), sc::end_of_channel);
}

TRACTOR_TEST(oneshot_close, sender_that_goes_wakes_its_receiver) {
  auto ends = std::make_unique<sc::oneshot<int>>(sc::open_oneshot<int>());
  auto receive = std::move(ends->receive);
  bool ended = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      EXPECT_THROW(static_cast<void>(co_await receive.receive()), sc::end_of_channel);
      ended = true;
    });
    co_await settle();
    ends.reset();
  });
  EXPECT_TRUE(ended);
}

TRACTOR_TEST(oneshot_close, sender_sees_that_the_receiver_is_gone) {
  auto [send, receive] = sc::open_oneshot<std::unique_ptr<int>>();
  EXPECT_FALSE(send.receiver_gone());
  receive.close();
  receive.close();
  EXPECT_TRUE(send.receiver_gone());
  auto value = std::make_unique<int>(1);
  EXPECT_THROW(send.send(std::move(value)), sc::broken_resource_error);
  TRACTOR_REQUIRE(value != nullptr);  // it is still the caller's
}

TRACTOR_TEST(oneshot_close, task_that_waits_through_the_closed_end_is_told) {
  auto [send, receive] = sc::open_oneshot<int>();
  bool told = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      EXPECT_THROW(static_cast<void>(co_await receive.receive()), sc::closed_resource_error);
      told = true;
    });
    co_await settle();
    receive.close();
    send.close();
  });
  EXPECT_TRUE(told);
}

TRACTOR_TEST(oneshot_close, task_that_has_got_the_value_keeps_it) {
  auto [send, receive] = sc::open_oneshot<int>();
  int got = 0;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { got = co_await receive.receive(); });
    co_await settle();
    send.send(4);
    send.close();
    receive.close();
  });
  EXPECT_EQ(got, 4);
}

TRACTOR_TEST(oneshot_close, end_that_moves_keeps_its_task) {
  auto [send, receive] = sc::open_oneshot<int>();
  auto [other_send, other_receive] = sc::open_oneshot<int>();
  int got = 0;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { got = co_await receive.receive(); });
    co_await settle();
    other_receive = std::move(receive);
    EXPECT_TRUE(receive.closed());
    EXPECT_TRUE(other_send.receiver_gone());  // what the end was is closed
    other_send = std::move(send);
    other_send.send(9);
  });
  EXPECT_EQ(got, 9);
}

// --- misuse ---

TRACTOR_TEST(oneshot_misuse, sending_twice_is_a_usage_error) {
  auto [send, receive] = sc::open_oneshot<int>();
  send.send(1);
  EXPECT_THROW(send.send(2), tractor::usage_error);
  EXPECT_EQ(co_await receive.receive(), 1);
  receive.close();
  EXPECT_THROW(send.send(2), tractor::usage_error);
}

TRACTOR_TEST(oneshot_misuse, receiving_again_is_a_usage_error) {
  auto [send, receive] = sc::open_oneshot<int>();
  send.send(1);
  EXPECT_EQ(co_await receive.receive(), 1);
  EXPECT_THROW(static_cast<void>(co_await receive.receive()), tractor::usage_error);
  EXPECT_TRUE(contains(message_of([&] { static_cast<void>(receive.receive_nowait()); }), "the one value was taken already"));
}

TRACTOR_TEST(oneshot_misuse, second_task_that_waits_is_refused) {
  auto [send, receive] = sc::open_oneshot<int>();
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { EXPECT_EQ(co_await receive.receive(), 1); });
    co_await settle();
    EXPECT_THROW(static_cast<void>(co_await receive.receive()), sc::busy_resource_error);
    send.send(1);
  });
}

TRACTOR_TEST(oneshot_misuse, closed_end_refuses_everything) {
  auto [send, receive] = sc::open_oneshot<int>();
  send.close();
  EXPECT_THROW(send.send(1), sc::closed_resource_error);
  EXPECT_TRUE(send.receiver_gone());
  receive.close();
  EXPECT_THROW(static_cast<void>(co_await receive.receive()), sc::closed_resource_error);
  EXPECT_THROW(static_cast<void>(receive.receive_nowait()), sc::closed_resource_error);
}

// --- cancelling ---

TRACTOR_TEST(oneshot_cancel, of_a_receive_leaves_the_value_to_the_next_one) {
  auto [send, receive] = sc::open_oneshot<int>();
  EXPECT_FALSE(co_await sc::move_on_after(1s, [&]() -> task<> { static_cast<void>(co_await receive.receive()); }));
  send.send(4);
  EXPECT_FALSE(co_await sc::move_on_after(0s, [&]() -> task<> { static_cast<void>(co_await receive.receive()); }));
  EXPECT_EQ(co_await receive.receive(), 4);
}

TRACTOR_TEST(oneshot_cancel, after_the_value_was_sent_does_not_lose_it) {
  auto [send, receive] = sc::open_oneshot<int>();
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
    send.send(5);
    scope.cancel();
  });
  EXPECT_EQ(got, 5);
}

TRACTOR_TEST(oneshot_cancel, before_the_value_was_sent_leaves_it_in_the_channel) {
  auto [send, receive] = sc::open_oneshot<int>();
  sc::cancel_scope scope;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { EXPECT_FALSE(co_await scope.run([&]() -> task<> { static_cast<void>(co_await receive.receive()); })); });
    co_await settle();
    scope.cancel();
    send.send(5);
  });
  EXPECT_EQ(co_await receive.receive(), 5);
}

}  // namespace
