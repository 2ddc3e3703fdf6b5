// SPDX-License-Identifier: Apache-2.0
//
// The plainest ways to stop: checkpoints and sleeping.

#pragma once

#include <coroutine>

#include "tractor/sc/clock.hpp"
#include "tractor/sc/detail/leaf.hpp"
#include "tractor/sc/run.hpp"

namespace tractor::sc {

namespace detail {

class TRACTOR_API checkpoint_awaiter : public leaf_wait {
 public:
  explicit checkpoint_awaiter(bool shielded) noexcept : shielded_(shielded) {}
  bool await_ready() {
    runner& run = this_runner();
    if (!shielded_ && scope_cancelled(run)) return was_cancelled = true;
    return run.may_continue();
  }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> here) {
    this_runner().yield(here.promise(), here);
  }
  void await_resume() {
    // A cancel that came while this task stood in the ready queue is delivered here: level-triggered.
    if (was_cancelled || (!shielded_ && scope_cancelled(*current_runner))) throw_cancelled();
  }

 private:
  bool shielded_;
};

class TRACTOR_API sleep_awaiter : public leaf_wait {
 public:
  explicit sleep_awaiter(time_point until) noexcept : until_(until) {}
  sleep_awaiter(const sleep_awaiter&) = delete;
  sleep_awaiter& operator=(const sleep_awaiter&) = delete;
  ~sleep_awaiter() = default;

  bool await_ready() { return refuse_if_cancelled(); }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> here) {
    begin();
    park(here, until_ == never ? "sleep_forever" : "sleep", &abort_sleep);
  }
  void await_resume() { throw_if_cancelled(); }

 private:
  struct wake_timer : timer {
    sleep_awaiter* self = nullptr;
  };
  void begin();
  static bool abort_sleep(suspension& self) noexcept;

  time_point until_;
  wake_timer timer_;
};

}  // namespace detail

// A schedule point: lets other ready tasks run, and throws `cancelled` when the scope is cancelled.
[[nodiscard]] inline detail::checkpoint_awaiter checkpoint() noexcept { return detail::checkpoint_awaiter(false); }

// A schedule point that never throws.
[[nodiscard]] inline detail::checkpoint_awaiter cancel_shielded_checkpoint() noexcept { return detail::checkpoint_awaiter(true); }

// Waits for `delay` (zero or less: a checkpoint in effect), until `until`, or until cancelled.
[[nodiscard]] inline detail::sleep_awaiter sleep(duration delay) { return detail::sleep_awaiter(saturating_add(current_time(), delay)); }
[[nodiscard]] inline detail::sleep_awaiter sleep_until(time_point until) noexcept { return detail::sleep_awaiter(until); }
[[nodiscard]] inline detail::sleep_awaiter sleep_forever() noexcept { return detail::sleep_awaiter(never); }

}  // namespace tractor::sc
