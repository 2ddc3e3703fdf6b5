// SPDX-License-Identifier: Apache-2.0
//
// Tasks as the guest of an io_context that has timers, sockets and handlers of its own.

#include "tractor/interop/asio/guest.hpp"

#include <array>
#include <boost/asio.hpp>
#include <functional>
#include <optional>
#include <stdexcept>

#include "interop_test.hpp"

namespace {

using namespace interop_test;
namespace asio = boost::asio;
using tractor::interop::asio_guest;

TEST(asio_guest, runs_beside_the_hosts_handlers_and_lets_the_loop_end) {
  asio::io_context loop;
  asio::steady_timer timer(loop, 1ms);
  bool fired = false;
  timer.async_wait([&](const boost::system::error_code& error) { fired = !error; });
  ending end;
  asio_guest guest(loop, []() -> task<> { co_await sc::sleep(2ms); }, end.note());

  loop.run();

  EXPECT_TRUE(fired);
  EXPECT_EQ(end.times, 1);
  EXPECT_EQ(end.error, nullptr);
}

TEST(asio_guest, talks_with_a_socket_of_the_hosts) {
  auto [ours, theirs] = socket_pair();
  asio::io_context loop;
  asio::local::stream_protocol::socket socket(loop, asio::local::stream_protocol(), theirs.release());
  std::array<char, 4> buffer{};
  int answered = 0;
  std::function<void()> serve = [&] {
    asio::async_read(socket, asio::buffer(buffer), [&](const boost::system::error_code& error, std::size_t) {
      if (error) return;
      ++answered;
      std::ranges::reverse(buffer);
      asio::async_write(socket, asio::buffer(buffer), [&](const boost::system::error_code& failed, std::size_t) {
        if (!failed) serve();
      });
    });
  };
  serve();
  ending end;
  std::string heard;
  asio_guest guest(
      loop,
      [&, fd = &ours]() -> task<> {
        sc::socket_stream stream(std::move(*fd));
        for (int i = 0; i < 20; ++i) {
          co_await stream.send_all(std::as_bytes(std::span("abcd", 4)));
          heard = co_await receive(stream, 4);
        }
      },
      end.note());

  loop.run();

  EXPECT_EQ(heard, "dcba");
  EXPECT_EQ(answered, 20);
  EXPECT_EQ(end.times, 1);
}

TEST(asio_guest, error_of_the_main_task_reaches_on_done) {
  asio::io_context loop;
  ending end;
  asio_guest guest(
      loop,
      []() -> task<> {
        co_await sc::sleep(1ns);
        throw std::out_of_range("beyond");
      },
      end.note());
  loop.run();
  EXPECT_EQ(sc::type_name_of(end.error), "std::out_of_range");
}

TEST(asio_guest, is_cancelled_by_a_handler_of_the_host) {
  asio::io_context loop;
  ending end;
  asio_guest guest(loop, []() -> task<> { co_await sc::sleep_forever(); }, end.note());
  asio::steady_timer timer(loop, 1ms);
  timer.async_wait([&](const boost::system::error_code&) { guest.cancel("the host is closing"); });

  loop.run();

  EXPECT_EQ(sc::type_name_of(end.error), "tractor::sc::scope_cancelled_error");
}

TEST(asio_guest, that_never_waits_does_not_keep_the_hosts_timer_from_firing) {
  asio::io_context loop;
  ending end;
  bool fired = false;
  asio_guest guest(
      loop,
      [&]() -> task<> {
        while (!fired) co_await sc::checkpoint();
      },
      end.note());
  asio::steady_timer timer(loop, 2ms);
  timer.async_wait([&](const boost::system::error_code&) { fired = true; });

  loop.run();

  EXPECT_TRUE(fired);
  EXPECT_EQ(end.times, 1);
}

TEST(asio_guest, gets_its_turn_beside_a_host_that_never_waits) {
  asio::io_context loop;
  ending end;
  asio_guest guest(
      loop,
      []() -> task<> {
        for (int i = 0; i < 10; ++i) co_await sc::sleep(1us);
      },
      end.note());
  std::function<void()> again = [&] {
    if (end.times == 0) asio::post(loop, again);
  };
  again();

  loop.run();

  EXPECT_EQ(end.times, 1);
}

TEST(asio_guest, that_ends_at_once_calls_on_done_in_the_loop) {
  asio::io_context loop;
  ending end;
  asio_guest guest(loop, []() -> task<> { co_return; }, end.note());
  EXPECT_EQ(end.times, 0);
  loop.run();
  EXPECT_EQ(end.times, 1);
}

TEST(asio_guest, two_side_by_side_then_one_more) {
  asio::io_context loop;
  ending first_end, second_end, third_end;
  std::optional<asio_guest> third;
  asio_guest first(loop, []() -> task<> { co_await sc::sleep(1ms); }, first_end.note());
  asio_guest second(
      loop, []() -> task<> { co_await sc::sleep(1ms); },
      [&](std::exception_ptr) { third.emplace(loop, []() -> task<> { co_await sc::sleep(1ms); }, third_end.note()); });

  loop.run();

  EXPECT_EQ(first_end.times, 1);
  EXPECT_EQ(third_end.times, 1);
}

TEST(asio_guest, may_be_destroyed_by_on_done) {
  asio::io_context loop;
  std::optional<asio_guest> guest;
  guest.emplace(loop, []() -> task<> { co_await sc::sleep(1us); }, [&](std::exception_ptr) { guest.reset(); });
  loop.run();
  EXPECT_FALSE(guest.has_value());
}

TEST(asio_guest, exception_of_on_done_leaves_the_loop) {
  asio::io_context loop;
  asio_guest guest(loop, []() -> task<> { co_return; }, [](std::exception_ptr) { throw std::runtime_error("from on_done"); });
  EXPECT_THROW(loop.run(), std::runtime_error);
}

TEST(asio_guest, never_run_is_given_up) {
  const auto token = std::make_shared<int>(0);
  asio::io_context loop;
  {
    asio_guest guest(loop, [token]() -> task<> { co_return; }, nullptr);
  }
  EXPECT_EQ(token.use_count(), 1);
  loop.run();
}

}  // namespace
