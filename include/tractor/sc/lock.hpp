// SPDX-License-Identifier: Apache-2.0
//
// Mutual exclusion between the tasks of one run.
//
//     auto guard = co_await guarded.hold();   // released when `guard` goes
//     co_await guarded.acquire();             // the same by hand …
//     guarded.release();                      // … only by the task that acquired it
//
// Fair: the lock goes to who waits longest and cannot be snatched on the way. Not recursive: acquiring what the task holds already is
// a usage_error. acquire and hold are checkpoints, also when the lock is free; cancelled, the task does not hold it. A guard is
// destroyed by the task that got it, and before the lock. When the task that holds it ends without releasing it, what it guards is
// in nobody's hands: whoever waits for the lock, or wants it later, gets broken_resource_error.

#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "tractor/sc/errors.hpp"
#include "tractor/sc/parking_lot.hpp"

namespace tractor::sc {

class condition;

class TRACTOR_API lock {
 public:
  class acquire_awaiter;
  class hold_awaiter;

  lock() noexcept = default;
  lock(const lock&) = delete;
  lock& operator=(const lock&) = delete;
  ~lock() {
    if (holder_ != nullptr) [[unlikely]]
      leave_holder();
  }

  // Holds the lock until it is destroyed or release() is called on it.
  class guard {
   public:
    guard(guard&& other) noexcept : held_(std::exchange(other.held_, nullptr)) {}
    guard& operator=(guard&&) = delete;
    ~guard() { release(); }
    void release() noexcept {
      if (held_ != nullptr) std::exchange(held_, nullptr)->release_owned();
    }

   private:
    friend class hold_awaiter;
    explicit guard(lock& held) noexcept : held_(&held) {}
    lock* held_;
  };

  [[nodiscard]] acquire_awaiter acquire() noexcept;
  [[nodiscard]] hold_awaiter hold() noexcept;
  // Throws would_block when another task holds it.
  void acquire_nowait();
  // Throws usage_error when the calling task does not hold it.
  void release();

  [[nodiscard]] bool locked() const noexcept { return owner_ != 0; }
  // The task tree's number of the task that holds it; 0: free.
  [[nodiscard]] std::uint64_t owner() const noexcept { return owner_; }
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.size(); }

 private:
  friend class condition;  // whose waiters it takes over, and tells that it broke
  friend struct detail::task_record;

  // Takes the lock for the current task if it is free.
  bool try_acquire();
  void give_to(detail::task_record& task) noexcept;
  void pass_on() noexcept;
  void release_owned() noexcept;
  void leave_holder() noexcept;  // takes it out of its holder's list
  void holder_ended() noexcept;
  [[nodiscard]] bool held_by_current_task() const;
  void throw_if_broken() const {
    if (broken_) [[unlikely]]
      throw_broken();
  }
  [[noreturn]] void throw_broken() const;

  parking_lot waiting_;
  std::uint64_t owner_ = 0;
  detail::task_record* holder_ = nullptr;  // the same while that task lives; these three make the list of what it holds
  lock* previous_held_ = nullptr;
  lock* next_held_ = nullptr;
  condition* conditions_ = nullptr;  // that stand on it, a list by condition::next_
  bool broken_ = false;
  std::string broken_by_;  // that task's name
};

class TRACTOR_API lock::acquire_awaiter : public parking_lot::node {
 public:
  explicit acquire_awaiter(lock& wanted) noexcept : lock_(wanted) {}
  bool await_ready() {
    if (refuse_if_cancelled()) return true;
    acquired_ = lock_.try_acquire();
    return acquired_ && detail::this_runner().may_continue_ready();
  }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> here) {
    if (acquired_)
      detail::this_runner().yield(here.promise());
    else
      enqueue(here, lock_.waiting_, waits);
  }
  void await_resume() {
    throw_if_cancelled();
    lock_.throw_if_broken();
  }

 protected:
  static constexpr detail::wait_kind waits{"lock.acquire", &leave};

  lock& lock_;
  bool acquired_ = false;
};

class TRACTOR_API lock::hold_awaiter final : public lock::acquire_awaiter {
 public:
  using acquire_awaiter::acquire_awaiter;
  guard await_resume() {
    acquire_awaiter::await_resume();
    return guard(lock_);
  }
};

inline lock::acquire_awaiter lock::acquire() noexcept { return acquire_awaiter(*this); }
inline lock::hold_awaiter lock::hold() noexcept { return hold_awaiter(*this); }

}  // namespace tractor::sc
