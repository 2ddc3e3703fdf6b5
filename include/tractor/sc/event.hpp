// SPDX-License-Identifier: Apache-2.0
//
// A one-way flag that tasks can wait for.
//
//     sc::event ready;
//     co_await ready.wait();   // a checkpoint also when it is set already
//     ready.set();             // wakes everybody; idempotent

#pragma once

#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/parking_lot.hpp"

namespace tractor::sc {

class TRACTOR_API event {
 public:
  class wait_awaiter final : public parking_lot::node {
   public:
    explicit wait_awaiter(event& target) noexcept : target_(target) {}
    bool await_ready() {
      if (refuse_if_cancelled()) return true;
      return target_.set_ && detail::this_runner().may_continue_ready();
    }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> here) {
      if (target_.set_)
        detail::this_runner().yield(here.promise());
      else
        enqueue(here, target_.waiting_, waits);
    }
    void await_resume() { throw_if_cancelled(); }

   private:
    static constexpr detail::wait_kind waits{"event.wait", &leave};

    event& target_;
  };

  [[nodiscard]] bool is_set() const noexcept { return set_; }
  void set() {
    if (set_) return;
    set_ = true;
    waiting_.unpark_all();
  }
  // Returns when the event is set; throws `cancelled` when the scope is cancelled first.
  [[nodiscard]] wait_awaiter wait() noexcept { return wait_awaiter(*this); }
  // How many tasks wait.
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.size(); }

 private:
  parking_lot waiting_;
  bool set_ = false;
};

}  // namespace tractor::sc
