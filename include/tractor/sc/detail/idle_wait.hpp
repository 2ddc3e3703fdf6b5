// SPDX-License-Identifier: Apache-2.0
//
// A task that waits until no other one can go on. The run wakes it instead of sleeping, or of letting a virtual clock jump.

#pragma once

#include "tractor/sc/clock.hpp"
#include "tractor/sc/detail/leaf.hpp"

namespace tractor::sc::detail {

class TRACTOR_API idle_wait final : public leaf_wait {
 public:
  // `cushion`: for so long, by the system's clock, nothing must happen.
  explicit idle_wait(duration cushion) noexcept : cushion_(cushion) {}
  idle_wait(const idle_wait&) = delete;
  idle_wait& operator=(const idle_wait&) = delete;
  ~idle_wait() = default;

  bool await_ready() { return refuse_if_cancelled(); }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> here) {
    this_runner().add_idle_wait(*this);
    park(here, waits);
  }
  void await_resume() { throw_if_cancelled(); }

 private:
  friend class tractor::sc::runner;  // keeps them in a list
  static bool abort_wait(suspension& self) noexcept;
  static constexpr wait_kind waits{"wait_all_tasks_blocked", &abort_wait};

  duration cushion_;
  idle_wait* next_ = nullptr;
};

}  // namespace tractor::sc::detail
