// SPDX-License-Identifier: Apache-2.0

#include "tractor/testing/check_streams.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "contract.hpp"
#include "tractor/sc/errors.hpp"
#include "tractor/sc/nursery.hpp"
#include "tractor/testing/scheduling.hpp"

namespace tractor::testing {

namespace {

using detail::cushion;
using detail::expect;
using detail::expect_error;
using detail::receive_text;
using detail::send_text;
using sc::byte_stream;
using sc::nursery;
using sc::task;

constexpr std::array<std::size_t, 6> lengths{1, 3, 1000, 4096, 65'537, 300'000};
constexpr std::array<std::size_t, 4> buffer_lengths{1, 7, 4096, 100'000};
constexpr std::size_t chunk_bytes = 64 * 1024;

std::vector<std::byte> pattern(std::size_t from, std::size_t bytes) {
  std::vector<std::byte> made(bytes);
  for (std::size_t i = 0; i < bytes; ++i) made[i] = static_cast<std::byte>((from + i) * 131 >> 3 & 0xff);
  return made;
}

// Sends until it is ended, by a cancel or an error.
task<> send_for_ever(byte_stream& to) {
  const auto chunk = pattern(0, chunk_bytes);
  for (std::size_t sent = 0; sent < clogging_bytes; sent += chunk.size()) co_await to.send_all(chunk);
  expect(false, "a sender is held back when its peer receives nothing");
}

task<> send_lengths(byte_stream& to) {
  std::size_t sent = 0;
  for (const std::size_t length : lengths) {
    co_await to.send_all({});
    co_await to.send_all(pattern(sent, length));
    sent += length;
  }
}

task<> receive_lengths(byte_stream& from) {
  std::size_t wanted = 0, got = 0;
  for (const std::size_t length : lengths) wanted += length;
  std::vector<std::byte> buffer(*std::ranges::max_element(buffer_lengths));
  for (std::size_t turn = 0; got < wanted; ++turn) {
    const std::size_t room = buffer_lengths[turn % buffer_lengths.size()];
    const std::size_t bytes = co_await from.receive_some(std::span(buffer).first(room));
    expect(bytes > 0, "a receive gives at least one byte while the stream is open");
    expect(bytes <= room, "a receive gives no more than there is room for");
    expect(std::ranges::equal(std::span(buffer).first(bytes), pattern(got, bytes)), "what is received is what was sent, in order");
    got += bytes;
  }
  expect(got == wanted, "no more is received than was sent");
}

// --- one way ---

task<> check_transfer(const stream_maker& make) {
  auto [sender, receiver] = co_await make();
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { co_await send_lengths(*sender); });
    co_await receive_lengths(*receiver);
  });
}

task<> check_waiting_receiver(const stream_maker& make) {
  auto [sender, receiver] = co_await make();
  std::string got;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { got = co_await receive_text(*receiver); });
    co_await wait_all_tasks_blocked(cushion);
    std::array<std::byte, 1> one;
    co_await expect_error<sc::busy_resource_error>("a second task that receives gets busy_resource_error",
                                                   [&] { return receiver->receive_some(one); });
    co_await send_text(*sender, "abc");
    sender->close();
  });
  expect(got == "abc", "a receiver that waits gets what is sent, and the end");
  co_await expect_error<sc::closed_resource_error>("a send after close gives closed_resource_error",
                                                   [&] { return send_text(*sender, "x"); });
  expect(sender->closed(), "closed() says so after close()");
  sender->close();
  expect((co_await receive_text(*receiver)).empty(), "the end of the stream stays the end");
}

task<> check_receiver_closes_itself(const stream_maker& make) {
  auto [sender, receiver] = co_await make();
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await expect_error<sc::closed_resource_error>("close() wakes who receives with closed_resource_error",
                                                       [&] { return receive_text(*receiver); });
    });
    co_await wait_all_tasks_blocked(cushion);
    receiver->close();
  });
  co_await expect_error<sc::closed_resource_error>("a receive after close gives closed_resource_error",
                                                   [&] { return receive_text(*receiver); });
  co_await expect_error<sc::broken_resource_error>("who sends to a closed peer gets broken_resource_error",
                                                   [&] { return send_for_ever(*sender); });
}

task<> check_clogged_sender(const stream_maker& make) {
  auto [sender, receiver] = co_await make();
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { co_await send_for_ever(*sender); });
    co_await wait_all_tasks_blocked(cushion);
    co_await expect_error<sc::busy_resource_error>("a second task that sends gets busy_resource_error",
                                                   [&] { return send_text(*sender, "x"); });
    n.cancel("the sender was held back");
  });
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await expect_error<sc::closed_resource_error>("close() wakes who sends with closed_resource_error",
                                                       [&] { return send_for_ever(*sender); });
    });
    co_await wait_all_tasks_blocked(cushion);
    sender->close();
  });
}

task<> check_receiver_goes(const stream_maker& make) {
  auto [sender, receiver] = co_await make();
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await expect_error<sc::broken_resource_error>("the close of the peer wakes who sends with broken_resource_error",
                                                       [&] { return send_for_ever(*sender); });
    });
    co_await wait_all_tasks_blocked(cushion);
    receiver->close();
  });
}

task<> check_cancelled(const stream_maker& make) {
  auto [sender, receiver] = co_await make();
  std::array<std::byte, 8> buffer;
  const std::string_view unsent = "never sent";
  co_await assert_checkpoints([&] { return sender->send_all(std::as_bytes(std::span(unsent))); });
  std::string got;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await send_text(*sender, "abc");
      sender->close();
    });
    co_await wait_all_tasks_blocked(cushion);
    co_await assert_checkpoints([&] { return receiver->receive_some(buffer); });
    got = co_await receive_text(*receiver);
  });
  expect(got == "abc", "a cancelled send sends nothing, and a cancelled receive takes nothing");
}

task<> check_cancelled_while_waiting(const stream_maker& make) {
  auto [sender, receiver] = co_await make();
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { static_cast<void>(co_await receive_text(*receiver)); });
    co_await wait_all_tasks_blocked(cushion);
    n.cancel("it waits");
  });
  std::string got;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { got = co_await receive_text(*receiver); });
    co_await send_text(*sender, "after");
    sender->close();
  });
  expect(got == "after", "a receive that was cancelled while it waited loses nothing");
}

// --- both ways ---

stream_maker turned(const stream_maker& make) {
  return [make]() -> task<stream_pair> {
    auto [near, far] = co_await make();
    co_return stream_pair(std::move(far), std::move(near));
  };
}

task<> check_both_at_once(const stream_maker& make) {
  auto [near, far] = co_await make();
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    for (byte_stream* each : {near.get(), far.get()}) {
      n.start_soon([each]() -> task<> { co_await send_lengths(*each); });
      n.start_soon([each]() -> task<> { co_await receive_lengths(*each); });
    }
    co_return;
  });
}

task<> check_half_close(const stream_maker& make) {
  auto [near, far] = co_await make();
  std::string question, answer;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      question = co_await receive_text(*far);
      co_await send_text(*far, "answer");
      far->send_eof();
    });
    co_await send_text(*near, "question");
    near->send_eof();
    near->send_eof();
    co_await expect_error<sc::closed_resource_error>("a send after send_eof gives closed_resource_error",
                                                     [&] { return send_text(*near, "x"); });
    answer = co_await receive_text(*near);
  });
  expect(question == "question", "send_eof ends the stream behind what was sent");
  expect(answer == "answer", "send_eof leaves the other direction open");
}

task<> check_half_close_while_sending(const stream_maker& make) {
  auto [near, far] = co_await make();
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { co_await send_for_ever(*near); });
    co_await wait_all_tasks_blocked(cushion);
    co_await expect_error<sc::busy_resource_error>("send_eof while a task sends gives busy_resource_error", [&]() -> task<> {
      near->send_eof();
      co_return;
    });
    n.cancel("seen");
  });
}

}  // namespace

task<> check_one_way_stream(stream_maker make) {
  co_await check_transfer(make);
  co_await check_waiting_receiver(make);
  co_await check_receiver_closes_itself(make);
  co_await check_clogged_sender(make);
  co_await check_receiver_goes(make);
  co_await check_cancelled(make);
  co_await check_cancelled_while_waiting(make);
}

task<> check_two_way_stream(stream_maker make) {
  co_await check_one_way_stream(make);
  co_await check_one_way_stream(turned(make));
  co_await check_both_at_once(make);
}

task<> check_half_closeable_stream(stream_maker make) {
  co_await check_two_way_stream(make);
  co_await check_half_close(make);
  co_await check_half_close(turned(make));
  co_await check_half_close_while_sending(make);
}

}  // namespace tractor::testing
