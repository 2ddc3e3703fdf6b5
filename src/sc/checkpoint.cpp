// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/checkpoint.hpp"

namespace tractor::sc::detail {

void sleep_awaiter::begin() {
  if (until_ == never) return;
  timer_.at = until_;
  timer_.self = this;
  timer_.fire = [](timer& self) noexcept {
    sleep_awaiter& sleeper = *static_cast<wake_timer&>(self).self;
    sleeper.wake();
  };
  current_runner->arm(timer_);
}

bool sleep_awaiter::abort_sleep(suspension& self) noexcept {
  auto& sleeper = static_cast<sleep_awaiter&>(self);
  sleeper.task->owner->disarm(sleeper.timer_);
  return true;
}

}  // namespace tractor::sc::detail
