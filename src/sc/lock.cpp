// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/lock.hpp"

namespace tractor::sc {

bool lock::try_acquire() {
  const std::uint64_t me = detail::running_task().id;
  if (owner_ == me) throw usage_error("lock.acquire(): this task holds the lock already");
  if (owner_ != 0) return false;
  owner_ = me;
  return true;
}

void lock::acquire_nowait() {
  if (!try_acquire()) throw would_block("lock.acquire_nowait(): task " + std::to_string(owner_) + " holds the lock");
}

void lock::release() {
  if (owner_ != detail::running_task().id) throw usage_error("lock.release(): this task does not hold the lock");
  pass_on();
}

void lock::release_owned() noexcept {
  const runner* const run = runner::current();
  TRACTOR_ASSERT(run != nullptr && run->running() != nullptr && run->running()->id == owner_,
                 "a lock's guard is destroyed by the task that got it");
  pass_on();
}

// The lock is never free while somebody waits for it.
void lock::pass_on() noexcept {
  parking_lot::node* const next = waiting_.pop_front();
  owner_ = next != nullptr ? next->task->id : 0;
  if (next != nullptr) next->wake();
}

}  // namespace tractor::sc
