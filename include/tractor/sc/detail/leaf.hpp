// SPDX-License-Identifier: Apache-2.0
//
// The base of every awaiter at which a task really stops.

#pragma once

#include <coroutine>

#include "tractor/sc/cancel_scope.hpp"
#include "tractor/sc/detail/kernel.hpp"
#include "tractor/sc/run.hpp"

namespace tractor::sc::detail {

[[nodiscard]] inline bool scope_cancelled(const runner& run) noexcept { return run.running()->scope->effectively_cancelled(); }

struct leaf_wait : suspension {
  using sc_awaitable = void;

  leaf_wait() noexcept = default;
  leaf_wait(const leaf_wait&) = delete;
  leaf_wait& operator=(const leaf_wait&) = delete;

 protected:
  ~leaf_wait() = default;

  // For await_ready: true when the task must not wait because it is cancelled.
  [[nodiscard]] bool refuse_if_cancelled() {
    was_cancelled = scope_cancelled(this_runner());
    return was_cancelled;
  }

  // For await_suspend: the task stops here until somebody calls wake(), or until a cancel that `how` can undo. `how` must live as long.
  template <class Promise>
  void park(std::coroutine_handle<Promise> here, const wait_kind& how) noexcept {
    kind = &how;
    current_runner->block(*this, here.promise());
  }

  // The task goes on. What it waited for must be in place.
  void wake() noexcept { task->owner->schedule(*task); }

  // For await_resume.
  void throw_if_cancelled() {
    if (was_cancelled) throw_cancelled(checkpoint_at);
  }
};

}  // namespace tractor::sc::detail
