// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/generator.hpp"

#include <string>

#include "tractor/sc/errors.hpp"
#include "tractor/sc/nursery.hpp"
#include "tractor/sc/run.hpp"

namespace tractor::sc::detail {

namespace {

// The scope around all of a task: its nursery's, or the run's.
const cancel_scope* scope_around(const task_record& task) noexcept {
  return task.home != nullptr ? &task.home->scope() : &task.owner->root_scope();
}

}  // namespace

void generator_promise_base::begin(promise_base& consumer) {
  if (running) throw busy_resource_error("generator.next(): a next() of this generator has not ended");
  const task_record& task = running_task();
  parent = &consumer;
  scope = task.scope;
  locals = task.locals;
  outermost_scope = scope == scope_around(task);
  running = true;
}

void generator_promise_base::check_yield(std::source_location where) const {
  const task_record& task = running_task();
  // A task that says started() to nursery::start moves to another nursery, and has another scope around it then.
  const bool same_scope = task.scope == scope || (outermost_scope && task.scope == scope_around(task));
  if (same_scope && task.locals == locals) [[likely]]
    return;
  throw usage_error("co_yield at " + std::string(where.file_name()) + ":" + std::to_string(where.line()) + ": the generator has " +
                    (same_scope ? "a task-local value bound" : "a cancel scope or a nursery open") + "; leave it before yielding");
}

void generator_promise_base::throw_outcome() {
  switch (std::exchange(outcome, outcome_kind::value)) {
    case outcome_kind::error: std::rethrow_exception(std::exchange(error, nullptr));
    case outcome_kind::cancelled: rethrow_cancelled();
    case outcome_kind::value:
    case outcome_kind::pending: break;
  }
}

}  // namespace tractor::sc::detail
