// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/semaphore.hpp"

#include <string>

namespace tractor::sc {

semaphore::semaphore(std::size_t initial, std::size_t maximum) : value_(initial), maximum_(maximum) {
  if (initial > maximum)
    throw usage_error("semaphore: the initial value " + std::to_string(initial) + " is more than the maximum " + std::to_string(maximum));
}

void semaphore::acquire_nowait() {
  if (!try_acquire()) throw would_block("semaphore.acquire_nowait(): the value is zero");
}

void semaphore::release() {
  if (waiting_.empty() && value_ == maximum_)
    throw usage_error("semaphore.release(): the value is at its maximum of " + std::to_string(maximum_) + " already");
  give_one();
}

// What is given while somebody waits never shows in the value, so nobody can snatch it.
void semaphore::give_one() noexcept {
  if (parking_lot::node* const next = waiting_.pop_front()) {
    next->wake();
    return;
  }
  TRACTOR_ASSERT(value_ < maximum_, "a semaphore is released more often than it was acquired");
  ++value_;
}

}  // namespace tractor::sc
