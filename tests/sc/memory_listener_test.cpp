// SPDX-License-Identifier: Apache-2.0
//
// Memory listeners: who connects is accepted in order, waits when the backlog is full, and is refused when it is closed.

#include "tractor/sc/memory_listener.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <random>

#include "sc_test.hpp"

namespace {

using namespace sc_test;
using stream = std::unique_ptr<sc::memory_stream>;

task<> send_text(sc::byte_stream& to, std::string_view text) { co_await to.send_all(std::as_bytes(std::span(text))); }

// What comes next; empty at the end.
task<std::string> receive_text(sc::byte_stream& from) {
  std::string buffer(64, '\0');
  buffer.resize(co_await from.receive_some(std::as_writable_bytes(std::span(buffer))));
  co_return buffer;
}

// The errno of what `body` throws.
template <class Body>
task<int> errno_of(Body body) {
  try {
    static_cast<void>(co_await body());
  } catch (const tractor::os_error& failed) {
    co_return failed.errno_value();
  }
  co_return 0;
}

TRACTOR_TEST(memory_listener, connects_both_ends) {
  sc::memory_listener listener;
  const stream client = co_await listener.connect();
  const stream server = co_await listener.accept();

  co_await send_text(*client, "ping");
  co_await send_text(*server, "pong");

  EXPECT_EQ(co_await receive_text(*server), "ping");
  EXPECT_EQ(co_await receive_text(*client), "pong");
}

TRACTOR_TEST(memory_listener, is_a_listener_like_another) {
  sc::memory_listener listener;
  sc::listener& any = listener;
  const stream client = co_await listener.connect();

  const std::unique_ptr<sc::byte_stream> server = co_await any.accept();

  co_await send_text(*client, "hello");
  EXPECT_EQ(co_await receive_text(*server), "hello");
}

TRACTOR_TEST(memory_listener, accept_waits_until_somebody_connects) {
  sc::memory_listener listener;
  stream server;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { server = co_await listener.accept(); });
    co_await settle();
    EXPECT_EQ(server, nullptr);

    const stream client = co_await listener.connect();
    co_await settle();
    EXPECT_NE(server, nullptr);
  });
}

TRACTOR_TEST(memory_listener, who_came_first_is_accepted_first_also_of_those_who_wait) {
  sc::memory_listener listener({.backlog = 2});
  std::string order;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    for (const char* name : {"a", "b", "c", "d"}) {
      n.start_soon([&, name]() -> task<> {
        const stream client = co_await listener.connect();
        co_await send_text(*client, name);
        static_cast<void>(co_await receive_text(*client));
      });
      co_await settle();
    }
    for (int i = 0; i < 4; ++i) {
      const stream server = co_await listener.accept();
      order += co_await receive_text(*server);
    }
  });
  EXPECT_EQ(order, "abcd");
}

TRACTOR_TEST(memory_listener, connect_waits_while_the_backlog_is_full) {
  sc::memory_listener listener({.backlog = 1});
  const stream first = co_await listener.connect();
  stream second;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { second = co_await listener.connect(); });
    co_await settle();
    EXPECT_EQ(second, nullptr);

    const stream accepted = co_await listener.accept();
    co_await settle();
    EXPECT_NE(second, nullptr);
  });
}

TRACTOR_TEST(memory_listener, without_a_backlog_each_connect_waits_for_its_accept) {
  sc::memory_listener listener({.backlog = 0});
  EXPECT_FALSE(co_await sc::move_on_after(1h, [&]() -> task<> { static_cast<void>(co_await listener.connect()); }));
  stream client;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { client = co_await listener.connect(); });
    static_cast<void>(co_await listener.accept());
  });
  EXPECT_NE(client, nullptr);
}

TRACTOR_TEST(memory_listener, cancelled_connect_has_connected_nothing) {
  sc::memory_listener listener({.backlog = 1});
  const stream first = co_await listener.connect();

  EXPECT_FALSE(co_await sc::move_on_after(1s, [&]() -> task<> { static_cast<void>(co_await listener.connect()); }));

  const stream accepted = co_await listener.accept();
  EXPECT_FALSE(co_await sc::move_on_after(1s, [&]() -> task<> { static_cast<void>(co_await listener.accept()); }));
}

TRACTOR_TEST(memory_listener, in_a_cancelled_scope_nobody_connects_and_nobody_is_taken) {
  sc::memory_listener listener;
  const stream client = co_await listener.connect();
  sc::cancel_scope connecting, accepting;
  connecting.cancel();
  accepting.cancel();

  EXPECT_FALSE(co_await connecting.run([&]() -> task<> { static_cast<void>(co_await listener.connect()); }));
  EXPECT_FALSE(co_await accepting.run([&]() -> task<> { static_cast<void>(co_await listener.accept()); }));

  const stream server = co_await listener.accept();
  co_await send_text(*client, "still there");
  EXPECT_EQ(co_await receive_text(*server), "still there");
  EXPECT_FALSE(co_await sc::move_on_after(1s, [&]() -> task<> { static_cast<void>(co_await listener.accept()); }));
}

TRACTOR_TEST(memory_listener, close_refuses_who_connects_later) {
  sc::memory_listener listener;
  EXPECT_FALSE(listener.closed());

  listener.close();
  listener.close();

  EXPECT_TRUE(listener.closed());
  EXPECT_EQ(co_await errno_of([&] { return listener.connect(); }), ECONNREFUSED);
  EXPECT_THROW(static_cast<void>(co_await listener.accept()), sc::closed_resource_error);
}

TRACTOR_TEST(memory_listener, close_wakes_who_waits_to_connect) {
  sc::memory_listener listener({.backlog = 0});
  int refused = 0;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    for (int i = 0; i < 3; ++i)
      n.start_soon([&]() -> task<> { refused += co_await errno_of([&] { return listener.connect(); }) == ECONNREFUSED; });
    co_await settle();
    listener.close();
  });
  EXPECT_EQ(refused, 3);
}

TRACTOR_TEST(memory_listener, close_wakes_who_accepts) {
  sc::memory_listener listener;
  std::string message;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      try {
        static_cast<void>(co_await listener.accept());
      } catch (const sc::closed_resource_error& closed) {
        message = closed.what();
      }
    });
    co_await settle();
    listener.close();
  });
  EXPECT_EQ(message, "accept(): the listener was closed on this side");
}

TRACTOR_TEST(memory_listener, close_ends_what_lies_in_the_backlog_and_leaves_what_was_accepted) {
  sc::memory_listener listener;
  const stream early = co_await listener.connect();
  const stream accepted = co_await listener.accept();
  const stream late = co_await listener.connect();
  co_await send_text(*late, "nobody reads this");

  listener.close();

  EXPECT_EQ(co_await receive_text(*late), "");
  EXPECT_THROW(co_await send_text(*late, "x"), sc::broken_resource_error);
  co_await send_text(*accepted, "goes on");
  EXPECT_EQ(co_await receive_text(*early), "goes on");
}

TRACTOR_TEST(memory_listener, second_task_that_accepts_is_refused) {
  sc::memory_listener listener;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { static_cast<void>(co_await listener.accept()); });
    co_await settle();
    EXPECT_THROW(static_cast<void>(co_await listener.accept()), sc::busy_resource_error);
    n.cancel();
  });
}

TRACTOR_TEST(memory_listener, may_be_destroyed_while_tasks_wait_to_connect) {
  auto listener = std::make_unique<sc::memory_listener>(sc::memory_listener_options{.backlog = 1});
  const stream waiting = co_await listener->connect();
  int refused = 0;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    for (int i = 0; i < 2; ++i)
      n.start_soon([&]() -> task<> { refused += co_await errno_of([&] { return listener->connect(); }) == ECONNREFUSED; });
    co_await settle();
    listener.reset();
  });
  EXPECT_EQ(refused, 2);
  EXPECT_EQ(co_await receive_text(*waiting), "");
}

TRACTOR_TEST(memory_listener, buffer_size_is_that_of_each_direction) {
  sc::memory_listener listener({.buffer_bytes = 3});
  const stream client = co_await listener.connect();
  const stream server = co_await listener.accept();

  EXPECT_EQ(client->try_send(std::as_bytes(std::span("abcdef"))).bytes, 3u);
  EXPECT_EQ(server->try_send(std::as_bytes(std::span("abcdef"))).bytes, 3u);
}

TEST(memory_listener, buffer_of_nothing_is_a_usage_error) { EXPECT_THROW(sc::memory_listener({.buffer_bytes = 0}), tractor::usage_error); }

// Connects and accepts are cancelled at random moments: whoever got a stream is served once, who did not is served never.
TRACTOR_TEST(memory_listener, random_cancels_lose_nobody_and_make_nobody_up) {
  constexpr int clients = 200;
  std::mt19937_64 random(sc::runner::current()->random());
  const auto moment = [&] { return sc::duration(std::chrono::microseconds(random() % 50)); };
  sc::memory_listener listener({.backlog = 3});
  std::vector<int> connected, served;
  co_await sc::open_nursery([&](nursery& serving) -> task<> {
    serving.start_soon([&]() -> task<> {
      for (;;) {
        auto accepted = co_await sc::move_on_after(moment(), [&] { return listener.accept(); });
        if (accepted) served.push_back(std::stoi(co_await receive_text(**accepted)));
        co_await sc::sleep(moment());
      }
    });
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      for (int i = 0; i < clients; ++i) {
        n.start_soon([&, i]() -> task<> {
          const auto client = co_await sc::move_on_after(moment(), [&] { return listener.connect(); });
          if (!client) co_return;
          connected.push_back(i);
          co_await send_text(**client, std::to_string(i));
          EXPECT_EQ(co_await receive_text(**client), "") << "it is served when its stream ends";
        });
        co_await sc::sleep(moment() / 4);
      }
    });
    serving.cancel("all are through");
  });
  std::ranges::sort(connected);
  std::ranges::sort(served);
  EXPECT_EQ(served, connected);
  EXPECT_FALSE(served.empty());
}

}  // namespace
