// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/checkpoint.hpp"

namespace tractor::sc::detail {

void sleep_awaiter::begin() {
  if (at == never) return;
  fire = [](timer& self) noexcept { static_cast<sleep_awaiter&>(self).wake(); };
  current_runner->arm(*this);
}

bool sleep_awaiter::abort_sleep(suspension& self) noexcept {
  auto& sleeper = static_cast<sleep_awaiter&>(self);
  sleeper.task->owner->disarm(sleeper);
  return true;
}

}  // namespace tractor::sc::detail
