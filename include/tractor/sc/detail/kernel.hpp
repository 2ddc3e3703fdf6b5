// SPDX-License-Identifier: Apache-2.0
//
// The kernel's inner data: task records, suspensions and timers, and the scheduler that owns them. Public headers include
// it because the hot paths are inline; it is not an interface for users.
//
// How cancellation is stored. A scope knows its parent and the task it was entered in, a task knows its innermost scope. There
// are no links downwards. `effective` on a scope means: it, or a scope around it that no shield cuts off, is cancelled.
// Cancelling walks down through nurseries and their tasks and pushes the flag, so a checkpoint's test is two loads.

#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <source_location>
#include <string_view>
#include <vector>

#include "tractor/base/config.hpp"
#include "tractor/sc/cancelled.hpp"
#include "tractor/sc/clock.hpp"
#include "tractor/sc/detail/promise.hpp"

namespace tractor::sc {
class cancel_scope;
class nursery;
struct nursery_walk;
class runner;
}  // namespace tractor::sc

namespace tractor::sc::detail {

struct task_record;
struct local_node;

// A wait of one task. Lives in the awaiter, so in the frame of the coroutine that waits.
struct suspension {
  task_record* task = nullptr;
  // The cancel of the waiting task. True: the wait was undone, the task may be resumed with `cancelled`. False: the wait cannot be
  // undone, the task goes on waiting and sees the cancel at its next checkpoint. Must not resume anything itself.
  bool (*abort)(suspension& self) noexcept = nullptr;
  const char* what = "";  // for the task tree: "event.wait"
  bool was_cancelled = false;
};

// A point in time that something waits for; a node of the runner's heap while armed.
struct timer {
  static constexpr std::uint32_t not_armed = ~std::uint32_t{0};
  time_point at = never;
  std::uint32_t heap_index = not_armed;
  void (*fire)(timer& self) noexcept = nullptr;
  [[nodiscard]] bool armed() const noexcept { return heap_index != not_armed; }
};

// Work that the scheduler does once nothing is left to run, or after a few batches of tasks, and before it waits: flushing what they
// queued.
struct deferred {
  void (*run)(deferred& self) noexcept = nullptr;
  deferred* next = nullptr;
  bool queued = false;
};

// One task: made by a nursery (or by the run, for the main task), gone when its outermost coroutine ended.
struct TRACTOR_API task_record : completion_hook {
  task_record() noexcept = default;
  task_record(const task_record&) = delete;
  task_record& operator=(const task_record&) = delete;
  ~task_record();  // runs after that of what derives from it, and destroys the task-local values

  runner* owner = nullptr;
  cancel_scope* scope = nullptr;         // innermost
  std::coroutine_handle<> resume_point;  // what the scheduler resumes
  promise_base* leaf = nullptr;          // the innermost coroutine while suspended; null while running, and when it has ended
  suspension* waiting = nullptr;         // null while ready or running
  nursery* home = nullptr;               // null: the main task
  task_record* previous = nullptr;       // siblings in the home nursery
  task_record* next = nullptr;
  task_record* parent_task = nullptr;    // who opened the home nursery
  nursery* innermost_nursery = nullptr;  // the nurseries this task has open, innermost first (linked by nursery::outer_)
  time_point waiting_since{};
  std::uint64_t id = 0;
  std::string_view name;
  std::string* owned_name = nullptr;
  std::source_location spawned_at;
  cancel_token* token = nullptr;
  local_node* locals = nullptr;
  std::uint32_t delivered = 0;       // how often `cancelled` was thrown here first
  std::uint32_t accounted = 0;       // up to which delivery a scope has absorbed or replaced it
  task_record* work_next = nullptr;  // while a cancel spreads: the next task to look at
  bool scheduled = false;
  bool swallowed = false;                                 // dropped a `cancelled`; the run's policy decides what follows
  void (*dispose)(task_record& self) noexcept = nullptr;  // destroys the coroutine, the callable and the record
};

struct kernel_access {
  static cancelled make_cancelled(cancel_token* token) noexcept { return cancelled(token); }
};

TRACTOR_API extern constinit thread_local runner* current_runner;

[[noreturn]] TRACTOR_API void throw_cancelled();  // delivers the cancel of the current task
[[noreturn]] TRACTOR_API void throw_no_run();     // a kernel operation outside a run

[[nodiscard]] inline runner& this_runner() {
  runner* const found = current_runner;
  if (found == nullptr) [[unlikely]]
    throw_no_run();
  return *found;
}

}  // namespace tractor::sc::detail
