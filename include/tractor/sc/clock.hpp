// SPDX-License-Identifier: Apache-2.0
//
// Time as the kernel sees it. A run reads time from its clock only, so a test can put a virtual one in its place.

#pragma once

#include <chrono>
#include <cstdint>

#include "tractor/base/config.hpp"

namespace tractor::sc {

using duration = std::chrono::nanoseconds;

// A monotonic clock that belongs to a run; its zero has no meaning.
struct run_clock {
  using duration = sc::duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<run_clock>;
  static constexpr bool is_steady = true;
};
using time_point = run_clock::time_point;

// "No deadline".
inline constexpr time_point never = time_point::max();

// `now + delay` without overflow: a delay beyond the end of time gives `never`, a negative one gives `now`.
[[nodiscard]] constexpr time_point saturating_add(time_point now, duration delay) noexcept {
  if (delay <= duration::zero()) return now;
  return now > never - delay ? never : now + delay;
}

// What CLOCK_MONOTONIC says.
[[nodiscard]] TRACTOR_API time_point monotonic_now() noexcept;

// Time that passes only when a test says so, or jumps to the next deadline when every task waits (autojump).
//
// With `autojump` a run that has nothing to do moves the clock to the earliest deadline at once; when there is none and nothing else
// can wake a task either, the run ends with a deadlock_error that shows the task tree. With a rate the clock goes by itself, so many
// times as fast as the system's, beside whatever it is moved; with rate 0 it stands still in between. Give it to one run at a time through
// run_options::clock.
class TRACTOR_API virtual_clock {
 public:
  explicit virtual_clock(bool autojump = true, time_point start = time_point{}) noexcept : now_(start), autojump_(autojump) {}

  [[nodiscard]] time_point now() const noexcept { return rate_ == 0 ? now_ : saturating_add(now_, gone_by()); }
  [[nodiscard]] bool autojump() const noexcept { return autojump_; }
  [[nodiscard]] double rate() const noexcept { return rate_; }

  // From now on. Throws usage_error for what is negative or not finite. A run that waits notices when it is next woken.
  void set_rate(double rate);

  // Moves time forward by `by` (not negative). Timers fire when the run next looks.
  void advance(duration by) noexcept { now_ = saturating_add(now_, by); }
  void advance_to(time_point to) noexcept {
    if (const time_point at = now(); to > at) now_ += to - at;
  }

  // How long that takes by the system's clock, at least a nanosecond; negative: for ever.
  [[nodiscard]] duration real_time(duration of_ours) const noexcept;

 private:
  [[nodiscard]] duration gone_by() const noexcept;

  time_point now_;  // at since_, where there is a rate
  time_point since_{};
  double rate_ = 0;
  bool autojump_;
};

}  // namespace tractor::sc
