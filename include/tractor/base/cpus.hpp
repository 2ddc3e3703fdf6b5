// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <sched.h>

#include <algorithm>
#include <thread>

namespace tractor {

// How many cpus the calling thread may run on, at least 1: what "an actor a core" means. Fewer than are online where the program was
// pinned (taskset, a cpuset).
[[nodiscard]] inline unsigned usable_cpus() noexcept {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof allowed, &allowed) == 0) return std::max(1U, static_cast<unsigned>(CPU_COUNT(&allowed)));
  return std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace tractor
