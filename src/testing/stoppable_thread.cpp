// SPDX-License-Identifier: Apache-2.0

#include "stoppable_thread.hpp"

#include <system_error>
#include <utility>

#include "sc/blocked_signals.hpp"
#include "tractor/base/error.hpp"

namespace tractor::testing::detail {

stoppable_thread::stoppable_thread(std::function<void(stoppable_thread&)> body) {
  const sc::detail::blocked_signals masked;
  try {
    thread_ = std::thread([this, body = std::move(body)] { body(*this); });
  } catch (const std::system_error& failed) {
    throw os_error("pthread_create()", failed.code().value());
  }
}

stoppable_thread::~stoppable_thread() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

bool stoppable_thread::sleep(std::chrono::milliseconds how_long) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, how_long, [this] { return over_; });
}

}  // namespace tractor::testing::detail
