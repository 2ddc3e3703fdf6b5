// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/cancel_scope.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "token.hpp"
#include "tractor/sc/nursery.hpp"
#include "tractor/sc/run.hpp"

namespace tractor::sc {

namespace detail {

void throw_no_task() { throw usage_error("no task is running: this must be called from inside a task"); }

void throw_too_slow_error(std::source_location where) {
  throw too_slow_error("the deadline set at " + std::string(where.file_name()) + ":" + std::to_string(where.line()) + " passed");
}

}  // namespace detail

void cancel_scope::throw_entered_twice() { throw usage_error("a cancel scope can be entered only once"); }

void cancel_scope::pass_deadline() noexcept {
  cancel(cancel_reason{.source = cancel_source::deadline, .text = {}, .task = {}, .where = where_});
}

void cancel_scope::start_deadline() {
  const time_point now = owner_->owner->now();
  const time_point given_at = deadline_.at;
  const bool was_relative = relative_;
  if (std::exchange(relative_, false)) {
    const duration given = deadline_.at.time_since_epoch();
    // One that is over before it began is in the past of every clock.
    deadline_.at = given <= duration::zero() ? time_point::min() : saturating_add(now, given);
  }
  if (deadline_.at <= now) {
    pass_deadline();
    return;
  }
  try {
    arm_deadline();
  } catch (...) {
    owner_->scope = parent_;
    owner_ = nullptr;
    entered_ = false;
    relative_ = was_relative;
    deadline_.at = given_at;
    throw;
  }
}

void cancel_scope::look_at_clock() noexcept {
  if (owner_->owner->now() >= deadline_.at) pass_deadline();
}

void cancel_scope::arm_deadline() {
  if (deadline_.at == never || cancel_called_) return;
  TRACTOR_ASSERT(!deadline_.armed(), "a deadline is armed once");
  deadline_.scope = this;
  deadline_.fire = [](detail::timer& self) noexcept { static_cast<detail::scope_deadline&>(self).scope->pass_deadline(); };
  owner_->owner->arm(deadline_);
}

void cancel_scope::disarm_deadline() noexcept {
  if (deadline_.armed()) owner_->owner->disarm(deadline_);
}

bool cancel_scope::swallowed(const detail::task_record& task) const noexcept {
  // Something was thrown in here, nobody absorbed or replaced it, and no exception_ptr keeps it for later.
  return task.delivered != delivered_at_entry_ && task.delivered != task.accounted && task.token->alive == 0;
}

// What was thrown in here is absorbed or replaced. Not what was thrown before: a scope in a handler, around its cleanup say, settles
// nothing of what the handler has caught.
void cancel_scope::settle(detail::task_record& task) const noexcept {
  if (task.accounted >= delivered_at_entry_)
    task.accounted = task.delivered;
  else
    task.delivered = delivered_at_entry_;
}

cancel_scope::exit_result cancel_scope::exit_decided(detail::task_record& task, detail::outcome_kind how) noexcept {
  if (how == detail::outcome_kind::error) {
    settle(task);
    return exit_result::keep;
  }
  if (how == detail::outcome_kind::value) {
    if (!swallowed(task)) [[likely]]
      return exit_result::keep;
    task.token->dropped_in = where_;
    std::fprintf(stderr, "tractor: %s; the scope ends as cancelled\n", detail::dropped_cancel_text(task).c_str());
    task.swallowed = true;
    if (!effective_) {
      settle(task);
      return exit_result::keep;
    }
  }
  if (!effective_ || parent_visible()) return exit_result::propagate;
  settle(task);
  cancelled_caught_ = true;
  return exit_result::absorb;
}

void cancel_scope::cancel(std::string_view why, std::source_location where) noexcept {
  if (cancel_called_) return;
  cancel_reason reason{.source = cancel_source::explicit_call, .text = std::string(why), .task = {}, .where = where};
  if (const runner* run = runner::current(); run != nullptr && run->running() != nullptr) reason.task = run->running()->name();
  cancel(std::move(reason));
}

void cancel_scope::cancel(cancel_reason reason) noexcept {
  if (cancel_called_) return;
  cancel_called_ = true;
  reason_ = new cancel_reason(std::move(reason));  // NOLINT(bugprone-unhandled-exception-at-new): no memory for it ends the program
  if (owner_ == nullptr) {
    effective_ = true;
    return;
  }
  disarm_deadline();
  if (effective_) return;  // a scope around it is cancelled already: nothing changes below
  effective_ = true;
  spread();
}

void cancel_scope::set_deadline(time_point deadline, std::source_location where) {
  where_ = where;
  if (owner_ != nullptr) disarm_deadline();
  relative_ = false;
  deadline_.at = deadline;
  if (owner_ == nullptr || cancel_called_) return;
  if (deadline <= owner_->owner->now())
    pass_deadline();
  else
    arm_deadline();
}

void cancel_scope::set_shield(bool shield) noexcept {
  if (shield_ == shield) return;
  shield_ = shield;
  if (owner_ == nullptr) return;
  const bool before = effective_;
  refresh_effective();
  if (before != effective_) spread();
}

// Sets `effective` on the scopes of `task` from its innermost up to, not including, `stop`, whose own flag is right. One walk up finds
// where the value of a stretch of scopes is decided (a cancelled or a shielded one); a second one over that stretch writes it.
void cancel_scope::refresh_chain(detail::task_record& task, cancel_scope* stop) noexcept {
  const auto fill = [](cancel_scope* from, const cancel_scope* to, bool value) {
    for (; from != to; from = from->parent_) from->effective_ = value;
  };
  cancel_scope* stretch = task.scope;
  for (cancel_scope* scope = task.scope; scope != stop; scope = scope->parent_) {
    if (!scope->cancel_called_ && !scope->shield_) continue;
    fill(stretch, scope->parent_, scope->cancel_called_);
    stretch = scope->parent_;
  }
  fill(stretch, stop, stop != nullptr && stop->effective_);
}

// The flag of `stop` changed: brings it to everything inside, first in `start` and then in the tasks below, and wakes who waits.
void cancel_scope::spread_from(detail::task_record& start, cancel_scope* stop) noexcept {
  start.work_next = nullptr;
  for (detail::task_record* work = &start; work != nullptr;) {
    detail::task_record& task = *work;
    work = task.work_next;
    cancel_scope* const limit = &task == &start ? stop : &task.home->scope_;
    refresh_chain(task, limit);
    const auto add_children = [&work](const cancel_scope& scope) {
      if (scope.nursery_ == nullptr) return;
      for (detail::task_record* child = scope.nursery_->first_child_; child != nullptr; child = child->next) {
        child->work_next = work;
        work = child;
      }
    };
    for (cancel_scope* scope = task.scope; scope != limit; scope = scope->parent_) add_children(*scope);
    if (&task == &start && limit != nullptr && limit->owner_ == &start) add_children(*limit);
    if (task.scope->effective_) task.owner->deliver_cancel(task);
  }
}

void cancel_scope::spread() noexcept { spread_from(*owner_, this); }

time_point current_time() { return detail::this_runner().now(); }

std::string why_cancelled() {
  std::string text;
  const detail::task_record& task = detail::running_task();
  for (const cancel_scope* scope = task.scope; scope != nullptr; scope = detail::scope_walk::outer(*scope)) {
    if (const cancel_reason* reason = scope->reason()) {
      if (!text.empty()) text += '\n';
      text += to_string(*reason);
    }
    if (scope->shield()) break;
  }
  return text;
}

time_point current_effective_deadline() {
  const detail::task_record& task = detail::running_task();
  time_point earliest = never;
  for (const cancel_scope* scope = task.scope; scope != nullptr; scope = detail::scope_walk::outer(*scope)) {
    if (scope->cancel_called()) return time_point::min();
    earliest = std::min(earliest, scope->deadline());
    if (scope->shield()) break;
  }
  return earliest;
}

}  // namespace tractor::sc
