// SPDX-License-Identifier: Apache-2.0
//
// A pipe's two ends as byte streams: the contract in the direction that works, and what the other one says.

#include "tractor/sc/pipe_stream.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <string_view>

#include "sc_test.hpp"
#include "tractor/base/fd.hpp"
#include "tractor/testing/check_streams.hpp"
#include "tractor/testing/process_fixture.hpp"
#include "tractor/testing/scheduling.hpp"

namespace {

using namespace sc_test;
namespace kit = tractor::testing;
using sc::pipe_direction;
using sc::pipe_stream;
using tractor::check_syscall;
using tractor::unique_fd;

// For what another process does at once, or the system.
constexpr auto cushion = 1ms;

struct bare_pipe {
  unique_fd reading, writing;
};
bare_pipe open_pipe(int flags = O_CLOEXEC) {
  int fds[2];
  check_syscall(::pipe2(fds, flags), "pipe2()");
  return {unique_fd(fds[0]), unique_fd(fds[1])};
}

struct pipe_ends {
  std::unique_ptr<pipe_stream> sender, receiver;
};
pipe_ends open_streams() {
  auto [reading, writing] = open_pipe();
  return {std::make_unique<pipe_stream>(std::move(writing), pipe_direction::sends),
          std::make_unique<pipe_stream>(std::move(reading), pipe_direction::receives)};
}

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

// One receive; "" at the end.
task<std::string> receive_text(sc::byte_stream& from) {
  std::array<std::byte, 64> buffer;
  const std::size_t bytes = co_await from.receive_some(buffer);
  co_return std::string(reinterpret_cast<const char*>(buffer.data()), bytes);
}

// More than any pipe of this system holds.
task<> send_for_ever(sc::byte_stream& to) {
  const std::string much(1 << 16, 'x');
  for (;;) co_await to.send_all(bytes_of(much));
}

// The errno of what `body` throws; 0 when it throws no os_error.
template <class Body>
task<int> errno_of(Body body) {
  try {
    static_cast<void>(co_await body());
  } catch (const tractor::os_error& failed) {
    co_return failed.errno_value();
  }
  co_return 0;
}

int status_flags(int fd) { return ::fcntl(fd, F_GETFL); }

class pipe_contract : public kit::process_fixture {};

task<kit::stream_pair> make_pair() {
  auto [sender, receiver] = open_streams();
  co_return kit::stream_pair(std::move(sender), std::move(receiver));
}

TEST_F(pipe_contract, holds_in_real_time) {
  sc::run([] { return kit::check_one_way_stream(&make_pair); });
}

TEST_F(pipe_contract, holds_under_a_virtual_clock_and_every_order) {
  kit::run_test([] { return kit::check_one_way_stream(&make_pair); });
}

TRACTOR_TEST(pipe_stream, end_of_the_sender_is_the_end_behind_what_was_sent) {
  auto [sender, receiver] = open_streams();
  co_await sender->send_all(bytes_of("last words"));
  sender->send_eof();
  EXPECT_EQ(co_await receive_text(*receiver), "last words");
  EXPECT_EQ(co_await receive_text(*receiver), "");
  EXPECT_EQ(co_await receive_text(*receiver), "") << "the end stays the end";
}

TRACTOR_TEST(pipe_stream, send_eof_closes_a_sending_end) {
  auto [sender, receiver] = open_streams();
  sender->send_eof();
  EXPECT_TRUE(sender->closed());
  EXPECT_THROW(co_await sender->send_all(bytes_of("x")), sc::closed_resource_error);
}

TRACTOR_TEST(pipe_stream, send_eof_may_be_said_twice) {
  auto [sender, receiver] = open_streams();
  sender->send_eof();
  EXPECT_NO_THROW(sender->send_eof());
  co_return;
}

TRACTOR_TEST(pipe_stream, send_eof_leaves_a_receiving_end_open) {
  auto [sender, receiver] = open_streams();
  receiver->send_eof();
  EXPECT_FALSE(receiver->closed());
  co_await sender->send_all(bytes_of("still"));
  EXPECT_EQ(co_await receive_text(*receiver), "still");
}

TRACTOR_TEST(pipe_stream, send_eof_while_a_task_sends_is_refused) {
  auto [sender, receiver] = open_streams();
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { co_await send_for_ever(*sender); });
    co_await kit::wait_all_tasks_blocked(cushion);
    EXPECT_THROW(sender->send_eof(), sc::busy_resource_error);
    EXPECT_FALSE(sender->closed());
    n.cancel("seen");
  });
}

TRACTOR_TEST(pipe_stream, other_direction_is_an_error_that_says_so) {
  auto [sender, receiver] = open_streams();
  EXPECT_EQ(co_await errno_of([&] { return receive_text(*sender); }), EOPNOTSUPP);
  EXPECT_EQ(co_await errno_of([&] { return receiver->send_all(bytes_of("x")); }), EOPNOTSUPP);
  co_await sender->send_all(bytes_of("whole"));
  EXPECT_EQ(co_await receive_text(*receiver), "whole");
}

// --- a reader that goes away ---

TRACTOR_TEST(pipe_stream, reader_that_went_away_is_an_error_and_no_signal) {
  auto [sender, receiver] = open_streams();
  struct sigaction by_default{}, before{}, after{};
  by_default.sa_handler = SIG_DFL;
  ::sigaction(SIGPIPE, &by_default, &before);  // it would end the process
  receiver.reset();
  EXPECT_THROW(co_await sender->send_all(bytes_of("x")), sc::broken_resource_error);
  EXPECT_THROW(co_await sender->send_all(bytes_of("x")), sc::broken_resource_error) << "and stays one";
  ::sigaction(SIGPIPE, &before, &after);
  EXPECT_EQ(after.sa_handler, SIG_DFL);

  sigset_t pending, mask;
  ::sigpending(&pending);
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  EXPECT_EQ(::sigismember(&pending, SIGPIPE), 0);
  EXPECT_EQ(::sigismember(&mask, SIGPIPE), 0) << "the mask is what it was";
}

// Somebody else's SIGPIPE, which this thread had blocked, is not taken away.
TRACTOR_TEST(pipe_stream, signal_that_was_pending_before_stays) {
  auto [sender, receiver] = open_streams();
  receiver.reset();
  sigset_t pipe_signal, before, pending;
  ::sigemptyset(&pipe_signal);
  ::sigaddset(&pipe_signal, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  ::raise(SIGPIPE);

  const sc::io_result sent = sender->try_send(bytes_of("x"));

  ::sigpending(&pending);
  EXPECT_EQ(sent.errno_value, EPIPE);
  EXPECT_EQ(::sigismember(&pending, SIGPIPE), 1);
  int taken = 0;
  if (::sigismember(&pending, SIGPIPE) == 1) ::sigwait(&pipe_signal, &taken);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  co_return;
}

TRACTOR_TEST(pipe_stream, reader_that_goes_away_wakes_who_sends) {
  auto [sender, receiver] = open_streams();
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { EXPECT_THROW(co_await send_for_ever(*sender), sc::broken_resource_error); });
    co_await kit::wait_all_tasks_blocked(cushion);
    receiver.reset();
  });
}

// --- closing and cancelling ---

TRACTOR_TEST(pipe_stream, close_wakes_who_waits_in_either_end) {
  auto [sender, receiver] = open_streams();
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { EXPECT_THROW(static_cast<void>(co_await receive_text(*receiver)), sc::closed_resource_error); });
    co_await kit::wait_all_tasks_blocked(cushion);
    receiver->close();
    EXPECT_TRUE(receiver->closed());
  });
  auto full = open_streams();
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { EXPECT_THROW(co_await send_for_ever(*full.sender), sc::closed_resource_error); });
    co_await kit::wait_all_tasks_blocked(cushion);
    full.sender->close();
  });
}

TRACTOR_TEST(pipe_stream, may_be_destroyed_at_once_after_the_close_that_woke_a_task) {
  auto [sender, receiver] = open_streams();
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&, from = receiver.get()]() -> task<> {
      EXPECT_THROW(static_cast<void>(co_await receive_text(*from)), sc::closed_resource_error);
    });
    co_await kit::wait_all_tasks_blocked(cushion);
    receiver->close();
    receiver.reset();
  });
}

TRACTOR_TEST(pipe_stream, cancelled_receive_loses_nothing) {
  auto [sender, receiver] = open_streams();
  EXPECT_FALSE(co_await sc::move_on_after(1s, [&]() -> task<> { static_cast<void>(co_await receive_text(*receiver)); }));
  co_await sender->send_all(bytes_of("after"));
  co_await kit::assert_checkpoints([&] { return receive_text(*receiver); });
  EXPECT_EQ(co_await receive_text(*receiver), "after");
}

TRACTOR_TEST(pipe_stream, cancelled_send_leaves_a_stream_that_can_be_read) {
  auto [sender, receiver] = open_streams();
  EXPECT_FALSE(co_await sc::move_on_after(1s, [&] { return send_for_ever(*sender); }));
  sender->close();
  for (std::string got = co_await receive_text(*receiver); !got.empty(); got = co_await receive_text(*receiver))
    TRACTOR_REQUIRE(got == std::string(got.size(), 'x'));
}

TRACTOR_TEST(pipe_stream, that_is_gone_leaves_nothing_registered) {
  const std::size_t before = sc::runner::current()->io().source_count();
  {
    auto [sender, receiver] = open_streams();
    EXPECT_FALSE(co_await sc::move_on_after(1s, [&]() -> task<> { static_cast<void>(co_await receive_text(*receiver)); }));
    EXPECT_GT(sc::runner::current()->io().source_count(), before);
  }
  EXPECT_EQ(sc::runner::current()->io().source_count(), before);
}

// --- the descriptor ---

// As the header says: whoever shares the open file sees it, and it is not undone.
TRACTOR_TEST(pipe_stream, makes_its_descriptor_non_blocking_for_all_who_share_it) {
  auto [reading, writing] = open_pipe();
  const unique_fd shared(check_syscall(::fcntl(reading.get(), F_DUPFD_CLOEXEC, 0), "fcntl(F_DUPFD_CLOEXEC)"));
  EXPECT_EQ(status_flags(shared.get()) & O_NONBLOCK, 0);
  {
    const pipe_stream receiver(std::move(reading), pipe_direction::receives);
    EXPECT_EQ(status_flags(shared.get()) & O_NONBLOCK, O_NONBLOCK);
  }
  EXPECT_EQ(status_flags(shared.get()) & O_NONBLOCK, O_NONBLOCK);
  EXPECT_EQ(status_flags(writing.get()) & O_NONBLOCK, 0) << "the other end is another open file";
  co_return;
}

TRACTOR_TEST(pipe_stream, owns_its_descriptor) {
  auto [reading, writing] = open_pipe();
  const int number = reading.get();
  {
    const pipe_stream receiver(std::move(reading), pipe_direction::receives);
  }
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
  co_return;
}

TRACTOR_TEST(pipe_stream, of_no_descriptor_is_an_os_error) {
  EXPECT_THROW(pipe_stream(unique_fd(), pipe_direction::sends), tractor::os_error);
  co_return;
}

}  // namespace
