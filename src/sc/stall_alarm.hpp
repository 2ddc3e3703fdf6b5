// SPDX-License-Identifier: Apache-2.0
//
// Finding the task that holds the loop (stall_detector.hpp) without a thread, for every actor: a timer of the kernel ticks while the run is
// busy, and its signal looks whether there was progress since the last one.
//
// A run at rest has no timer: the tick that finds it at rest takes it down, and the run sets it again when it goes on. So an actor that
// does nothing is never woken, one that works takes a signal and two system calls each half of the bound.
//
// A stall is seen after one to one and a half times the bound. Time for which the thread was ready to run and had no processor does not
// count: that is the machine's doing.

#pragma once

#include <signal.h>
#include <sys/types.h>
#include <time.h>

#include <atomic>
#include <cstdint>

#include "stall_sighting.hpp"
#include "tractor/sc/clock.hpp"

namespace tractor::sc::detail {

class stall_alarm {
 public:
  // Called in the signal handler, once for each stall: at the first tick that finds the stack, or at the last of `blind_ticks_max` that do
  // not.
  using reporter = void (*)(void* self, const stall_sighting& seen, duration held, duration on_processor) noexcept;

  // Watches `run`, which is the current one and is watched by no other alarm. Takes SIGURG, unless the program has taken it: then it
  // watches nothing, as where there is no timer to be had.
  stall_alarm(runner& run, duration bound, reporter report, void* self) noexcept;
  stall_alarm(const stall_alarm&) = delete;
  stall_alarm& operator=(const stall_alarm&) = delete;
  // In the run's thread.
  ~stall_alarm();

  // Where tasks are going to run after a rest.
  void wake() noexcept {
    if (!ticking_.load(std::memory_order_relaxed)) set();
  }

 private:
  static constexpr int blind_ticks_max = 8;

  static void handle(int number, siginfo_t* info, void* context);
  void set() noexcept;
  void tick(void* context) noexcept;
  void note(std::uint64_t at) noexcept;
  // On a processor, and ready to run without one.
  struct times {
    bool known = false;
    duration on_processor{};
    duration waiting{};
  };
  [[nodiscard]] static times times_now() noexcept;

  runner& run_;
  const duration bound_;
  const reporter report_;
  void* const self_;
  struct sigaction before_{};
  timer_t timer_{};
  bool watching_ = false;
  std::atomic<bool> ticking_ = false;
  // Of the handler: the last progress seen, when, and how the thread had spent its time by then.
  std::uint64_t step_ = 0;
  time_point since_{};
  times then_{};
  bool reported_ = false;
  int blind_ticks_ = 0;  // of this stall
};

}  // namespace tractor::sc::detail
