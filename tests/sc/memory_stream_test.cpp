// SPDX-License-Identifier: Apache-2.0
//
// Memory streams: the contract of a byte stream, with a buffer whose size the test chooses.

#include "tractor/sc/memory_stream.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <random>

#include "sc_test.hpp"

namespace {

using namespace sc_test;

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

task<std::string> receive_text(sc::byte_stream& from, std::size_t most = 4096) {
  std::vector<std::byte> buffer(most);
  const std::size_t got = co_await from.receive_some(buffer);
  co_return std::string(reinterpret_cast<const char*>(buffer.data()), got);
}

task<std::string> receive_all(sc::byte_stream& from, std::size_t at_once) {
  std::string all;
  for (;;) {
    const std::string part = co_await receive_text(from, at_once);
    if (part.empty()) co_return all;
    all += part;
  }
}

TRACTOR_TEST(memory_stream, carries_bytes_both_ways) {
  auto [near, far] = sc::open_memory_streams();
  co_await near->send_all(bytes_of("ping"));
  co_await far->send_all(bytes_of("pong"));
  EXPECT_EQ(co_await receive_text(*far), "ping");
  EXPECT_EQ(co_await receive_text(*near), "pong");
}

TRACTOR_TEST(memory_stream, more_than_the_buffer_holds_arrives_whole) {
  std::mt19937_64 random(sc::runner::current()->random());
  for (const std::size_t buffer : {std::size_t{1}, std::size_t{7}, std::size_t{64}}) {
    auto [near, far] = sc::open_memory_streams(buffer);
    std::string sent(1000, '\0');
    for (char& c : sent) c = static_cast<char>(random());
    std::string got;
    co_await sc::open_nursery([&](nursery& n) {
      n.start_soon([&]() -> task<> {
        std::string_view rest = sent;
        while (!rest.empty()) {
          const std::size_t part = std::min<std::size_t>(rest.size(), 1 + random() % 100);
          co_await near->send_all(bytes_of(rest.substr(0, part)));
          rest.remove_prefix(part);
        }
        near->send_eof();
      });
      n.start_soon([&]() -> task<> { got = co_await receive_all(*far, 1 + random() % 50); });
    });
    EXPECT_EQ(got, sent) << "buffer of " << buffer;
  }
}

TRACTOR_TEST(memory_stream, sender_waits_while_the_buffer_is_full) {
  auto [near, far] = sc::open_memory_streams(4);
  bool sent = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await near->send_all(bytes_of("abcdef"));
      sent = true;
    });
    co_await settle();
    EXPECT_FALSE(sent);
    EXPECT_EQ(co_await receive_text(*far), "abcd");
    co_await settle();
    EXPECT_TRUE(sent);
    EXPECT_EQ(co_await receive_text(*far), "ef");
  });
}

TRACTOR_TEST(memory_stream, eof_ends_one_direction_only) {
  auto [near, far] = sc::open_memory_streams();
  co_await near->send_all(bytes_of("last"));
  near->send_eof();
  near->send_eof();
  EXPECT_EQ(co_await receive_text(*far), "last");
  EXPECT_EQ(co_await receive_text(*far), "");
  EXPECT_EQ(co_await receive_text(*far), "");
  co_await far->send_all(bytes_of("still"));
  EXPECT_EQ(co_await receive_text(*near), "still");
  EXPECT_THROW(co_await near->send_all(bytes_of("x")), sc::closed_resource_error);
}

TRACTOR_TEST(memory_stream, eof_wakes_a_waiting_receiver) {
  auto [near, far] = sc::open_memory_streams();
  bool ended = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { ended = (co_await receive_text(*far)).empty(); });
    co_await settle();
    near->send_eof();
  });
  EXPECT_TRUE(ended);
}

TRACTOR_TEST(memory_stream, eof_while_a_task_sends_is_refused) {
  auto [near, far] = sc::open_memory_streams(1);
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { co_await near->send_all(bytes_of("ab")); });
    co_await settle();
    EXPECT_THROW(near->send_eof(), sc::busy_resource_error);
    EXPECT_EQ(co_await receive_text(*far), "a");
    EXPECT_EQ(co_await receive_text(*far), "b");
  });
}

// A reader and a writer that `stream` makes wait; each adds to `closed` when it is closed under it.
void start_waiters(nursery& n, sc::byte_stream& stream, int& closed) {
  n.start_soon([&]() -> task<> {
    EXPECT_THROW(static_cast<void>(co_await receive_text(stream)), sc::closed_resource_error);
    ++closed;
  });
  n.start_soon([&]() -> task<> {
    EXPECT_THROW(co_await stream.send_all(bytes_of("abcdef")), sc::closed_resource_error);
    ++closed;
  });
}

TRACTOR_TEST(memory_stream, closing_wakes_own_waiters_with_closed_resource_error) {
  auto [near, far] = sc::open_memory_streams(1);
  int closed = 0;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    start_waiters(n, *near, closed);
    co_await settle();
    near->close();
    near->close();
  });
  EXPECT_EQ(closed, 2);
  EXPECT_TRUE(near->closed());
  EXPECT_FALSE(far->closed());
}

TRACTOR_TEST(memory_stream, closing_ends_the_peers_receive_after_what_was_sent_and_breaks_its_send) {
  auto [near, far] = sc::open_memory_streams(4);
  bool broken = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    co_await near->send_all(bytes_of("rest"));
    n.start_soon([&]() -> task<> {
      EXPECT_THROW(co_await far->send_all(bytes_of("too long for it")), sc::broken_resource_error);
      broken = true;
    });
    co_await settle();
    near->close();
  });
  EXPECT_TRUE(broken);
  EXPECT_EQ(co_await receive_text(*far), "rest");
  EXPECT_EQ(co_await receive_text(*far), "");
}

TRACTOR_TEST(memory_stream, destroying_one_end_is_closing_it) {
  auto [near, far] = sc::open_memory_streams();
  near.reset();
  EXPECT_EQ(co_await receive_text(*far), "");
  EXPECT_THROW(co_await far->send_all(bytes_of("x")), sc::broken_resource_error);
}

TRACTOR_TEST(memory_stream, second_task_on_one_direction_is_refused) {
  auto [near, far] = sc::open_memory_streams(1);
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { static_cast<void>(co_await receive_text(*near)); });
    n.start_soon([&]() -> task<> { co_await near->send_all(bytes_of("ab")); });
    co_await settle();
    EXPECT_THROW(static_cast<void>(co_await receive_text(*near)), sc::busy_resource_error);
    EXPECT_THROW(co_await near->send_all(bytes_of("c")), sc::busy_resource_error);
    n.cancel();
  });
}

TRACTOR_TEST(memory_stream, cancelled_receive_loses_nothing) {
  auto [near, far] = sc::open_memory_streams();
  EXPECT_FALSE(co_await sc::move_on_after(1s, [&]() -> task<> { static_cast<void>(co_await receive_text(*far)); }));
  co_await near->send_all(bytes_of("kept"));
  EXPECT_EQ(co_await receive_text(*far), "kept");
}

TRACTOR_TEST(memory_stream, received_and_then_cancelled_keeps_the_bytes) {
  auto [near, far] = sc::open_memory_streams();
  sc::cancel_scope scope;
  std::string got;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await scope.run([&]() -> task<> {
        std::array<std::byte, 8> buffer;
        const std::size_t count = co_await far->receive_some(buffer);
        got.assign(reinterpret_cast<const char*>(buffer.data()), count);
        co_await sc::checkpoint();
      });
    });
    co_await settle();
    EXPECT_EQ(near->try_send(bytes_of("abc")).bytes, 3u);
    scope.cancel();
  });
  EXPECT_EQ(got, "abc");
}

TRACTOR_TEST(memory_stream, cancelled_send_may_have_sent_a_part_and_no_more) {
  auto [near, far] = sc::open_memory_streams(3);
  EXPECT_FALSE(co_await sc::move_on_after(1s, [&]() -> task<> { co_await near->send_all(bytes_of("abcdef")); }));
  near->send_eof();
  EXPECT_EQ(co_await receive_all(*far, 10), "abc");
}

TRACTOR_TEST(memory_stream, in_a_cancelled_scope_nothing_moves) {
  auto [near, far] = sc::open_memory_streams();
  co_await near->send_all(bytes_of("there"));
  sc::cancel_scope scope;
  scope.cancel();
  EXPECT_FALSE(co_await scope.run([&]() -> task<> { static_cast<void>(co_await receive_text(*far)); }));
  EXPECT_EQ(co_await receive_text(*far), "there");
}

TRACTOR_TEST(memory_stream, sending_nothing_is_a_checkpoint) {
  auto [near, far] = sc::open_memory_streams();
  co_await near->send_all({});
  sc::cancel_scope scope;
  scope.cancel();
  EXPECT_FALSE(co_await scope.run([&]() -> task<> { co_await near->send_all({}); }));
}

TEST(memory_stream, buffer_of_nothing_is_a_usage_error) {
  EXPECT_THROW(static_cast<void>(sc::open_memory_streams(0)), tractor::usage_error);
}

TRACTOR_TEST(memory_stream, may_be_destroyed_when_it_was_closed_though_the_tasks_that_waited_in_it_have_yet_to_go_on) {
  auto [near, far] = sc::open_memory_streams(3);
  int closed = 0;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    start_waiters(n, *near, closed);
    co_await settle();
    near->close();
    EXPECT_THROW(static_cast<void>(co_await receive_text(*near)), sc::closed_resource_error) << "nobody is in its way";
    near.reset();
  });
  EXPECT_EQ(closed, 2);
}

}  // namespace
