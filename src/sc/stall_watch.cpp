// SPDX-License-Identifier: Apache-2.0

#include "stall_watch.hpp"

#include <cerrno>
#include <ctime>
#include <mutex>

#include "tractor/sc/run.hpp"

namespace tractor::sc::detail {

namespace {

// The handler is the process's: it is there while there are detectors.
constinit std::mutex handler_mutex;
constinit int handler_users = 0;
struct sigaction before_us{};  // written before the handler is installed, and read by it

}  // namespace

stall_watch::stall_watch() {
  check_syscall(::sem_init(&answered_, 0, 0), "sem_init()");
  const std::lock_guard<std::mutex> lock(handler_mutex);
  if (handler_users++ > 0) return;
  check_syscall(::sigaction(SIGURG, nullptr, &before_us), "sigaction(SIGURG)");
  struct sigaction ours{};
  ours.sa_sigaction = &handle;
  ours.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  sigemptyset(&ours.sa_mask);
  check_syscall(::sigaction(SIGURG, &ours, nullptr), "sigaction(SIGURG)");
}

stall_watch::~stall_watch() {
  {
    const std::lock_guard<std::mutex> lock(handler_mutex);
    struct sigaction now{};
    // Who has installed a handler since keeps it.
    if (--handler_users == 0 && ::sigaction(SIGURG, nullptr, &now) == 0 && now.sa_sigaction == &handle)
      ::sigaction(SIGURG, &before_us, nullptr);
  }
  ::sem_destroy(&answered_);
}

void stall_watch::handle(int number, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  const runner* const run = current_runner;
  stall_watch* const watch = run != nullptr ? run->watched_by() : nullptr;
  turn asked = turn::asked;
  if (watch != nullptr && watch->turn_.compare_exchange_strong(asked, turn::answering)) {
    watch->seen_.take(*run, context);
    watch->turn_.store(turn::answered, std::memory_order_release);
    ::sem_post(&watch->answered_);
  } else if ((before_us.sa_flags & SA_SIGINFO) != 0) {
    before_us.sa_sigaction(number, info, context);
  } else if (before_us.sa_handler != SIG_DFL && before_us.sa_handler != SIG_IGN) {
    before_us.sa_handler(number);
  }
  errno = saved_errno;
}

bool stall_watch::ask(pthread_t thread, stall& into) {
  turn_.store(turn::asked);
  timespec until{};
  ::clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_nsec += answer_max_ms * 1'000'000;
  until.tv_sec += until.tv_nsec / 1'000'000'000;
  until.tv_nsec %= 1'000'000'000;
  int waited = ::pthread_kill(thread, SIGURG);
  if (waited == 0) {
    while ((waited = ::sem_clockwait(&answered_, CLOCK_MONOTONIC, &until)) != 0 && errno == EINTR) {
    }
  }
  if (waited != 0) {
    turn expected = turn::asked;
    if (turn_.compare_exchange_strong(expected, turn::idle)) return false;
    while (::sem_wait(&answered_) != 0) {  // the handler is at it
    }
  }
  TRACTOR_ASSERT(turn_.load(std::memory_order_acquire) == turn::answered, "a stall's answer was announced before it was there");
  turn_.store(turn::idle, std::memory_order_relaxed);
  seen_.name_into(into);
  return true;
}

}  // namespace tractor::sc::detail
