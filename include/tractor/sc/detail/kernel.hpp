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
#include <string>
#include <string_view>
#include <vector>

#include "tractor/base/config.hpp"
#include "tractor/sc/cancelled.hpp"
#include "tractor/sc/clock.hpp"
#include "tractor/sc/detail/promise.hpp"

namespace tractor::sc {
class cancel_scope;
class lock;
class nursery;
struct nursery_walk;
class runner;
}  // namespace tractor::sc

namespace tractor::sc::detail {

struct task_record;
struct local_node;

struct suspension;

// What all waits of one kind have in common: a constant, so that a wait carries one pointer.
struct wait_kind {
  const char* name;  // for the task tree: "event.wait"
  // The cancel of the waiting task. True: the wait was undone, the task may be resumed with `cancelled`. False: the wait cannot be
  // undone, the task goes on waiting and sees the cancel at its next checkpoint. Must not resume anything itself.
  bool (*abort)(suspension& self) noexcept;
};

// A wait of one task. Lives in the awaiter, so in the frame of the coroutine that waits. `task` and `kind` are set when it begins.
struct suspension {
  task_record* task;
  const wait_kind* kind;
  std::source_location checkpoint_at;  // the co_await, for who asks where a cancel was thrown
  bool was_cancelled = false;
};

// A point in time that something waits for; a node of the runner's heap while armed.
struct timer {
  static constexpr std::uint32_t not_armed = ~std::uint32_t{0};
  time_point at = never;
  void (*fire)(timer& self) noexcept = nullptr;
  std::uint32_t heap_index = not_armed;
  [[nodiscard]] bool armed() const noexcept { return heap_index != not_armed; }
};

// Work that the scheduler does once nothing is left to run, or after a few batches of tasks, and before it waits: flushing what they
// queued.
struct deferred {
  void (*run)(deferred& self) noexcept = nullptr;
  deferred* next = nullptr;
  bool queued = false;
};

// What all tasks made of one callable have in common: a constant, so that a task carries one pointer.
struct task_kind {
  std::string_view name;                        // where the program gave none
  void (*destroy)(task_record& self) noexcept;  // the coroutine, the callable and the record; the memory is then the caller's to free
  std::size_t bytes;
};

// One task: made by a nursery (or by the run, for the main task), gone when its outermost coroutine ended. A program may have a
// hundred thousand, so what can be derived is not stored, and what is read together lies together.
struct TRACTOR_API task_record : completion_hook {
  task_record() noexcept = default;
  task_record(const task_record&) = delete;
  task_record& operator=(const task_record&) = delete;
  // Runs after that of what derives from it, and destroys the task-local values.
  ~task_record() {
    if (locals != nullptr || given_name != nullptr || token != nullptr || held_locks != nullptr) [[unlikely]]
      drop_extras();
  }

  // The name for people: what the program gave, else what its callable is called.
  [[nodiscard]] std::string_view name() const noexcept { return given_name != nullptr ? *given_name : kind->name; }
  void give_name(std::string_view name);
  // The task has ended: nobody can release what it still holds.
  void break_locks() noexcept;

  runner* owner = nullptr;
  cancel_scope* scope = nullptr;    // innermost
  promise_base* leaf = nullptr;     // the innermost coroutine, which is to be resumed; while the task runs it may be gone
  suspension* waiting = nullptr;    // null while ready or running
  nursery* home = nullptr;          // null: the main task
  task_record* previous = nullptr;  // siblings in the home nursery
  task_record* next = nullptr;
  nursery* innermost_nursery = nullptr;  // the nurseries this task has open, innermost first (linked by nursery::outer_)
  time_point waiting_since{};
  std::uint64_t id = 0;
  const task_kind* kind = nullptr;
  std::string* given_name = nullptr;
  std::source_location spawned_at;
  cancel_token* token = nullptr;
  local_node* locals = nullptr;
  lock* held_locks = nullptr;   // a list by lock::next_held_
  task_record* work_next;       // while a cancel spreads: the next task to look at
  std::uint32_t delivered = 0;  // how often `cancelled` was thrown here first
  std::uint32_t accounted = 0;  // up to which delivery a scope has absorbed or replaced it
  bool swallowed = false;       // dropped a `cancelled`; the run's policy decides what follows

 private:
  void drop_extras() noexcept;
};

struct kernel_access {
  static cancelled make_cancelled(cancel_token* token) noexcept { return cancelled(token); }
};

TRACTOR_API extern constinit thread_local runner* current_runner;

// Delivers the cancel of the current task, at the checkpoint there.
[[noreturn]] TRACTOR_API void throw_cancelled(std::source_location checkpoint);
[[noreturn]] TRACTOR_API void throw_no_run();  // a kernel operation outside a run

[[nodiscard]] inline runner& this_runner() {
  runner* const found = current_runner;
  if (found == nullptr) [[unlikely]]
    throw_no_run();
  return *found;
}

}  // namespace tractor::sc::detail
