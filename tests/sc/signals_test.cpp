// SPDX-License-Identifier: Apache-2.0
//
// Signals as a scoped receiver. Each test raises signals at its own process.

#include "tractor/sc/signals.hpp"

#include <signal.h>
#include <sys/wait.h>

#include <thread>

#include "sc_test.hpp"

namespace {

using namespace sc_test;

volatile std::sig_atomic_t handled_before = 0;

// Puts a handler of our own in place for one signal, and what was there back.
class own_handler {
 public:
  explicit own_handler(int number) : number_(number) {
    handled_before = 0;
    struct sigaction action{};
    action.sa_handler = [](int) { handled_before = handled_before + 1; };
    ::sigaction(number_, &action, &before_);
  }
  own_handler(const own_handler&) = delete;
  own_handler& operator=(const own_handler&) = delete;
  ~own_handler() { ::sigaction(number_, &before_, nullptr); }

 private:
  int number_;
  struct sigaction before_{};
};

TRACTOR_TEST(signals, arrive_in_the_order_they_were_raised) {
  co_await sc::open_signal_receiver({SIGUSR1, SIGUSR2, SIGTERM}, [](sc::signal_receiver& signals) -> task<> {
    ::raise(SIGUSR2);
    ::raise(SIGTERM);
    ::raise(SIGUSR1);
    EXPECT_EQ(co_await signals.receive(), SIGUSR2);
    EXPECT_EQ(co_await signals.receive(), SIGTERM);
    EXPECT_EQ(co_await signals.receive(), SIGUSR1);
  });
}

TRACTOR_TEST(signals, wake_a_task_that_waits) {
  int got = 0;
  co_await sc::open_signal_receiver({SIGUSR1}, [&](sc::signal_receiver& signals) -> task<> {
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      n.start_soon([&]() -> task<> { got = co_await signals.receive(); });
      co_await settle();
      ::raise(SIGUSR1);
    });
  });
  EXPECT_EQ(got, SIGUSR1);
}

TRACTOR_TEST(signals, last_look_takes_what_has_come_and_does_not_wait) {
  co_await sc::open_signal_receiver({SIGUSR1, SIGUSR2}, [](sc::signal_receiver& signals) -> task<> {
    EXPECT_EQ(signals.receive_if_arrived(), std::nullopt);
    ::raise(SIGUSR2);
    EXPECT_EQ(signals.receive_if_arrived(), SIGUSR2);
    EXPECT_EQ(signals.receive_if_arrived(), std::nullopt);
    co_return;
  });
}

TRACTOR_TEST(signals, raised_twice_before_the_receive_are_one) {
  co_await sc::open_signal_receiver({SIGUSR1}, [](sc::signal_receiver& signals) -> task<> {
    ::raise(SIGUSR1);
    ::raise(SIGUSR1);
    EXPECT_EQ(co_await signals.receive(), SIGUSR1);
    EXPECT_FALSE(co_await sc::move_on_after(1s, [&]() -> task<> { co_await signals.receive(); }));
    ::raise(SIGUSR1);
    EXPECT_EQ(co_await signals.receive(), SIGUSR1);
  });
}

TRACTOR_TEST(signals, disposition_is_restored_when_the_block_ends) {
  const own_handler mine(SIGUSR1);
  co_await sc::open_signal_receiver({SIGUSR1}, [](sc::signal_receiver& signals) -> task<> {
    ::raise(SIGUSR1);
    EXPECT_EQ(co_await signals.receive(), SIGUSR1);
  });
  EXPECT_EQ(handled_before, 0);
  ::raise(SIGUSR1);
  EXPECT_EQ(handled_before, 1);
}

TRACTOR_TEST(signals, one_that_was_not_received_is_raised_again_afterwards) {
  const own_handler mine(SIGUSR1);
  co_await sc::open_signal_receiver({SIGUSR1}, [](sc::signal_receiver&) -> task<> {
    ::raise(SIGUSR1);
    co_return;
  });
  EXPECT_EQ(handled_before, 1);
}

// As in threads that are not to be interrupted: the process has it, not that thread.
TEST(signals, one_that_a_thread_blocks_is_raised_again_for_the_process) {
  const own_handler mine(SIGUSR1);
  std::thread([] {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
    sc::run([]() -> task<> {
      co_await sc::open_signal_receiver({SIGUSR1}, [](sc::signal_receiver&) -> task<> {
        ::kill(::getpid(), SIGUSR1);  // its handler has run, in another thread, when the block is left: release waits for that
        co_await sc::sleep(20ms);
      });
    });
  }).join();
  while (handled_before == 0) ::sched_yield();
  EXPECT_EQ(handled_before, 1);
}

TRACTOR_TEST(signals, disposition_is_restored_when_the_body_throws_or_is_cancelled) {
  const own_handler mine(SIGUSR1);
  EXPECT_THROW(co_await sc::open_signal_receiver({SIGUSR1},
                                                 [](sc::signal_receiver&) -> task<> {
                                                   throw 1;
                                                   co_return;
                                                 }),
               int);
  co_await sc::move_on_after(1s, []() -> task<> {
    co_await sc::open_signal_receiver({SIGUSR1}, [](sc::signal_receiver& signals) -> task<> { co_await signals.receive(); });
  });
  ::raise(SIGUSR1);
  EXPECT_EQ(handled_before, 1);
}

TRACTOR_TEST(signals, second_receiver_for_the_same_signal_is_a_usage_error_and_takes_nothing_away) {
  co_await sc::open_signal_receiver({SIGUSR1}, [](sc::signal_receiver& signals) -> task<> {
    EXPECT_THROW(co_await sc::open_signal_receiver({SIGUSR2, SIGUSR1}, [](sc::signal_receiver&) -> task<> { co_return; }),
                 tractor::usage_error);
    co_await sc::open_signal_receiver({SIGUSR2}, [](sc::signal_receiver& other) -> task<> {
      ::raise(SIGUSR2);
      EXPECT_EQ(co_await other.receive(), SIGUSR2);
    });
    ::raise(SIGUSR1);
    EXPECT_EQ(co_await signals.receive(), SIGUSR1);
  });
}

TRACTOR_TEST(signals, that_cannot_be_received_are_usage_errors) {
  const auto nothing = [](sc::signal_receiver&) -> task<> { co_return; };
  for (const int number : {SIGKILL, SIGSTOP, SIGSEGV, SIGFPE, 0, -1, 65, 1000})
    EXPECT_THROW(co_await sc::open_signal_receiver({number}, nothing), tractor::usage_error) << number;
  EXPECT_THROW(co_await sc::open_signal_receiver({}, nothing), tractor::usage_error);
}

TRACTOR_TEST(signals, second_task_that_receives_is_refused) {
  co_await sc::open_signal_receiver({SIGUSR1}, [](sc::signal_receiver& signals) -> task<> {
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      n.start_soon([&]() -> task<> { co_await signals.receive(); });
      co_await settle();
      EXPECT_THROW(static_cast<void>(co_await signals.receive()), sc::busy_resource_error);
      n.cancel();
    });
  });
}

TRACTOR_TEST(signals, sent_from_another_thread_arrive) {
  int got = 0;
  co_await sc::open_signal_receiver({SIGUSR1}, [&](sc::signal_receiver& signals) -> task<> {
    const sc::external_wait outside;
    std::thread sender([] { ::raise(SIGUSR1); });  // handled in that thread
    got = co_await signals.receive();
    sender.join();
  });
  EXPECT_EQ(got, SIGUSR1);
}

TRACTOR_TEST(signals, child_that_resets_its_dispositions_is_unaffected) {
  co_await sc::open_signal_receiver({SIGTERM}, [](sc::signal_receiver& signals) -> task<> {
    const pid_t child = ::fork();
    if (child == 0) {
      ::signal(SIGTERM, SIG_DFL);
      ::raise(SIGTERM);
      ::_exit(1);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    EXPECT_FALSE(co_await sc::move_on_after(1s, [&]() -> task<> { co_await signals.receive(); }));
  });
}

TRACTOR_TEST(signals, errno_survives_the_handler) {
  co_await sc::open_signal_receiver({SIGUSR1}, [](sc::signal_receiver& signals) -> task<> {
    errno = E2BIG;
    ::raise(SIGUSR1);
    EXPECT_EQ(errno, E2BIG);
    EXPECT_EQ(co_await signals.receive(), SIGUSR1);
  });
}

TEST(signal_name, knows_names_and_numbers) {
  EXPECT_EQ(sc::signal_name(SIGKILL), "SIGKILL");
  EXPECT_EQ(sc::signal_name(50), "signal 50");
}

TRACTOR_TEST(signals, receiver_is_free_and_may_be_destroyed_when_the_task_that_waited_was_told_but_has_yet_to_go_on) {
  auto receiver = std::make_unique<sc::signal_receiver>(std::vector{SIGUSR1});
  int got = 0;
  const auto receive = [&]() -> task<> { got = co_await receiver->receive(); };
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon(receive);
    co_await settle();
    ::raise(SIGUSR1);
    sc::runner::current()->io().poll(sc::duration::zero());
    receiver.reset();
  });
  EXPECT_EQ(got, SIGUSR1);

  receiver = std::make_unique<sc::signal_receiver>(std::vector{SIGUSR2});
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon(receive);
    co_await settle();
    n.cancel();
    ::raise(SIGUSR2);
    co_await sc::shielded(receive);  // nobody is in its way
  });
  EXPECT_EQ(got, SIGUSR2);
}

}  // namespace
