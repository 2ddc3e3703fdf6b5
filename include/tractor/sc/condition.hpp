// SPDX-License-Identifier: Apache-2.0
//
// Waiting until what a lock guards has changed.
//
//     auto guard = co_await changed.hold();
//     while (items.empty()) co_await changed.wait();   // others can have the lock meanwhile
//     …
//     items.push_back(7);                              // another task, which holds the lock too
//     changed.notify();
//
// wait gives the lock back, waits until it is notified, and returns with the lock held. It holds it on every way out but one, that of a
// broken lock (below): a task that is cancelled while it waits acquires the lock again, which no cancel cuts short, and then throws
// `cancelled`. Cancelled before it begins, it does not give the lock back at all. notify moves who waits longest to the end of the lock's
// queue, in order; it runs when its turn comes, with the lock. From then on its wait ends as notified, also when it is cancelled meanwhile
// (the next checkpoint throws): a notification is never used up by a task that does not act on it. Nobody is woken without being notified,
// but what it waited for may have changed again when its turn has come: wait in a loop.
//
// wait and notify without the lock are a usage_error. When a task that holds the lock ends without releasing it (lock.hpp), every wait
// throws broken_resource_error without the lock: nobody could ever notify it. A guard that was taken before such a wait has nothing to
// release then. Several conditions can share one lock. A condition must outlive who waits, the lock must outlive its conditions.

#pragma once

#include <cstddef>
#include <limits>

#include "tractor/sc/lock.hpp"
#include "tractor/sc/parking_lot.hpp"
#include "tractor/sc/task.hpp"

namespace tractor::sc {

class TRACTOR_API condition {
 public:
  // With a lock of its own, or with `shared`.
  condition() noexcept : condition(own_) {}
  explicit condition(lock& shared) noexcept : lock_(shared) {
    next_ = lock_.conditions_;
    if (next_ != nullptr) next_->previous_ = this;
    lock_.conditions_ = this;
  }
  condition(const condition&) = delete;
  condition& operator=(const condition&) = delete;
  ~condition() {
    (previous_ != nullptr ? previous_->next_ : lock_.conditions_) = next_;
    if (next_ != nullptr) next_->previous_ = previous_;
  }

  // The lock's own; see lock.hpp.
  [[nodiscard]] lock::acquire_awaiter acquire() noexcept { return lock_.acquire(); }
  [[nodiscard]] lock::hold_awaiter hold() noexcept { return lock_.hold(); }
  void acquire_nowait() { lock_.acquire_nowait(); }
  void release() { lock_.release(); }
  [[nodiscard]] bool locked() const noexcept { return lock_.locked(); }

  // Returns when this task was notified and holds the lock again.
  [[nodiscard]] task<> wait();
  // Lets up to `count` tasks go on, those that wait longest first, one after the other once the lock is released.
  void notify(std::size_t count = 1);
  void notify_all() { notify(std::numeric_limits<std::size_t>::max()); }

  // How many tasks wait to be notified; those that were and wait for the lock are not counted.
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.size(); }

 private:
  friend class lock;
  class wait_awaiter;
  void check_held(const char* doing) const;

  parking_lot waiting_;
  lock own_;
  lock& lock_;
  condition* previous_ = nullptr;  // of those that stand on the same lock
  condition* next_ = nullptr;
};

}  // namespace tractor::sc
