// SPDX-License-Identifier: Apache-2.0

#include "stall_reporter.hpp"

#include <new>
#include <system_error>
#include <utility>

#include "blocked_signals.hpp"
#include "tractor/sc/run.hpp"

namespace tractor::sc::detail {

stall_reporter::stall_reporter(duration bound, std::function<void(const stall&)> report) noexcept : report_(std::move(report)) {
  if (::sem_init(&changed_, 0, 0) != 0) return;
  const blocked_signals masked;
  try {
    thread_ = std::thread([this] { wait_and_tell(); });
  } catch (const std::system_error&) {
    ::sem_destroy(&changed_);
    return;
  }
  alarm_.emplace(this_runner(), bound, &see, this);
}

stall_reporter::~stall_reporter() {
  alarm_.reset();
  if (!thread_.joinable()) return;
  turn_.store(turn::ended);
  ::sem_post(&changed_);
  thread_.join();
  ::sem_destroy(&changed_);
}

// In the signal handler. One that comes while the last is still being told is left out.
void stall_reporter::see(void* self, const stall_sighting& seen, duration held, duration on_processor) noexcept {
  auto& to = *static_cast<stall_reporter*>(self);
  if (to.turn_.load(std::memory_order_acquire) != turn::idle) return;
  to.seen_ = seen;
  to.held_ = held;
  to.on_processor_ = on_processor;
  to.turn_.store(turn::seen, std::memory_order_release);
  ::sem_post(&to.changed_);
}

void stall_reporter::tell() noexcept {
  try {
    stall seen{.held = held_, .on_processor = on_processor_};
    seen_.name_into(seen);
    report_(seen);
  } catch (const std::bad_alloc&) {
    // Then not.
  }
}

void stall_reporter::wait_and_tell() noexcept {
  for (;;) {
    while (::sem_wait(&changed_) != 0) {  // interrupted
    }
    turn seen = turn::seen;
    if (turn_.load(std::memory_order_acquire) == turn::seen) {
      tell();
      turn_.compare_exchange_strong(seen, turn::idle);
    }
    if (turn_.load(std::memory_order_acquire) == turn::ended) return;
  }
}

}  // namespace tractor::sc::detail
