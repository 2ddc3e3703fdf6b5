// SPDX-License-Identifier: Apache-2.0
//
// A process that dies or hangs in a seeded run leaves the seed on stderr, and dies as it would have died.

#include "tractor/testing/seed_note.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <string>

#include "tractor/base/config.hpp"
#include "tractor/base/fd.hpp"
#include "tractor/sc/sc.hpp"
#include "tractor/testing/test.hpp"

namespace {

using namespace std::chrono_literals;
namespace sc = tractor::sc;
namespace kit = tractor::testing;
using sc::task;
using ::testing::ExitedWithCode;
using ::testing::HasSubstr;
using ::testing::KilledBySignal;

constexpr std::uint64_t seed = 4711;
constexpr const char* replay = "in a seeded run: replay with TRACTOR_TEST_SEED=4711";

// Runs `die` in the body of a test, in its own task, after a wait. In a process of its own.
void run_and(void (*die)()) {
  kit::run_seeded(
      [=]() -> task<> {
        co_await sc::sleep(1s);
        die();
      },
      seed);
}

// A signal's handler, as it was before.
class own_handler {
 public:
  own_handler(int number, void (*handler)(int)) : number_(number) {
    struct sigaction action{};
    action.sa_handler = handler;
    ::sigaction(number, &action, &before_);
  }
  own_handler(const own_handler&) = delete;
  own_handler& operator=(const own_handler&) = delete;
  ~own_handler() { ::sigaction(number_, &before_, nullptr); }

 private:
  int number_;
  struct sigaction before_{};
};

auto handler_of(int number) {
  struct sigaction now{};
  ::sigaction(number, nullptr, &now);
  return now.sa_handler;
}

void say_and_exit(int) {
  static_cast<void>(!::write(STDERR_FILENO, "chained", 7));
  ::_exit(3);
}

TEST(seed_note_death_test, broken_invariant_names_the_seed) {
  EXPECT_EXIT(run_and([] { TRACTOR_ASSERT(seed == 0, "the test breaks it"); }), KilledBySignal(SIGABRT),
              "the test breaks it.*SIGABRT in a seeded run: replay with TRACTOR_TEST_SEED=4711");
}

TEST(seed_note_death_test, terminate_names_the_seed) {
  EXPECT_EXIT(run_and([] { std::terminate(); }), KilledBySignal(SIGABRT), replay);
}

// A write to an address that is none: a sanitizer has a handler of its own, which then is chained to and ends the process otherwise.
void crash() {
  volatile auto* nowhere = reinterpret_cast<int*>(std::uintptr_t{8});
  *nowhere = 1;
}
TEST(seed_note_death_test, crash_names_the_seed) {
  EXPECT_DEATH(run_and(&crash), "SIGSEGV in a seeded run: replay with TRACTOR_TEST_SEED=4711");
}

#ifdef TRACTOR_ASAN
TEST(seed_note_death_test, report_of_a_sanitizer_names_the_seed) {
  EXPECT_DEATH(run_and([] {
                 int* volatile freed = new int(1);
                 delete freed;
                 *freed = 2;
               }),
               "heap-use-after-free.*the sanitizer's report is in a seeded run: replay with TRACTOR_TEST_SEED=4711");
}
#endif

TEST(seed_note_death_test, signal_to_end_names_the_seed) {
  for (const int number : {SIGTERM, SIGINT, SIGALRM}) {
    const own_handler none(number, SIG_DFL);  // who runs in the background may be told to ignore some
    EXPECT_EXIT(
        {
          const kit::seed_note noted(seed);
          ::raise(number);
        },
        KilledBySignal(number), replay);
  }
}

TEST(seed_note_death_test, alarm_of_the_program_itself_still_ends_it) {
  EXPECT_EXIT(run_and([] {
                ::ualarm(1000, 0);
                for (;;) ::pause();
              }),
              KilledBySignal(SIGALRM), "SIGALRM in a seeded run");
}

TEST(seed_note_death_test, handler_that_was_there_is_called) {
  const own_handler abort_handler(SIGABRT, &say_and_exit);
  EXPECT_EXIT(run_and(&std::abort), ExitedWithCode(3), "TRACTOR_TEST_SEED=4711\nchained");
}

TEST(seed_note_death_test, handler_of_the_program_for_a_signal_to_end_is_left_alone) {
  const own_handler term_handler(SIGTERM, &say_and_exit);
  EXPECT_EXIT(run_and([] { ::raise(SIGTERM); }), ExitedWithCode(3), "^chained$");
}

TEST(seed_note_death_test, after_the_run_nothing_is_said) {
  EXPECT_EXIT(
      {
        run_and([] {});
        ::_exit(handler_of(SIGABRT) == SIG_DFL ? 0 : 1);
      },
      ExitedWithCode(0), "^$");
}

TEST(seed_note_death_test, of_two_the_first_speaks) {
  EXPECT_EXIT(
      {
        const kit::seed_note first(seed);
        {
          const kit::seed_note second(5);
        }
        std::abort();
      },
      KilledBySignal(SIGABRT), replay);
}

TEST(seed_note, handlers_are_given_back) {
  const own_handler abort_handler(SIGABRT, &say_and_exit);
  {
    const kit::seed_note noted(seed);
    EXPECT_NE(handler_of(SIGABRT), &say_and_exit);
    EXPECT_NE(handler_of(SIGSEGV), SIG_DFL);
  }
  EXPECT_EQ(handler_of(SIGABRT), &say_and_exit);
}

TEST(seed_note, handler_that_came_meanwhile_stays) {
  const own_handler restores(SIGABRT, SIG_DFL);
  {
    const kit::seed_note noted(seed);
    ::signal(SIGABRT, &say_and_exit);
  }
  EXPECT_EQ(handler_of(SIGABRT), &say_and_exit);
}

// stderr while it lives: a pipe.
class redirected_stderr {
 public:
  redirected_stderr() : before_(::dup(STDERR_FILENO)) {
    int ends[2];
    tractor::check_syscall(::pipe2(ends, O_CLOEXEC), "pipe2()");
    reading_ = tractor::unique_fd(ends[0]);
    const tractor::unique_fd writing(ends[1]);
    ::dup2(writing.get(), STDERR_FILENO);
  }
  redirected_stderr(const redirected_stderr&) = delete;
  redirected_stderr& operator=(const redirected_stderr&) = delete;
  ~redirected_stderr() { ::dup2(before_.get(), STDERR_FILENO); }

  // What comes next.
  std::string read() {
    pollfd wait{.fd = reading_.get(), .events = POLLIN, .revents = 0};
    while (::poll(&wait, 1, -1) < 0) {
    }
    std::string text(4096, '\0');
    const ssize_t bytes = ::read(reading_.get(), text.data(), text.size());
    text.resize(bytes > 0 ? static_cast<std::size_t>(bytes) : 0);
    return text;
  }

 private:
  tractor::unique_fd before_, reading_;
};

TEST(seed_note, run_that_takes_long_says_its_seed_and_goes_on) {
  const own_handler none(SIGALRM, SIG_DFL);
  std::string said;
  {
    redirected_stderr out;
    const kit::seed_note noted(seed, 1ms);
    said = out.read();
  }
  EXPECT_THAT(said, HasSubstr(replay));
  EXPECT_EQ(handler_of(SIGALRM), SIG_DFL);
}

TEST(parse_seed, takes_all_numbers_of_64_bits_and_nothing_else) {
  EXPECT_EQ(kit::parse_seed("0"), 0u);
  EXPECT_EQ(kit::parse_seed("4711"), seed);
  EXPECT_EQ(kit::parse_seed("18446744073709551615"), 18446744073709551615u);
  for (const char* wrong : {"", " 1", "1 ", "-1", "+1", "0x1", "18446744073709551616"})
    EXPECT_EQ(kit::parse_seed(wrong), std::nullopt) << wrong;
}

}  // namespace
