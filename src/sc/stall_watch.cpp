// SPDX-License-Identifier: Apache-2.0

#include "stall_watch.hpp"

#include <execinfo.h>
#include <ucontext.h>

#include <algorithm>
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

void* interrupted_at(void* context) noexcept {
  const auto& registers = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return reinterpret_cast<void*>(registers.gregs[REG_RIP]);  // NOLINT(performance-no-int-to-ptr): it is shown, not followed
#elif defined(__aarch64__)
  return reinterpret_cast<void*>(registers.pc);
#else
  static_cast<void>(registers);
  return nullptr;
#endif
}

}  // namespace

stall_watch::stall_watch() {
  check_syscall(::sem_init(&answered_, 0, 0), "sem_init()");
  // The first call loads the unwinder, which a handler must not.
  void* none[1];
  static_cast<void>(::backtrace(none, 1));
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
    watch->answer(*run, interrupted_at(context));
  } else if ((before_us.sa_flags & SA_SIGINFO) != 0) {
    before_us.sa_sigaction(number, info, context);
  } else if (before_us.sa_handler != SIG_DFL && before_us.sa_handler != SIG_IGN) {
    before_us.sa_handler(number);
  }
  errno = saved_errno;
}

// In the handler, so in the run's thread, anywhere. What it reads of the run is whole all the same: the running task is one word, it is
// taken out before the memory of its record goes (nursery::child_done), and the name is taken out of the record before that goes.
void stall_watch::answer(const runner& run, void* interrupted_at) noexcept {
  frame_count_ = static_cast<std::size_t>(std::max(0, ::backtrace(frames_, stall_detector::frames_max)));
  void** const found = std::find(frames_, frames_ + frame_count_, interrupted_at);
  first_frame_ = found == frames_ + frame_count_ ? 0 : static_cast<std::size_t>(found - frames_);
  const task_record* const task = run.running();
  in_task_ = task != nullptr;
  if (in_task_) {
    task_id_ = task->id;
    spawned_at_ = task->spawned_at;
    const std::string_view name = task->name();
    name_bytes_ = std::min(name.size(), name_bytes_max);
    std::copy_n(name.data(), name_bytes_, name_);
  }
  turn_.store(turn::answered, std::memory_order_release);
  ::sem_post(&answered_);
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
  if (in_task_) {
    into.task_id = task_id_;
    into.task_name.assign(name_, name_bytes_);
    into.spawned_at = spawned_at_;
  }
  into.stack = symbolise({frames_ + first_frame_, frame_count_ - first_frame_}, first_frame_ > 0);
  return true;
}

}  // namespace tractor::sc::detail
