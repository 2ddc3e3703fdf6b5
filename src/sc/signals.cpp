// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/signals.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/types.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bitset>
#include <cstring>
#include <mutex>

#include "base/spin_lock.hpp"
#include "tractor/sc/errors.hpp"

namespace tractor::sc {

namespace {

// One signal of the process. The handler reads `pipe` and sets `pending`; all else is changed under the lock only. Small: every
// actor writes to the table, and has its own copy of the pages that it lies in.
struct signal_slot {
  std::atomic<int> pipe{-1};
  std::atomic<bool> pending{false};
  pid_t owner = 0;  // the process whose receiver holds it; a forked child's copy of its parent's claim counts for nothing
};

constexpr int signal_count = 65;  // Linux: 1 to 64
// How long closing waits for handlers that run in other threads, each a few system calls long. Bounded because a process forked in
// the middle of one would see it running for ever.
constexpr int handler_yields_max = 100'000;

// Process-global because signal dispositions are.
constinit std::array<signal_slot, signal_count> slots{};
constinit std::atomic<int> handlers_running{0};
constinit tractor::detail::spin_lock slots_lock;

void on_signal(int number) {
  const int saved_errno = errno;
  handlers_running.fetch_add(1);
  signal_slot& slot = slots[static_cast<std::size_t>(number)];
  const int pipe = slot.pipe.load();
  // At most one byte a signal is in the pipe, so that it cannot be full.
  if (pipe >= 0 && !slot.pending.exchange(true)) {
    const auto byte = static_cast<unsigned char>(number);
    static_cast<void>(!::write(pipe, &byte, 1));
  }
  handlers_running.fetch_sub(1);
  errno = saved_errno;
}

void check_catchable(int number) {
  if (number < 1 || number >= signal_count) throw usage_error("open_signal_receiver(): there is no signal " + std::to_string(number));
  for (const int refused : {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL})
    if (number == refused) throw usage_error("open_signal_receiver(): " + signal_name(number) + " cannot be received by a task");
}

}  // namespace

std::string signal_name(int number) {
  const char* const abbreviation = ::sigabbrev_np(number);
  return abbreviation != nullptr ? std::string("SIG") + abbreviation : "signal " + std::to_string(number);
}

struct signal_receiver::claim {
  int number;
  struct sigaction before;
};

signal_receiver::signal_receiver(std::vector<int> numbers) {
  if (numbers.empty()) throw usage_error("open_signal_receiver(): no signal is given");
  std::ranges::for_each(numbers, check_catchable);
  int ends[2];
  check_syscall(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), "pipe2()");
  arrivals_.reset(ends[0]);
  handler_end_.reset(ends[1]);
  source_.attach(arrivals_.get());
  source_.set_drained();
  claims_.reserve(numbers.size());
  const pid_t process = ::getpid();
  try {
    std::ranges::for_each(numbers, [this, process](int number) { claim_one(number, process); });
  } catch (...) {
    release_all();
    source_.detach();
    throw;
  }
}

signal_receiver::~signal_receiver() {
  TRACTOR_ASSERT(source_.reader == nullptr, "a signal receiver is closed while a task waits in it");
  release_all();
  source_.detach();
}

void signal_receiver::claim_one(int number, int process) {
  const std::lock_guard lock(slots_lock);
  signal_slot& slot = slots[static_cast<std::size_t>(number)];
  if (slot.pipe.load() >= 0 && slot.owner == process)
    throw usage_error("open_signal_receiver(): " + signal_name(number) + " has a receiver already");
  slot.owner = process;
  slot.pending.store(false);
  slot.pipe.store(handler_end_.get());
  struct sigaction action{};
  action.sa_handler = &on_signal;
  action.sa_flags = SA_RESTART;
  ::sigfillset(&action.sa_mask);
  claim made{.number = number, .before = {}};
  if (::sigaction(number, &action, &made.before) != 0) {
    slot.pipe.store(-1);
    throw_os_error("sigaction(" + signal_name(number) + ")", errno);
  }
  claims_.push_back(made);
}

namespace {

// For the process; and before this goes on, where this thread can take it.
void raise_again(int number) noexcept {
  sigset_t blocked;
  const bool here = ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked) == 0 && ::sigismember(&blocked, number) == 0;
  if (here)
    ::raise(number);
  else
    ::kill(::getpid(), number);
}

}  // namespace

void signal_receiver::release_all() noexcept {
  std::bitset<signal_count> unreceived;
  {
    const std::lock_guard lock(slots_lock);
    for (const claim& held : claims_) {
      ::sigaction(held.number, &held.before, nullptr);
      slots[static_cast<std::size_t>(held.number)].pipe.store(-1);
    }
    // A handler that another thread is in may hold the descriptor still.
    for (int yields = 0; handlers_running.load() != 0 && yields < handler_yields_max; ++yields) ::sched_yield();
    for (const claim& held : claims_) {
      const auto index = static_cast<std::size_t>(held.number);
      unreceived[index] = slots[index].pending.exchange(false);
    }
  }
  for (const claim& held : std::exchange(claims_, {}))
    if (unreceived[static_cast<std::size_t>(held.number)]) raise_again(held.number);
}

std::optional<int> signal_receiver::receive_if_arrived() noexcept {
  const int number = read_one();  // whatever the reactor knows of it
  return number != 0 ? std::optional<int>(number) : std::nullopt;
}

int signal_receiver::take() noexcept { return source_.maybe_readable() ? read_one() : 0; }

int signal_receiver::read_one() noexcept {
  unsigned char byte = 0;
  while (retry_eintr([&] { return ::read(arrivals_.get(), &byte, 1); }) == 1) {
    // Not ours is what somebody else wrote to a descriptor of this number.
    if (std::ranges::none_of(claims_, [&](const claim& held) { return held.number == byte; })) continue;
    slots[byte].pending.store(false);
    return byte;
  }
  source_.set_drained();
  return 0;
}

bool signal_receiver::receive_awaiter::await_ready() {
  if (refuse_if_cancelled()) return true;
  if (from_.receiving_) throw busy_resource_error("another task is receiving these signals");
  number_ = from_.take();
  if (number_ != 0) return detail::this_runner().may_continue();
  waiter_.self = this;
  waiter_.ready = [](detail::io_source::waiter& told) noexcept {
    receive_awaiter& self = *static_cast<waiter&>(told).self;
    self.number_ = self.from_.take();
    if (self.number_ == 0) {
      self.from_.source_.reader = &self.waiter_;
      return;
    }
    self.from_.receiving_ = false;
    self.wake();
  };
  from_.source_.reader = &waiter_;
  from_.receiving_ = true;
  return false;
}

bool signal_receiver::receive_awaiter::abort_wait(detail::suspension& self) noexcept {
  signal_receiver& from = static_cast<receive_awaiter&>(self).from_;
  from.source_.reader = nullptr;
  from.receiving_ = false;
  return true;
}

}  // namespace tractor::sc
