// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/lock.hpp"

#include "tractor/sc/condition.hpp"

namespace tractor::sc {

bool lock::try_acquire() {
  detail::task_record& me = detail::running_task();
  throw_if_broken();
  if (holder_ == &me) throw usage_error("lock.acquire(): this task holds the lock already");
  if (owner_ != 0) return false;
  give_to(me);
  return true;
}

void lock::give_to(detail::task_record& task) noexcept {
  owner_ = task.id;
  holder_ = &task;
  previous_held_ = nullptr;
  next_held_ = task.held_locks;
  if (next_held_ != nullptr) next_held_->previous_held_ = this;
  task.held_locks = this;
}

void lock::leave_holder() noexcept {
  (previous_held_ != nullptr ? previous_held_->next_held_ : holder_->held_locks) = next_held_;
  if (next_held_ != nullptr) next_held_->previous_held_ = previous_held_;
  holder_ = nullptr;
}

void lock::holder_ended() noexcept {
  TRACTOR_ASSERT(holder_ != nullptr, "a lock in a task's list is held by it");
  broken_ = true;
  try {
    broken_by_ = holder_->name();
  } catch (const std::bad_alloc&) {
    broken_by_.clear();  // its number will do
  }
  leave_holder();
  waiting_.unpark_all();
  // Nobody can hold the lock any more, so nobody could notify.
  for (condition* each = conditions_; each != nullptr; each = each->next_) each->waiting_.unpark_all();
}

bool lock::held_by_current_task() const {
  // By the record and not by the number: those of different runs are alike. A lock that broke has none.
  return holder_ == &detail::running_task();
}

void lock::throw_broken() const {
  throw broken_resource_error("lock.acquire(): task " + std::to_string(owner_) + " '" + broken_by_ +
                              "' ended while it held this lock: what it guards may be half changed");
}

void detail::task_record::break_locks() noexcept {
  while (held_locks != nullptr) held_locks->holder_ended();
}

void lock::acquire_nowait() {
  if (!try_acquire()) throw would_block("lock.acquire_nowait(): task " + std::to_string(owner_) + " holds the lock");
}

void lock::release() {
  if (!held_by_current_task()) throw usage_error("lock.release(): this task does not hold the lock");
  pass_on();
}

void lock::release_owned() noexcept {
  if (broken_) return;  // of a wait for a condition, during which the lock was another task's, who broke it
  const runner* const run = runner::current();
  TRACTOR_ASSERT(run != nullptr && run->running() != nullptr && run->running() == holder_,
                 "a lock's guard is destroyed by the task that got it");
  pass_on();
}

// The lock is never free while somebody waits for it.
void lock::pass_on() noexcept {
  leave_holder();
  parking_lot::node* const next = waiting_.pop_front();
  if (next == nullptr) {
    owner_ = 0;
    return;
  }
  give_to(*next->task);
  next->wake();
}

}  // namespace tractor::sc
