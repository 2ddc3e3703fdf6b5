// SPDX-License-Identifier: Apache-2.0
//
// A counter that tasks take from and give to; taking from zero waits.
//
//     sc::semaphore slots(4);
//     auto slot = co_await slots.hold();   // given back when `slot` goes
//
// Fair: what is given goes to the task that waits longest. Any task may release. acquire and hold are checkpoints; cancelled, they
// have taken nothing. With a maximum, releasing beyond it is a usage_error: it shows a release too many.

#pragma once

#include <cstddef>
#include <limits>
#include <utility>

#include "tractor/sc/errors.hpp"
#include "tractor/sc/parking_lot.hpp"

namespace tractor::sc {

class TRACTOR_API semaphore {
 public:
  static constexpr std::size_t no_maximum = std::numeric_limits<std::size_t>::max();

  class acquire_awaiter;
  class hold_awaiter;

  // One unit, given back when this is destroyed or release() is called on it.
  class guard {
   public:
    guard(guard&& other) noexcept : held_(std::exchange(other.held_, nullptr)) {}
    guard& operator=(guard&&) = delete;
    ~guard() { release(); }
    void release() noexcept {
      if (held_ != nullptr) std::exchange(held_, nullptr)->give_one();
    }

   private:
    friend class hold_awaiter;
    explicit guard(semaphore& held) noexcept : held_(&held) {}
    semaphore* held_;
  };

  // Throws usage_error when `initial` is more than `maximum`.
  explicit semaphore(std::size_t initial, std::size_t maximum = no_maximum);

  [[nodiscard]] acquire_awaiter acquire() noexcept;
  [[nodiscard]] hold_awaiter hold() noexcept;
  // Throws would_block when the value is zero.
  void acquire_nowait();
  // Throws usage_error when the value is at the maximum already.
  void release();

  [[nodiscard]] std::size_t value() const noexcept { return value_; }
  [[nodiscard]] std::size_t maximum() const noexcept { return maximum_; }
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.size(); }

 private:
  bool try_acquire() noexcept {
    if (value_ == 0) return false;
    --value_;
    return true;
  }
  void give_one() noexcept;

  parking_lot waiting_;
  std::size_t value_;
  std::size_t maximum_;
};

class TRACTOR_API semaphore::acquire_awaiter : public parking_lot::node {
 public:
  explicit acquire_awaiter(semaphore& wanted) noexcept : semaphore_(wanted) {}
  bool await_ready() {
    if (refuse_if_cancelled()) return true;
    acquired_ = semaphore_.try_acquire();
    return acquired_ && detail::this_runner().may_continue_ready();
  }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> here) {
    if (acquired_)
      detail::this_runner().yield(here.promise());
    else
      enqueue(here, semaphore_.waiting_, waits);
  }
  void await_resume() { throw_if_cancelled(); }

 protected:
  static constexpr detail::wait_kind waits{"semaphore.acquire", &leave};

  semaphore& semaphore_;
  bool acquired_ = false;
};

class TRACTOR_API semaphore::hold_awaiter final : public semaphore::acquire_awaiter {
 public:
  using acquire_awaiter::acquire_awaiter;
  guard await_resume() {
    throw_if_cancelled();
    return guard(semaphore_);
  }
};

inline semaphore::acquire_awaiter semaphore::acquire() noexcept { return acquire_awaiter(*this); }
inline semaphore::hold_awaiter semaphore::hold() noexcept { return hold_awaiter(*this); }

}  // namespace tractor::sc
