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

// Stops, but waits for nothing: the task stands in the ready queue all the while.
template <bool Shielded>
class checkpoint_awaiter {
 public:
  using sc_awaitable = void;

  checkpoint_awaiter() noexcept = default;
  checkpoint_awaiter(const checkpoint_awaiter&) = delete;
  checkpoint_awaiter& operator=(const checkpoint_awaiter&) = delete;
  ~checkpoint_awaiter() = default;

  static bool await_ready() { return this_runner().may_continue_computing(); }
  template <class Promise>
  static void await_suspend(std::coroutine_handle<Promise> here) {
    current_runner->yield(here.promise());
  }
  // Looks now: a cancel that came while this task stood in the ready queue is delivered here (level-triggered).
  void await_resume() const {
    if constexpr (!Shielded)
      if (scope_cancelled(*current_runner)) [[unlikely]]
        throw_cancelled(checkpoint_at);
  }

  std::source_location checkpoint_at;
};

// Never stops.
class cancel_check_awaiter {
 public:
  using sc_awaitable = void;

  static bool await_ready() noexcept { return true; }
  static void await_suspend(std::coroutine_handle<>) noexcept {}
  void await_resume() const {
    if (scope_cancelled(this_runner())) [[unlikely]]
      throw_cancelled(checkpoint_at);
  }

  std::source_location checkpoint_at;
};

// The timer is the awaiter's own base: a program may have a hundred thousand sleeping tasks.
class TRACTOR_API sleep_awaiter : public leaf_wait, timer {
 public:
  explicit sleep_awaiter(time_point until) noexcept { at = until; }
  sleep_awaiter(const sleep_awaiter&) = delete;
  sleep_awaiter& operator=(const sleep_awaiter&) = delete;
  ~sleep_awaiter() = default;

  bool await_ready() { return refuse_if_cancelled(); }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> here) {
    begin();
    park(here, at == never ? waits_forever : waits);
  }
  void await_resume() { throw_if_cancelled(); }

 private:
  void begin();
  static bool abort_sleep(suspension& self) noexcept;
  static constexpr wait_kind waits{"sleep", &abort_sleep};
  static constexpr wait_kind waits_forever{"sleep_forever", &abort_sleep};
};

}  // namespace detail

// A schedule point: lets other ready tasks run, and throws `cancelled` when the scope is cancelled.
[[nodiscard]] inline detail::checkpoint_awaiter<false> checkpoint() noexcept { return {}; }

// A schedule point that never throws.
[[nodiscard]] inline detail::checkpoint_awaiter<true> cancel_shielded_checkpoint() noexcept { return {}; }

// Half a checkpoint: throws `cancelled` when the scope is cancelled, and is no schedule point. In a long computation that others may wait
// for, but that is to notice that nobody wants its result any more.
[[nodiscard]] inline detail::cancel_check_awaiter checkpoint_if_cancelled() noexcept { return {}; }

// Waits for `delay` (zero or less: a checkpoint in effect), until `until`, or until cancelled.
[[nodiscard]] inline detail::sleep_awaiter sleep(duration delay) { return detail::sleep_awaiter(saturating_add(current_time(), delay)); }
[[nodiscard]] inline detail::sleep_awaiter sleep_until(time_point until) noexcept { return detail::sleep_awaiter(until); }
[[nodiscard]] inline detail::sleep_awaiter sleep_forever() noexcept { return detail::sleep_awaiter(never); }

}  // namespace tractor::sc
