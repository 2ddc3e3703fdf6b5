// SPDX-License-Identifier: Apache-2.0
//
// Looking over a run's shoulder: what it does with its tasks, and when it waits.
//
//     struct counting : sc::instrument {
//       void before_task_step(const sc::task_note&) noexcept override { ++steps; }
//       int steps = 0;
//     };
//     counting seen;
//     sc::add_instrument(seen);      // from now on, in the current run
//     sc::remove_instrument(seen);
//
// An instrument is called in the run's own thread, in the middle of things: it must not use the kernel (no waiting, no cancel, no nursery;
// task_tree() is fine) and not throw. With one present every step goes through the scheduler, where else a task that is ready goes
// on at once; without one the price is a test of a flag. It must outlive the run, or be removed.

#pragma once

#include <cstdint>
#include <source_location>
#include <string_view>

#include "tractor/sc/clock.hpp"

namespace tractor::sc {

// A task, for the length of the call.
struct task_note {
  std::uint64_t id;
  std::string_view name;
  std::source_location spawned_at;
};

class TRACTOR_API instrument {
 public:
  instrument() noexcept = default;
  instrument(const instrument&) = delete;
  instrument& operator=(const instrument&) = delete;
  virtual ~instrument();

  virtual void task_spawned(const task_note& task) noexcept;
  virtual void task_scheduled(const task_note& task) noexcept;    // it can go on, and will when its turn comes
  virtual void before_task_step(const task_note& task) noexcept;  // from here to its next wait, or its end
  virtual void after_task_step(std::uint64_t id) noexcept;        // the task may have ended
  virtual void task_exited(const task_note& task) noexcept;
  // Before and after the run looks for I/O. `timeout` is how long it will wait for it at most: zero for a look, negative without bound.
  virtual void before_io_wait(duration timeout) noexcept;
  virtual void after_io_wait(duration timeout, int events) noexcept;
};

// Of the current run; usage_error outside one. The same one twice is told everything twice.
TRACTOR_API void add_instrument(instrument& added);
// Idempotent.
TRACTOR_API void remove_instrument(instrument& removed);

}  // namespace tractor::sc
