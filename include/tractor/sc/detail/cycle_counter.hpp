// SPDX-License-Identifier: Apache-2.0
//
// A counter that runs at about a fixed rate, a few GHz, and costs a few nanoseconds to read: only for how often to look at I/O and timers.

#pragma once

#include <cstdint>

#include "tractor/base/config.hpp"

namespace tractor::sc::detail {

TRACTOR_API std::uint64_t cycle_counter_by_clock() noexcept;  // nanoseconds, where the processor has no counter for us

[[nodiscard]] inline std::uint64_t cycle_counter() noexcept {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  std::uint64_t count;
  asm volatile("mrs %0, cntvct_el0" : "=r"(count));
  return count * 32;  // the generic timer runs at tens of MHz
#else
  return cycle_counter_by_clock();
#endif
}

}  // namespace tractor::sc::detail
