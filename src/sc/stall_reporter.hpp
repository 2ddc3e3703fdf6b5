// SPDX-License-Identifier: Apache-2.0
//
// What a stall_alarm sees, told by a thread that sleeps until there is something to tell: it may take its time, as a signal handler may
// not.

#pragma once

#include <semaphore.h>

#include <atomic>
#include <functional>
#include <optional>
#include <thread>

#include "stall_alarm.hpp"

namespace tractor::sc::detail {

class stall_reporter {
 public:
  // Watches the current run, where there is a thread to be had. `report` is called in that; it must not throw.
  stall_reporter(duration bound, std::function<void(const stall&)> report) noexcept;
  stall_reporter(const stall_reporter&) = delete;
  stall_reporter& operator=(const stall_reporter&) = delete;
  // In the run's thread, while the run lasts. Waits for a report under way.
  ~stall_reporter();

 private:
  enum class turn : unsigned char { idle, seen, ended };
  static void see(void* self, const stall_sighting& seen, duration held, duration on_processor) noexcept;
  void tell() noexcept;
  void wait_and_tell() noexcept;

  std::function<void(const stall&)> report_;
  sem_t changed_{};
  // `seen_` and the two times are the handler's while it is idle, and the thread's while it is seen.
  std::atomic<turn> turn_ = turn::idle;
  stall_sighting seen_;
  duration held_{};
  duration on_processor_{};
  std::thread thread_;
  std::optional<stall_alarm> alarm_;
};

}  // namespace tractor::sc::detail
