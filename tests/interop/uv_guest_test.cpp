// SPDX-License-Identifier: Apache-2.0
//
// Tasks as the guest of a libuv loop that has timers and pipes of its own.

#include "tractor/interop/uv/guest.hpp"

#include <uv.h>

#include <optional>
#include <stdexcept>

#include "interop_test.hpp"

namespace {

using namespace interop_test;
using tractor::interop::uv_guest;

class uv_guest_test : public testing::Test {
 protected:
  uv_guest_test() { uv_loop_init(&loop); }
  void run() { uv_run(&loop, UV_RUN_DEFAULT); }
  // Nothing may be left in the loop.
  void TearDown() override {
    run();
    EXPECT_EQ(uv_loop_close(&loop), 0);
  }

  uv_loop_t loop{};
};

// A timer that calls once.
struct host_timer {
  host_timer(uv_loop_t& loop, std::uint64_t ms, std::function<void()> then) : call(std::move(then)) {
    uv_timer_init(&loop, &timer);
    timer.data = this;
    uv_timer_start(&timer, [](uv_timer_t* fired) { static_cast<host_timer*>(fired->data)->fire(); }, ms, 0);
  }
  void fire() {
    call();
    uv_close(reinterpret_cast<uv_handle_t*>(&timer), nullptr);
  }
  uv_timer_t timer{};
  std::function<void()> call;
};

TEST_F(uv_guest_test, runs_beside_the_hosts_timers_and_lets_the_loop_end) {
  bool fired = false;
  const host_timer timer(loop, 1, [&] { fired = true; });
  ending end;
  uv_guest guest(&loop, []() -> task<> { co_await sc::sleep(2ms); }, end.note());

  run();

  EXPECT_TRUE(fired);
  EXPECT_EQ(end.times, 1);
  EXPECT_EQ(end.error, nullptr);
}

// Sends back what it reads, in a pipe of the loop's.
struct echo_pipe {
  echo_pipe(uv_loop_t& loop, int fd) {
    uv_pipe_init(&loop, &pipe, 0);
    uv_pipe_open(&pipe, fd);
    pipe.data = this;
    uv_read_start(
        reinterpret_cast<uv_stream_t*>(&pipe),
        [](uv_handle_t* handle, std::size_t, uv_buf_t* into) {
          auto& self = *static_cast<echo_pipe*>(handle->data);
          *into = uv_buf_init(self.buffer, sizeof self.buffer);
        },
        [](uv_stream_t* stream, ssize_t got, const uv_buf_t* read) {
          if (got < 0) return uv_close(reinterpret_cast<uv_handle_t*>(stream), nullptr);
          const uv_buf_t back = uv_buf_init(read->base, static_cast<unsigned>(got));
          EXPECT_EQ(uv_try_write(stream, &back, 1), got);
        });
  }
  uv_pipe_t pipe{};
  char buffer[64];
};

TEST_F(uv_guest_test, talks_with_a_pipe_of_the_hosts) {
  auto [ours, theirs] = socket_pair();
  echo_pipe echo(loop, theirs.release());
  ending end;
  std::string heard;
  uv_guest guest(
      &loop,
      [&, fd = &ours]() -> task<> {
        sc::socket_stream stream(std::move(*fd));
        for (int i = 0; i < 20; ++i) {
          co_await stream.send_all(std::as_bytes(std::span("abcd", 4)));
          heard += co_await receive(stream, 4);
        }
      },
      end.note());

  run();

  EXPECT_EQ(heard.size(), 80u);
  EXPECT_EQ(end.times, 1);
  EXPECT_EQ(end.error, nullptr);
}

TEST_F(uv_guest_test, error_of_the_main_task_reaches_on_done) {
  ending end;
  uv_guest guest(
      &loop,
      []() -> task<> {
        co_await sc::sleep(1ns);
        throw std::out_of_range("beyond");
      },
      end.note());
  run();
  EXPECT_EQ(sc::type_name_of(end.error), "std::out_of_range");
}

TEST_F(uv_guest_test, is_cancelled_by_a_callback_of_the_host) {
  ending end;
  uv_guest guest(&loop, []() -> task<> { co_await sc::sleep_forever(); }, end.note());
  const host_timer timer(loop, 1, [&] { guest.cancel("the host is closing"); });

  run();

  EXPECT_EQ(sc::type_name_of(end.error), "tractor::sc::scope_cancelled_error");
}

TEST_F(uv_guest_test, that_never_waits_does_not_keep_the_hosts_timer_from_firing) {
  bool fired = false;
  ending end;
  uv_guest guest(
      &loop,
      [&]() -> task<> {
        while (!fired) co_await sc::checkpoint();
      },
      end.note());
  const host_timer timer(loop, 2, [&] { fired = true; });

  run();

  EXPECT_EQ(end.times, 1);
}

TEST_F(uv_guest_test, gets_its_turn_beside_a_host_that_never_waits) {
  ending end;
  uv_guest guest(
      &loop,
      []() -> task<> {
        for (int i = 0; i < 10; ++i) co_await sc::sleep(1us);
      },
      end.note());
  uv_idle_t idle;
  uv_idle_init(&loop, &idle);
  idle.data = &end;
  uv_idle_start(&idle, [](uv_idle_t* busy) {
    if (static_cast<ending*>(busy->data)->times > 0) uv_close(reinterpret_cast<uv_handle_t*>(busy), nullptr);
  });

  run();

  EXPECT_EQ(end.times, 1);
}

TEST_F(uv_guest_test, two_side_by_side) {
  ending first_end, second_end;
  uv_guest first(&loop, []() -> task<> { co_await sc::sleep(1ms); }, first_end.note());
  uv_guest second(&loop, []() -> task<> { co_await sc::sleep(1ms); }, second_end.note());
  run();
  EXPECT_EQ(first_end.times + second_end.times, 2);
}

TEST_F(uv_guest_test, may_be_destroyed_by_on_done) {
  std::optional<uv_guest> guest;
  guest.emplace(&loop, []() -> task<> { co_return; }, [&](std::exception_ptr) { guest.reset(); });
  run();
  EXPECT_FALSE(guest.has_value());
}

TEST_F(uv_guest_test, never_run_is_given_up) {
  const auto token = std::make_shared<int>(0);
  {
    uv_guest guest(&loop, [token]() -> task<> { co_return; }, nullptr);
  }
  EXPECT_EQ(token.use_count(), 1);
}

}  // namespace
