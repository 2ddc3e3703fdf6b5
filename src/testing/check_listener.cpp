// SPDX-License-Identifier: Apache-2.0

#include "tractor/testing/check_listener.hpp"

#include <array>
#include <optional>
#include <string>

#include "contract.hpp"
#include "tractor/sc/errors.hpp"
#include "tractor/sc/nursery.hpp"
#include "tractor/testing/scheduling.hpp"

namespace tractor::testing {

namespace {

using detail::cushion;
using detail::expect;
using detail::expect_error;
using sc::byte_stream;
using sc::nursery;
using sc::task;

constexpr std::size_t clients = 5;

// Nothing at the end of the stream.
task<std::optional<char>> receive_one(byte_stream& from) {
  std::array<std::byte, 1> one;
  if (co_await from.receive_some(one) == 0) co_return std::nullopt;
  co_return std::to_integer<char>(one[0]);
}

// Connects, says who it is and wants to hear that again. Both are needed: a stream may have to agree with its peer first.
task<> be_client(const connector& connect, sc::listener& to, char who) {
  const auto stream = co_await connect(to);
  co_await detail::send_text(*stream, std::string(1, who));
  expect(co_await receive_one(*stream) == who, "who connects is connected with what was accepted");
}

task<char> answer_client(std::unique_ptr<byte_stream> stream) {
  expect(stream != nullptr, "accept gives a stream");
  const std::optional<char> who = co_await receive_one(*stream);
  expect(who.has_value(), "what was accepted is connected with who connects");
  co_await detail::send_text(*stream, std::string(1, *who));
  co_return *who;
}

// `body` must come to its end though nothing else happens.
template <class Body>
task<> expect_no_wait(const char* what, Body body) {
  bool ended = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await body();
      ended = true;
    });
    co_await wait_all_tasks_blocked(cushion);
    expect(ended, what);
  });
}

task<> check_who_connects(const listener_maker& make, const connector& connect) {
  const auto listener = co_await make();
  std::array<int, clients> seen{};
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    for (std::size_t i = 0; i < clients; ++i)
      n.start_soon([&, i]() -> task<> { co_await be_client(connect, *listener, static_cast<char>('0' + i)); });
    for (std::size_t i = 0; i < clients; ++i) {
      n.start_soon(
          [&](std::unique_ptr<byte_stream> stream) -> task<> {
            const std::size_t who = static_cast<std::size_t>(co_await answer_client(std::move(stream)) - '0');
            expect(who < clients && seen[who]++ == 0, "whoever connects is accepted once");
          },
          co_await listener->accept());
    }
  });
}

task<> check_waiting_accept(const listener_maker& make, const connector& connect) {
  const auto listener = co_await make();
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { static_cast<void>(co_await answer_client(co_await listener->accept())); });
    co_await wait_all_tasks_blocked(cushion);
    co_await expect_no_wait("a second task that accepts gets busy_resource_error, and does not wait", [&] {
      return expect_error<sc::busy_resource_error>("a second task that accepts gets busy_resource_error",
                                                   [&] { return listener->accept(); });
    });
    co_await be_client(connect, *listener, 'w');
  });
}

task<> check_cancelled_accept(const listener_maker& make, const connector& connect) {
  const auto listener = co_await make();
  co_await assert_checkpoints([&] { return listener->accept(); });
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { co_await be_client(connect, *listener, 'c'); });
    co_await wait_all_tasks_blocked(cushion);
    co_await assert_checkpoints([&] { return listener->accept(); });
    expect(co_await answer_client(co_await listener->accept()) == 'c', "an accept that is cancelled takes nothing");
  });
}

task<> check_cancelled_while_waiting(const listener_maker& make, const connector& connect) {
  const auto listener = co_await make();
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { static_cast<void>(co_await listener->accept()); });
    co_await wait_all_tasks_blocked(cushion);
    n.cancel("it waits");
  });
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { co_await be_client(connect, *listener, 'l'); });
    expect(co_await answer_client(co_await listener->accept()) == 'l', "an accept that was cancelled while it waited loses nobody");
  });
}

task<> check_close(const listener_maker& make, const connector& connect) {
  const auto listener = co_await make();
  expect(!listener->closed(), "closed() says no before close()");
  bool woken = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await expect_error<sc::closed_resource_error>("close() wakes who accepts with closed_resource_error",
                                                       [&] { return listener->accept(); });
      woken = true;
    });
    co_await wait_all_tasks_blocked(cushion);
    listener->close();
    co_await wait_all_tasks_blocked(cushion);
    expect(woken, "close() wakes who accepts");
  });
  listener->close();
  expect(listener->closed(), "closed() says so after close()");
  co_await expect_no_wait("accept after close does not wait", [&] {
    return expect_error<sc::closed_resource_error>("accept after close gives closed_resource_error", [&] { return listener->accept(); });
  });
  co_await expect_error<error>("who connects after close() is refused", [&] { return connect(*listener); });
}

task<> check_close_with_backlog(const listener_maker& make, const connector& connect) {
  const auto listener = co_await make();
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      std::string got;
      try {
        const auto stream = co_await connect(*listener);
        got = co_await detail::receive_text(*stream);
      } catch (const error&) {  // refused, or broken
      }
      expect(got.empty(), "who was not accepted gets nothing");
    });
    co_await wait_all_tasks_blocked(cushion);
    listener->close();
  });
}

}  // namespace

task<> detail::check_any_listener(listener_maker make, connector connect) {
  co_await check_who_connects(make, connect);
  co_await check_waiting_accept(make, connect);
  co_await check_cancelled_accept(make, connect);
  co_await check_cancelled_while_waiting(make, connect);
  co_await check_close(make, connect);
  co_await check_close_with_backlog(make, connect);
}

}  // namespace tractor::testing
