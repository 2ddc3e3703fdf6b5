// SPDX-License-Identifier: Apache-2.0

#include "tractor/testing/lockstep_stream.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string_view>

#include "tractor/sc/sc.hpp"
#include "tractor/testing/scheduling.hpp"
#include "tractor/testing/test.hpp"

namespace {

namespace sc = tractor::sc;
namespace kit = tractor::testing;
using sc::nursery;
using sc::task;

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

task<std::string> receive_text(sc::byte_stream& from, std::size_t room) {
  std::array<std::byte, 16> buffer;
  const std::size_t bytes = co_await from.receive_some(std::span(buffer).first(room));
  co_return std::string(reinterpret_cast<const char*>(buffer.data()), bytes);
}

TRACTOR_TEST(lockstep_stream, send_ends_when_everything_is_received) {
  auto [near, far] = kit::open_lockstep_streams();
  bool sent = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await near->send_all(bytes_of("abcde"));
      sent = true;
    });
    co_await kit::wait_all_tasks_blocked();
    EXPECT_FALSE(sent);
    EXPECT_EQ(co_await receive_text(*far, 3), "abc");
    co_await kit::wait_all_tasks_blocked();
    EXPECT_FALSE(sent) << "a part is not everything";
    EXPECT_EQ(co_await receive_text(*far, 3), "de");
    co_await kit::wait_all_tasks_blocked();
    EXPECT_TRUE(sent);
  });
}

TRACTOR_TEST(lockstep_stream, what_a_cancelled_send_offered_is_withdrawn) {
  auto [near, far] = kit::open_lockstep_streams();
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { co_await near->send_all(bytes_of("never")); });
    co_await kit::wait_all_tasks_blocked();
    EXPECT_EQ(co_await receive_text(*far, 2), "ne");
    n.cancel("enough of it");
  });
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { co_await near->send_all(bytes_of("after")); });
    EXPECT_EQ(co_await receive_text(*far, 16), "after");
  });
}

TRACTOR_TEST(lockstep_stream, receiver_that_waits_is_served_at_once) {
  auto [near, far] = kit::open_lockstep_streams();
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { EXPECT_EQ(co_await receive_text(*far, 16), "now"); });
    co_await kit::wait_all_tasks_blocked();
    co_await near->send_all(bytes_of("now"));
  });
}

}  // namespace
