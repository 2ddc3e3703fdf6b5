// SPDX-License-Identifier: Apache-2.0
//
// Asio's operations awaited in tasks: results, errors, cancels, and that neither side keeps the other from running.

#include "tractor/interop/asio/use_task.hpp"

#include <array>
#include <boost/asio.hpp>
#include <functional>
#include <optional>
#include <stdexcept>
#include <thread>

#include "interop_test.hpp"
#include "tractor/interop/asio/guest.hpp"
#include "tractor/testing/scheduling.hpp"
#include "tractor/testing/test.hpp"

namespace {

using namespace interop_test;
namespace asio = boost::asio;
using boost::system::error_code;
using tractor::interop::asio_context;
using tractor::interop::use_task;
using stream_socket = asio::local::stream_protocol::socket;

// Two connected sockets of the current run's context.
struct connected {
  stream_socket one{asio_context()};
  stream_socket other{asio_context()};
  connected() { asio::local::connect_pair(one, other); }
};

// An operation of our own: `begin` gets the handler.
template <class Signature, class Begin>
auto operation(Begin begin) {
  return asio::async_initiate<decltype(use_task), Signature>(std::move(begin), use_task);
}

TEST(use_task, run_without_it_has_no_context) {
  sc::run([]() -> task<> {
    co_await sc::sleep(1ns);
    EXPECT_EQ(sc::runner::current()->io_host(), nullptr);
    static_cast<void>(asio_context());
    EXPECT_NE(sc::runner::current()->io_host(), nullptr);
  });
}

TEST(use_task, context_outside_a_run_is_a_usage_error) { EXPECT_THROW(static_cast<void>(asio_context()), tractor::usage_error); }

TEST(use_task, waits_for_a_timer) {
  sc::run([]() -> task<> {
    const auto before = sc::current_time();
    asio::steady_timer timer(asio_context(), 2ms);
    co_await timer.async_wait(use_task);
    EXPECT_GE(sc::current_time() - before, 2ms);
  });
}

TEST(use_task, cancel_of_the_scope_ends_the_operation) {
  sc::run([]() -> task<> {
    asio::steady_timer timer(asio_context(), 1h);
    sc::cancel_scope scope;
    bool after = false;
    co_await sc::open_nursery([&](nursery& n) {
      n.start_soon([&]() -> task<> {
        co_await scope.run([&]() -> task<> {
          co_await timer.async_wait(use_task);
          after = true;
        });
      });
      n.start_soon([&]() -> task<> {
        co_await sc::sleep(1us);
        scope.cancel();
      });
    });
    EXPECT_FALSE(after);
    EXPECT_TRUE(scope.cancelled_caught());
  });
}

TEST(use_task, deadline_ends_the_operation) {
  sc::run([]() -> task<> {
    asio::steady_timer timer(asio_context(), 1h);
    EXPECT_FALSE(co_await sc::move_on_after(1ms, [&]() -> task<> { co_await timer.async_wait(use_task); }));
    // Also where the error would have been a value.
    EXPECT_FALSE(
        co_await sc::move_on_after(1ms, [&]() -> task<> { static_cast<void>(co_await timer.async_wait(asio::as_tuple(use_task))); }));
  });
}

TEST(use_task, in_a_cancelled_scope_does_not_begin) {
  sc::run([]() -> task<> {
    bool begun = false;
    sc::cancel_scope scope;
    scope.cancel();
    co_await scope.run([&]() -> task<> { co_await operation<void()>([&](auto) { begun = true; }); });
    EXPECT_FALSE(begun);
  });
}

TEST(use_task, cancel_by_somebody_else_is_an_error_like_others) {
  sc::run([]() -> task<> {
    asio::steady_timer timer(asio_context(), 1h);
    asio::post(asio_context(), [&] { timer.cancel(); });
    error_code seen;
    try {
      co_await timer.async_wait(use_task);
    } catch (const boost::system::system_error& thrown) {
      seen = thrown.code();
    }
    EXPECT_EQ(seen, asio::error::operation_aborted);
  });
}

TEST(use_task, reads_and_writes_between_two_tasks) {
  sc::run([]() -> task<> {
    connected sockets;
    std::string heard;
    co_await sc::open_nursery([&](nursery& n) {
      n.start_soon([&]() -> task<> {
        std::array<char, 3> buffer{};
        for (int i = 0; i < 50; ++i) {
          const std::size_t got = co_await asio::async_read(sockets.one, asio::buffer(buffer), use_task);
          heard.append(buffer.data(), got);
        }
      });
      n.start_soon([&]() -> task<> {
        for (int i = 0; i < 50; ++i) EXPECT_EQ(co_await asio::async_write(sockets.other, asio::buffer("abc", 3), use_task), 3u);
      });
    });
    EXPECT_EQ(heard.size(), 150u);
  });
}

TEST(use_task, error_code_is_thrown) {
  sc::run([]() -> task<> {
    connected sockets;
    sockets.other.close();
    std::array<char, 3> buffer{};
    error_code seen;
    try {
      co_await asio::async_read(sockets.one, asio::buffer(buffer), use_task);
    } catch (const boost::system::system_error& thrown) {
      seen = thrown.code();
    }
    EXPECT_EQ(seen, asio::error::eof);
  });
}

TEST(use_task, as_tuple_gives_the_error_beside_the_rest) {
  sc::run([]() -> task<> {
    connected sockets;
    asio::write(sockets.other, asio::buffer("xy", 2));
    sockets.other.close();
    std::array<char, 3> buffer{};
    const auto [error, got] = co_await asio::async_read(sockets.one, asio::buffer(buffer), asio::as_tuple(use_task));
    EXPECT_EQ(error, asio::error::eof);
    EXPECT_EQ(got, 2u);
  });
}

TEST(use_task, results_are_none_one_or_a_tuple) {
  sc::run([]() -> task<> {
    co_await operation<void()>([](auto handler) { std::move(handler)(); });
    EXPECT_EQ(co_await operation<void(int)>([](auto handler) { std::move(handler)(3); }), 3);
    const auto [number, owned] = co_await operation<void(error_code, int, std::unique_ptr<int>)>(
        [](auto handler) { std::move(handler)(error_code(), 4, std::make_unique<int>(5)); });
    EXPECT_EQ(number + *owned, 9);
    EXPECT_THROW(co_await operation<void(std::exception_ptr)>(
                     [](auto handler) { std::move(handler)(std::make_exception_ptr(std::out_of_range("x"))); }),
                 std::out_of_range);
  });
}

TEST(use_task, what_the_initiation_throws_is_thrown) {
  sc::run(
      []() -> task<> { EXPECT_THROW(co_await operation<void()>([](auto) { throw std::out_of_range("refused"); }), std::out_of_range); });
}

TEST(use_task, dropped_handler_is_an_error) {
  sc::run([]() -> task<> { EXPECT_THROW(co_await operation<void()>([](auto) {}), boost::system::system_error); });
}

TEST(use_task, operation_that_knows_no_cancel_is_awaited_and_its_result_kept) {
  sc::run([]() -> task<> {
    sc::cancel_scope scope;
    int got = 0;
    bool passed = false;
    const bool ended = co_await scope.run([&]() -> task<> {
      got = co_await operation<void(int)>([&](auto handler) {
        asio::post(asio_context(), [&, held = std::move(handler)]() mutable {
          scope.cancel();
          asio::post(asio_context(), [held = std::move(held)]() mutable { std::move(held)(7); });
        });
      });
      co_await sc::checkpoint();
      passed = true;
    });
    EXPECT_FALSE(ended);
    EXPECT_EQ(got, 7);
    EXPECT_FALSE(passed);
  });
}

TEST(use_task, operation_that_ended_before_it_saw_the_cancel_keeps_its_result) {
  sc::run([]() -> task<> {
    sc::cancel_scope scope;
    bool asked = false;
    int got = 0;
    const bool ended = co_await scope.run([&]() -> task<> {
      got = co_await operation<void(error_code, int)>([&](auto handler) {
        // Takes note of the cancel, and ends well all the same.
        auto slot = asio::get_associated_cancellation_slot(handler);
        slot.assign([&](asio::cancellation_type) { asked = true; });
        asio::post(asio_context(), [&, held = std::move(handler)]() mutable {
          scope.cancel();
          std::move(held)(error_code(), 7);
        });
      });
    });
    EXPECT_TRUE(asked);
    EXPECT_TRUE(ended);
    EXPECT_EQ(got, 7);
  });
}

TEST(use_task, many_operations_in_a_nursery) {
  sc::run([]() -> task<> {
    int ended = 0;
    co_await sc::open_nursery([&](nursery& n) {
      for (int i = 0; i < 1000; ++i)
        n.start_soon([&, i]() -> task<> {
          asio::steady_timer timer(asio_context(), std::chrono::microseconds(i % 17));
          co_await timer.async_wait(use_task);
          ++ended;
        });
    });
    EXPECT_EQ(ended, 1000);
  });
}

TEST(use_task, many_operations_are_cancelled_together) {
  sc::run([]() -> task<> {
    const bool ended = co_await sc::move_on_after(1ms, [&]() -> task<> {
      co_await sc::open_nursery([&](nursery& n) {
        for (int i = 0; i < 1000; ++i)
          n.start_soon([]() -> task<> {
            asio::steady_timer timer(asio_context(), 1h);
            co_await timer.async_wait(use_task);
          });
      });
    });
    EXPECT_FALSE(ended);
  });
}

TEST(use_task, runs_in_two_threads_have_a_context_each) {
  const auto work = [](const void*& context) {
    sc::run([&]() -> task<> {
      context = &asio_context();
      connected sockets;
      for (int i = 0; i < 200; ++i) {
        std::array<char, 1> buffer{};
        co_await asio::async_write(sockets.one, asio::buffer("a", 1), use_task);
        co_await asio::async_read(sockets.other, asio::buffer(buffer), use_task);
      }
    });
  };
  const void *first = nullptr, *second = nullptr;
  std::thread other([&] { work(first); });
  work(second);
  other.join();
  EXPECT_NE(first, nullptr);
  EXPECT_NE(second, nullptr);
}

TEST(use_task, sleeps_sockets_and_threads_of_ours_go_on_beside_it) {
  sc::run([]() -> task<> {
    const auto ends = sc::open_socketpair();
    std::string heard;
    co_await sc::open_nursery([&](nursery& n) {
      n.start_soon([&]() -> task<> {
        asio::steady_timer timer(asio_context(), 1h);
        co_await timer.async_wait(use_task);
      });
      n.start_soon([&]() -> task<> {
        for (int i = 0; i < 20; ++i) {
          co_await sc::sleep(10us);
          co_await ends.first->send_all(std::as_bytes(std::span("abcd", 4)));
          heard += co_await receive(*ends.second, 4);
        }
        EXPECT_EQ(co_await sc::to_thread([] { return 3; }), 3);
        n.cancel();
      });
    });
    EXPECT_EQ(heard.size(), 80u);
  });
}

TEST(use_task, handlers_without_end_do_not_keep_tasks_from_running) {
  sc::run([]() -> task<> {
    asio::io_context& context = asio_context();
    bool stop = false;
    std::function<void()> again = [&] {
      if (!stop) asio::post(context, again);
    };
    again();
    co_await sc::sleep(1ms);
    stop = true;
    co_await asio::post(context, use_task);
  });
}

TEST(use_task, tasks_without_end_do_not_keep_handlers_from_running) {
  sc::run([]() -> task<> {
    bool fired = false;
    asio::steady_timer timer(asio_context(), 1ms);
    timer.async_wait([&](error_code) { fired = true; });
    while (!fired) co_await sc::checkpoint();
  });
}

TEST(use_task, work_posted_by_a_thread_ends_the_wait) {
  sc::run([]() -> task<> {
    asio::thread_pool pool(1);
    co_await asio::post(pool, use_task);
    EXPECT_NE(sc::runner::current(), nullptr);
    sc::event done;
    asio::io_context& context = asio_context();
    std::thread other([&] { asio::post(context, [&] { done.set(); }); });
    co_await done.wait();
    other.join();
  });
}

TEST(use_task, exception_of_a_handler_ends_the_run) {
  EXPECT_THROW(sc::run([]() -> task<> {
                 asio::post(asio_context(), [] { throw std::out_of_range("in a handler"); });
                 co_await sc::sleep_forever();
               }),
               std::out_of_range);
}

TEST(use_task, stands_in_the_task_tree) {
  sc::run([]() -> task<> {
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      n.start_soon([]() -> task<> {
        asio::steady_timer timer(asio_context(), 1h);
        co_await timer.async_wait(use_task);
      });
      co_await tractor::testing::wait_all_tasks_blocked();
      EXPECT_NE(sc::to_text(sc::task_tree()).find("asio operation"), std::string::npos);
      n.cancel();
    });
  });
}

TRACTOR_TEST(use_task, virtual_clock_does_not_jump_while_an_operation_is_pending) {
  asio::steady_timer timer(asio_context(), 1ms);
  EXPECT_TRUE(co_await sc::move_on_after(1h, [&]() -> task<> { co_await timer.async_wait(use_task); }));
  const auto before = sc::current_time();
  co_await sc::sleep(1h);
  EXPECT_EQ(sc::current_time() - before, 1h);
}

TEST(use_task, deadlock_is_found_in_a_run_with_a_context) {
  sc::virtual_clock clock;
  EXPECT_THROW(sc::run({.clock = &clock},
                       []() -> task<> {
                         static_cast<void>(asio_context());
                         co_await sc::sleep_forever();
                       }),
               sc::deadlock_error);
}

TEST(use_task, guest_of_asio_uses_the_context_of_its_host) {
  asio::io_context loop;
  ending end;
  tractor::interop::asio_guest guest(
      loop,
      [&loop, &guest]() -> task<> {
        EXPECT_EQ(&asio_context(), &loop);
        asio::steady_timer timer(asio_context(), 1ms);
        co_await timer.async_wait(use_task);
        timer.expires_after(1h);
        EXPECT_FALSE(co_await sc::move_on_after(1ms, [&]() -> task<> { co_await timer.async_wait(use_task); }));
        asio::post(loop, [&] { guest.cancel("enough"); });
        co_await timer.async_wait(use_task);
      },
      end.note());

  loop.run();

  EXPECT_EQ(end.times, 1);
  EXPECT_EQ(sc::type_name_of(end.error), "tractor::sc::scope_cancelled_error");
}

TEST(use_task, guest_of_another_loop_has_no_context) {
  ending end;
  sc::guest_run guest(
      []() -> task<> {
        static_cast<void>(asio_context());
        co_return;
      },
      end.note());
  guest.step();
  EXPECT_EQ(sc::type_name_of(end.error), "tractor::usage_error");
}

}  // namespace
