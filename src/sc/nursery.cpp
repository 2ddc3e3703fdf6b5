// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/nursery.hpp"

#include <atomic>
#include <cstdio>

#include "task_local_list.hpp"
#include "token.hpp"
#include "tractor/sc/run.hpp"

namespace tractor::sc {

void nursery::open(detail::task_record& owner, std::source_location where) {
  owner_ = &owner;
  scope_.where_ = where;
  scope_.enter(owner);
  outer_ = owner.innermost_nursery;
  owner.innermost_nursery = this;
}

void nursery::throw_closed() { throw usage_error("this nursery is closed: its block has ended, no task can be started in it"); }

void nursery::adopt(detail::task_record& child, detail::promise_base& outermost) {
  runner& run = *owner_->owner;
  run.enqueue_new(child);  // first: it may throw, and then nothing has happened
  child.done = &child_done;
  child.owner = &run;
  child.home = this;
  child.scope = &scope_;
  child.leaf = &outermost;
  child.id = run.next_task_id();
  child.waiting_since = run.loop_time();
  // Task-local values are inherited from the task that starts the child, which need not be the nursery's owner.
  if (const detail::task_record* starter = run.running(); starter != nullptr && starter->locals != nullptr)
    child.locals = detail::share_locals(starter->locals);
  outermost.hook = &child;
  child.next = first_child_;
  if (first_child_ != nullptr) first_child_->previous = &child;
  first_child_ = &child;
  ++child_count_;
  if (run.instrumented()) [[unlikely]] {
    run.tell(&instrument::task_spawned, child);
    run.tell(&instrument::task_scheduled, child);
  }
}

void nursery::unlink(detail::task_record& child) noexcept {
  if (child.previous != nullptr)
    child.previous->next = child.next;
  else
    first_child_ = child.next;
  if (child.next != nullptr) child.next->previous = child.previous;
  --child_count_;
}

std::coroutine_handle<> nursery::child_done(detail::completion_hook& self, detail::promise_base& ended) noexcept {
  auto& child = static_cast<detail::task_record&>(self);
  nursery& home = *child.home;
  if (ended.outcome == detail::outcome_kind::error || child.delivered != child.accounted || child.swallowed) [[unlikely]]
    home.note_outcome(child, ended);
  home.unlink(child);
  if (child.owner->instrumented()) [[unlikely]]
    child.owner->tell(&instrument::task_exited, child);
  // The coroutine stands at its final suspension point and nothing of it is touched after this. Its arguments are destroyed here, then
  // its locals; their destructors may ask for the current task, which is this one until its record is gone.
  runner& run = *child.owner;
  const std::size_t bytes = child.kind->bytes;
  child.kind->destroy(child);
  run.discount();
  run.forget_running();
  std::atomic_signal_fence(std::memory_order_seq_cst);  // a stall detector's handler must not find what is freed
  detail::frame_pool::deallocate(&child, bytes);
  if (!home.join_complete()) return std::noop_coroutine();
  return run.switch_to(*home.owner_);
}

// Of a task that failed, or in which a cancel was thrown.
void nursery::note_outcome(detail::task_record& child, detail::promise_base& outermost) noexcept {
  if (outermost.outcome == detail::outcome_kind::error) {
    add_error(outermost.error, child.name());
    return;
  }
  if (outermost.outcome == detail::outcome_kind::value && child.delivered != child.accounted && child.token->alive == 0) {
    child.token->dropped_in = scope_.where_;
    std::fprintf(stderr, "tractor: %s\n", detail::dropped_cancel_text(child).c_str());
    child.swallowed = true;
  }
  if (child.swallowed && child.owner->options().swallow == swallow_policy::fail)
    add_error(std::make_exception_ptr(swallowed_cancel_error(detail::dropped_cancel_text(child))), child.name());
}

void nursery::add_error(std::exception_ptr error, std::string_view task_name) noexcept {
  if (!scope_.cancel_called_)
    scope_.cancel(cancel_reason{
        .source = cancel_source::nursery_failed,
        .text = (task_name.empty() ? "its body failed: " : "task '" + std::string(task_name) + "' failed: ") + describe_briefly(error),
        .task = std::string(task_name),
        .where = scope_.where_});
  errors_.push_back(std::move(error));
  cancel_pending_starts();
}

// This nursery has failed, and waits for whatever may still be moved into it: whoever starts a task in it from outside of its scope, where
// its cancel does not reach, must not wait for that task for ever (S-TRI-34). Who starts one inside is cancelled, or shielded on purpose.
void nursery::cancel_pending_starts() noexcept {
  for (detail::start_state* each = pending_starts_; each != nullptr; each = each->next_) {
    const cancel_scope* around = &each->holding_.scope_;
    while (around != nullptr && around != &scope_) around = around->parent_;
    if (around == nullptr && !each->holding_.scope_.effective_) each->holding_.scope_.cancel(*scope_.reason_);
  }
}

void nursery::wake_if_complete() noexcept {
  if (join_complete()) owner_->owner->schedule(*owner_);
}

// Waiting for the tasks cannot be cut short; the cancel is remembered and goes on when they have ended.
bool nursery::note_join_cancel(detail::suspension& self) noexcept {
  static_cast<join_wait&>(self).self->join_cancelled_ = true;
  return false;
}

std::coroutine_handle<> nursery::body_failed(detail::promise_base& awaiting, std::exception_ptr error) noexcept {
  add_error(std::move(error), {});
  // The body's error comes first in the group, whenever it happened.
  std::swap(errors_.front(), errors_.back());
  return body_ended(awaiting);
}

std::coroutine_handle<> nursery::body_ended(detail::promise_base& awaiting) noexcept {
  runner& run = *owner_->owner;
  if (child_count_ == 0 && pending_starts_ == nullptr) {
    closed_ = true;
    if (run.may_continue()) return awaiting.handle();
    run.yield(awaiting);
    return std::noop_coroutine();
  }
  joining_ = true;
  join_.kind = &join_waits;
  run.block(join_, awaiting);
  if (scope_.effective_) join_cancelled_ = true;
  return std::noop_coroutine();
}

// The rest of close(): something failed, or a cancel has come.
bool nursery::close_disturbed(detail::outcome_kind body) {
  runner& run = *owner_->owner;
  if (!errors_.empty()) {
    scope_.exit(detail::outcome_kind::error);
    for (const auto& error : errors_) run.continue_trace(error);
    throw_collapsed("errors in the nursery at " + std::string(scope_.where_.file_name()) + ":" + std::to_string(scope_.where_.line()),
                    std::move(errors_));
  }
  const bool cut_off = join_cancelled_ || body == detail::outcome_kind::cancelled;
  switch (scope_.exit(cut_off ? detail::outcome_kind::cancelled : detail::outcome_kind::value)) {
    case cancel_scope::exit_result::propagate:
      // A cancel that came while the task waited here was thrown nowhere yet: this is where it is delivered.
      if (join_cancelled_ && body != detail::outcome_kind::cancelled) detail::throw_cancelled(scope_.where_);
      detail::rethrow_cancelled();
    case cancel_scope::exit_result::absorb: return body == detail::outcome_kind::value && cut_off;
    case cancel_scope::exit_result::keep: break;
  }
  return true;
}

void nursery::move_to(nursery& target, detail::task_record& child) noexcept {
  unlink(child);
  child.home = &target;
  child.previous = nullptr;
  child.next = target.first_child_;
  if (target.first_child_ != nullptr) target.first_child_->previous = &child;
  target.first_child_ = &child;
  ++target.child_count_;
  if (child.scope == &scope_) {
    child.scope = &target.scope_;
  } else {
    cancel_scope* outermost = child.scope;
    while (outermost->parent_ != &scope_) outermost = outermost->parent_;
    outermost->parent_ = &target.scope_;
  }
  cancel_scope::spread_from(child, &target.scope_);
}

namespace detail {

void throw_nursery_cancelled(cancel_scope& scope) {
  throw scope_cancelled_error("the nursery was cancelled before its body returned a value: " +
                              (scope.reason() != nullptr ? to_string(*scope.reason()) : std::string("reason unknown")));
}

void throw_not_startable() {
  throw usage_error("task_status.started() was called twice, after the task had ended, or after start() had failed");
}

void start_state::begin(nursery& target, task_record& caller) {
  target.check_open();
  holding_.open(caller, {});
  target_ = &target;
  next_ = target.pending_starts_;
  if (next_ != nullptr) next_->previous_ = this;
  target.pending_starts_ = this;
  if (!target.errors_.empty()) [[unlikely]]
    target.cancel_pending_starts();
}

void start_state::set_child(task_record& child) noexcept {
  child_ = &child;
  making_ = false;
  if (early_) mark_started();
}

std::coroutine_handle<> start_state::wait(promise_base& awaiting, std::exception_ptr failed) noexcept {
  making_ = false;
  if (failed) holding_.add_error(std::move(failed), {});
  return holding_.body_ended(awaiting);
}

bool start_state::can_start() const noexcept { return making_ || holding_.child_count_ != 0; }

void start_state::mark_started() noexcept {
  if (making_) {
    early_ = true;  // there is no task to move yet
    return;
  }
  // A task that is being cancelled stays where somebody waits for its end: moved, its cancel could arrive in a place with no
  // cancelled scope around it.
  if (holding_.scope_.effective_) return;
  started_ = true;
  holding_.move_to(*target_, *child_);
  holding_.wake_if_complete();
}

void start_state::finish() {
  (previous_ != nullptr ? previous_->next_ : target_->pending_starts_) = next_;
  if (next_ != nullptr) next_->previous_ = previous_;
  target_->wake_if_complete();
  holding_.close(outcome_kind::value);
  if (!started_ && holding_.scope_.cancel_called_)
    throw scope_cancelled_error("the task was cancelled before it called task_status.started(): " + to_string(*holding_.scope_.reason_));
  if (!started_) throw usage_error("the task ended without calling task_status.started()");
}

}  // namespace detail

}  // namespace tractor::sc
