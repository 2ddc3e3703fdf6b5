// SPDX-License-Identifier: Apache-2.0
//
// The reactor under waiters that end what it is about to look at.

#include "tractor/sc/detail/reactor.hpp"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include "refused_call.hpp"
#include "sc_test.hpp"
#include "tractor/base/fd.hpp"

namespace {

namespace sc = tractor::sc;
using sc::detail::io_source;

// A descriptor that is readable, and two of the same kind that end each other, and themselves, when told.
struct readable : io_source::waiter {
  readable() : fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    source = std::make_unique<io_source>();
    source->attach(fd.get());
    source->set_drained();
    source->reader = this;
  }
  void become_ready() const { EXPECT_EQ(0, ::eventfd_write(fd.get(), 1)); }
  void end() {
    source->reader = nullptr;
    source.reset();  // gone, and its memory with it
    fd.reset();
  }
  tractor::unique_fd fd;
  std::unique_ptr<io_source> source;
  int told = 0;
};

TEST(reactor, waiter_may_destroy_its_own_source) {
  sc::run([]() -> sc::task<> {
    readable one;
    one.ready = [](io_source::waiter& self) noexcept {
      auto& mine = static_cast<readable&>(self);
      ++mine.told;
      mine.end();
    };
    one.become_ready();
    while (one.told == 0) co_await sc::checkpoint();
    EXPECT_EQ(nullptr, one.source);
  });
}

// Whoever waited in the run has gone; the descriptor may serve another one.
TEST(reactor, source_may_outlive_its_run_and_serve_in_another) {
  const tractor::unique_fd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  io_source source;
  int told = 0;
  for (int run = 0; run < 3; ++run) {
    sc::run([&]() -> sc::task<> {
      io_source in_between;
      in_between.attach(::dup(fd.get()));
      EXPECT_FALSE(source.attached());
      source.attach(fd.get());
      EXPECT_TRUE(source.maybe_readable()) << "nothing is known of it";
      source.set_drained();
      struct counting : io_source::waiter {
        int* told = nullptr;
      } one;
      one.told = &told;
      one.ready = [](io_source::waiter& self) noexcept { ++*static_cast<counting&>(self).told; };
      source.reader = &one;
      EXPECT_EQ(0, ::eventfd_write(fd.get(), 1));
      while (told == run) co_await sc::checkpoint();
      const int duplicate = in_between.fd();
      in_between.detach();
      ::close(duplicate);
    });
    EXPECT_FALSE(source.attached());
  }
  EXPECT_EQ(told, 3);
}

TEST(reactor, waiter_may_destroy_a_source_of_the_same_batch) {
  sc::run([]() -> sc::task<> {
    static std::array<readable, 2>* both;
    std::array<readable, 2> two;
    both = &two;
    for (auto& each : two) {
      each.ready = [](io_source::waiter& self) noexcept {
        ++static_cast<readable&>(self).told;
        for (auto& one : *both) one.end();
      };
      each.become_ready();
    }
    while (two[0].told + two[1].told == 0) co_await sc::checkpoint();
    for (int i = 0; i < 3; ++i) co_await sc::checkpoint();
    EXPECT_EQ(1, two[0].told + two[1].told) << "the other one was ended before its turn";
  });
}

// Sleeps in real time where the system refuses the call that takes a precise timeout. For a process of its own.
void sleep_without_precise_timeouts(int refusal) {
  sc_test::refuse_system_call(SYS_epoll_pwait2, refusal);
  sc::run([]() -> sc::task<> {
    using namespace std::chrono_literals;
    const auto began = sc::current_time();
    for (int i = 0; i < 3; ++i) co_await sc::sleep(1500us);
    std::_Exit(sc::current_time() - began >= 4500us ? 0 : 1);
  });
}

TEST(reactor_death_test, timers_work_where_the_precise_wait_is_missing_or_filtered) {
  for (const int refusal : {ENOSYS, EPERM}) EXPECT_EXIT(sleep_without_precise_timeouts(refusal), testing::ExitedWithCode(0), "") << refusal;
}

}  // namespace
