// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/stall_detector.hpp"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <ctime>
#include <mutex>
#include <system_error>
#include <thread>

#include "blocked_signals.hpp"
#include "stall_watch.hpp"
#include "tractor/base/error.hpp"
#include "tractor/sc/run.hpp"

namespace tractor::sc {

namespace {

constexpr int looks_a_bound = 4;

duration time_on_processor(clockid_t of) noexcept {
  timespec used{};
  if (::clock_gettime(of, &used) != 0) return {};
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

std::string seconds(duration of) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f s", std::chrono::duration<double>(of).count());
  return text;
}

}  // namespace

struct stall_detector::state {
  state(runner& watched, duration longest, std::function<void(const stall&)> to)
      : run(watched), bound(longest), report(std::move(to)), run_thread(::pthread_self()) {
    if (const int failed = ::pthread_getcpuclockid(run_thread, &run_clock); failed != 0) throw os_error("pthread_getcpuclockid()", failed);
  }

  void watch();
  void look();

  runner& run;
  const duration bound;
  const std::function<void(const stall&)> report;
  const pthread_t run_thread;
  clockid_t run_clock{};
  detail::stall_watch stack_taker;
  std::atomic<std::size_t> count = 0;
  // Of the detector's thread: the last progress seen, when, and how much the run's thread had computed by then.
  std::uint64_t step = 0;
  time_point since{};
  duration used{};
  bool reported = false;

  std::mutex mutex;
  std::condition_variable ending;
  bool ended = false;
  std::thread thread;
};

void stall_detector::state::watch() {
  std::unique_lock<std::mutex> lock(mutex);
  since = monotonic_now();
  used = time_on_processor(run_clock);
  while (!ending.wait_for(lock, bound / looks_a_bound, [this] { return ended; })) {
    lock.unlock();
    look();
    lock.lock();
  }
}

void stall_detector::state::look() {
  const std::uint64_t now_at = run.progress();
  const time_point now = monotonic_now();
  if (now_at == runner::at_rest || now_at != step) {
    step = now_at;
    since = now;
    used = time_on_processor(run_clock);
    reported = false;
    return;
  }
  if (reported || now - since < bound) return;
  reported = true;
  stall seen{.held = now - since, .on_processor = time_on_processor(run_clock) - used};
  static_cast<void>(stack_taker.ask(run_thread, seen));
  if (run.progress() != step) return;  // it ended just now, and the stack is of something else
  count.fetch_add(1);
  if (report)
    report(seen);
  else
    std::fprintf(stderr, "tractor: %s\n", to_text(seen).c_str());
}

stall_detector::stall_detector(duration bound, std::function<void(const stall&)> report) {
  runner& run = detail::this_runner();
  if (bound < bound_min) throw usage_error("stall_detector: the bound is at least 1 ms");
  if (run.watched_by() != nullptr) throw usage_error("stall_detector: this run is watched by another one already");
  state_ = std::make_unique<state>(run, bound, std::move(report));
  const detail::blocked_signals masked;
  try {
    state_->thread = std::thread([watching = state_.get()] { watching->watch(); });
  } catch (const std::system_error& failed) {
    throw os_error("stall_detector: pthread_create()", failed.code().value());
  }
  run.set_watched_by(&state_->stack_taker);
}

stall_detector::~stall_detector() {
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    state_->ended = true;
  }
  state_->ending.notify_one();
  state_->thread.join();
  state_->run.set_watched_by(nullptr);
}

std::size_t stall_detector::count() const noexcept { return state_->count.load(); }

std::string detail::text_of(const stall& seen, std::string_view file, unsigned line) {
  std::string text = seen.task_id == 0
                         ? "the run itself, between two tasks,"
                         : "task '" + seen.task_name + "' (started at " + std::string(file) + ':' + std::to_string(line) + ')';
  text +=
      " has held the loop for " + seconds(seen.held) + ", " + seconds(seen.on_processor) + " of them on a processor; no other task can run";
  text += seen.stack.empty() ? "; its thread did not say where it is" : ":";
  for (std::size_t i = 0; i < seen.stack.size(); ++i) text += "\n  #" + std::to_string(i) + ' ' + to_text(seen.stack[i]);
  return text;
}

std::string to_text(const stall& seen) {
  return detail::text_of(seen, seen.spawned_at.file_name(), static_cast<unsigned>(seen.spawned_at.line()));
}

}  // namespace tractor::sc
