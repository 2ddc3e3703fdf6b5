// SPDX-License-Identifier: Apache-2.0

#include "stall_alarm.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <iterator>

#include "tractor/base/fd.hpp"
#include "tractor/sc/run.hpp"

namespace tractor::sc::detail {

namespace {

constexpr int ticks_a_bound = 2;

timespec as_timespec(duration of) noexcept {
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(of);
  return {.tv_sec = whole.count(), .tv_nsec = std::chrono::nanoseconds(of - whole).count()};
}

}  // namespace

stall_alarm::stall_alarm(runner& run, duration bound, reporter report, void* self) noexcept
    : run_(run), bound_(bound), report_(report), self_(self) {
  struct sigaction ours{};
  ours.sa_sigaction = &handle;
  ours.sa_flags = SA_SIGINFO | SA_RESTART;  // on the stack that it looks at: another may be too small for a report
  sigemptyset(&ours.sa_mask);
  if (::sigaction(SIGURG, &ours, &before_) != 0) return;
  const bool is_free = (before_.sa_flags & SA_SIGINFO) == 0 ? before_.sa_handler == SIG_DFL || before_.sa_handler == SIG_IGN
                                                            : before_.sa_sigaction == &handle;
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGURG;
  event.sigev_value.sival_ptr = this;
  event._sigev_un._tid = static_cast<pid_t>(::syscall(SYS_gettid));
  if (!is_free || ::timer_create(CLOCK_MONOTONIC, &event, &timer_) != 0) {
    ::sigaction(SIGURG, &before_, nullptr);
    return;
  }
  watching_ = true;
  run_.set_alarm(this);
  set();
}

// A tick that is under way is the handler of this thread, so it is over; one that is pending finds no alarm.
stall_alarm::~stall_alarm() {
  if (!watching_) return;
  run_.set_alarm(nullptr);
  ::timer_delete(timer_);
  // Who has installed a handler since keeps it. (A late tick is ignored, as SIGURG is by itself.)
  struct sigaction now{};
  if (::sigaction(SIGURG, nullptr, &now) == 0 && (now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == &handle)
    ::sigaction(SIGURG, &before_, nullptr);
}

// The flag is set before the timer: a tick in between takes both down.
void stall_alarm::set() noexcept {
  ticking_.store(true, std::memory_order_relaxed);
  const itimerspec each{.it_interval = as_timespec(bound_ / ticks_a_bound), .it_value = as_timespec(bound_ / ticks_a_bound)};
  ::timer_settime(timer_, 0, &each, nullptr);
}

void stall_alarm::handle(int, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  const runner* const run = current_runner;
  stall_alarm* const alarm = run != nullptr ? run->alarm() : nullptr;
  if (alarm != nullptr && info->si_code == SI_TIMER && info->si_value.sival_ptr == alarm) alarm->tick(context);
  errno = saved_errno;
}

void stall_alarm::note(std::uint64_t at) noexcept {
  step_ = at;
  since_ = monotonic_now();
  then_ = times_now();
  reported_ = false;
  blind_ticks_ = 0;
}

void stall_alarm::tick(void* context) noexcept {
  const std::uint64_t now_at = run_.progress();
  if (now_at == runner::at_rest) {
    const itimerspec none{};
    ::timer_settime(timer_, 0, &none, nullptr);
    ticking_.store(false, std::memory_order_relaxed);
    step_ = now_at;
    return;
  }
  if (now_at != step_) return note(now_at);
  if (reported_) return;
  const duration held = monotonic_now() - since_;
  times now = times_now();
  if (!now.known || !then_.known) now = then_ = {};  // all time counts
  // A little less will do: the ticks are not quite even, and a bound missed by microseconds would be seen half a bound later.
  if (held - (now.waiting - then_.waiting) < bound_ - bound_ / 8) return;
  stall_sighting seen;
  seen.take(run_, context);
  // Where the unwinder knows no way on, as in the linker's stub of a call, the stack is one place. The next tick finds the thread
  // elsewhere.
  if (seen.frames().size() < 2 && ++blind_ticks_ < blind_ticks_max) return;
  reported_ = true;
  report_(self_, seen, held, now.on_processor - then_.on_processor);
}

// Two numbers of nanoseconds: on a processor, and ready without one. Nothing where the kernel does not count them: then all time counts.
stall_alarm::times stall_alarm::times_now() noexcept {
  const unique_fd file(::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC));
  char text[64];
  const ssize_t bytes = file ? ::read(file.get(), std::data(text), std::size(text)) : -1;
  if (bytes <= 0) return {};
  const char* const end = std::data(text) + bytes;
  std::int64_t on_processor = 0, waiting = 0;
  const auto first = std::from_chars(std::data(text), end, on_processor);
  if (first.ec != std::errc() || first.ptr == end || std::from_chars(first.ptr + 1, end, waiting).ec != std::errc()) return {};
  return {.known = true, .on_processor = std::chrono::nanoseconds(on_processor), .waiting = std::chrono::nanoseconds(waiting)};
}

}  // namespace tractor::sc::detail
