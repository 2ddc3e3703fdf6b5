// SPDX-License-Identifier: Apache-2.0
//
// A lock for process-wide tables that are written rarely and for nanoseconds. A new actor takes it on its way to its first call, where
// std::mutex would cost two page faults: one for its code, one for where it lies.

#pragma once

#include <sched.h>

#include <atomic>

namespace tractor::detail {

class spin_lock {
 public:
  constexpr spin_lock() noexcept = default;
  void lock() noexcept {
    while (taken_.exchange(true, std::memory_order_acquire)) ::sched_yield();
  }
  void unlock() noexcept { taken_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> taken_{false};
};

}  // namespace tractor::detail
