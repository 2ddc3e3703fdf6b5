// SPDX-License-Identifier: Apache-2.0

#include "tractor/testing/seed_note.hpp"

#include <signal.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <system_error>

// Of the sanitizers, when one is linked. They report and exit without a signal.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace tractor::testing {

namespace {

struct watched_signal {
  int number;
  const char* name;
  bool only_default;  // left alone where somebody has a handler
  bool taken = false;
  struct sigaction before{};
};

// The handler is the process's, and so is all that it reads. Written before the handler is installed.
constinit watched_signal watched[] = {
    {SIGABRT, "SIGABRT", false}, {SIGSEGV, "SIGSEGV", false}, {SIGBUS, "SIGBUS", false}, {SIGFPE, "SIGFPE", false},
    {SIGILL, "SIGILL", false},   {SIGTERM, "SIGTERM", true},  {SIGINT, "SIGINT", true},  {SIGALRM, "SIGALRM", true},
};
constinit std::atomic<bool> speaking = false;
constinit char replay[96] = "";  // " in a seeded run: replay with …"
constinit timer_t timer{};
constinit bool timed = false;

iovec text(const char* of) noexcept { return {.iov_base = const_cast<char*>(of), .iov_len = std::strlen(of)}; }

void say(const char* what) noexcept {
  const iovec parts[] = {text("tractor: "), text(what), text(replay)};
  static_cast<void>(!::writev(STDERR_FILENO, parts, std::size(parts)));  // a handler can do nothing about it
}

void at_sanitizer_death() { say("the sanitizer's report is"); }

// Of the process whose run it is: a child that was forked meanwhile has nothing to say, and must let the timer be.
pid_t owner = 0;

void handle(int number, siginfo_t* info, void* /*context*/) noexcept {
  const int errno_before = errno;
  const bool is_ours = ::getpid() == owner;
  if (is_ours && number == SIGALRM && info->si_code == SI_TIMER && info->si_value.sival_ptr == &timer) {
    say("a test takes long, it is");
    errno = errno_before;
    return;
  }
  for (watched_signal& each : watched) {
    if (each.number != number) continue;
    if (is_ours) say(each.name);
    ::sigaction(number, &each.before, nullptr);
    // A fault comes again by itself when this returns to it, with all that belongs to it; what was sent must be sent again.
    if (info->si_code <= 0 || each.only_default) ::raise(number);
  }
  errno = errno_before;
}

void take(watched_signal& signal) noexcept {
  signal.taken = false;
  if (::sigaction(signal.number, nullptr, &signal.before) != 0) return;
  const bool is_default = (signal.before.sa_flags & SA_SIGINFO) == 0 && signal.before.sa_handler == SIG_DFL;
  if (signal.only_default && !is_default) return;
  struct sigaction ours{};
  ours.sa_sigaction = &handle;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  ::sigemptyset(&ours.sa_mask);
  signal.taken = ::sigaction(signal.number, &ours, nullptr) == 0;
}

// Unless somebody has put a handler of his own in its place meanwhile.
void give_back(const watched_signal& signal) noexcept {
  struct sigaction now{};
  if (signal.taken && ::sigaction(signal.number, nullptr, &now) == 0 && (now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == &handle)
    ::sigaction(signal.number, &signal.before, nullptr);
}

bool alarm_is_taken() noexcept {
  for (const watched_signal& each : watched)
    if (each.number == SIGALRM) return each.taken;
  return false;
}

void start_timer(std::chrono::milliseconds patience) noexcept {
  sigevent by_signal{};
  by_signal.sigev_notify = SIGEV_THREAD_ID;  // so that none is under way to another thread when the timer is deleted
  by_signal._sigev_un._tid = ::gettid();
  by_signal.sigev_signo = SIGALRM;
  by_signal.sigev_value.sival_ptr = &timer;
  timed = alarm_is_taken() && ::timer_create(CLOCK_MONOTONIC, &by_signal, &timer) == 0;
  if (!timed) return;
  itimerspec once{};
  once.it_value = {.tv_sec = patience.count() / 1000, .tv_nsec = patience.count() % 1000 * 1'000'000};
  ::timer_settime(timer, 0, &once, nullptr);
}

}  // namespace

std::optional<std::uint64_t> parse_seed(std::string_view text) noexcept {
  std::uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return seed;
}

seed_note::seed_note(std::uint64_t seed, std::chrono::milliseconds patience) noexcept : speaks_(!speaking.exchange(true)) {
  if (!speaks_) return;
  owner = ::getpid();
  std::snprintf(replay, sizeof replay, " in a seeded run: replay with TRACTOR_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
  for (watched_signal& each : watched) take(each);
  start_timer(patience);
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(&at_sanitizer_death);
}

seed_note::~seed_note() {
  if (!speaks_) return;
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(nullptr);
  if (timed && ::getpid() == owner) ::timer_delete(timer);
  for (const watched_signal& each : watched) give_back(each);
  speaking = false;
}

}  // namespace tractor::testing
