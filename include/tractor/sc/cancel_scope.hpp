// SPDX-License-Identifier: Apache-2.0
//
// Cancel scopes: a part of a task that can be cancelled, by a call or by a deadline.
//
//     sc::cancel_scope scope({.deadline = sc::current_time() + 2s});
//     std::optional<page> p = co_await scope.run([&] { return fetch(url); });   // nullopt: cancelled
//     auto q = co_await sc::move_on_after(2s, [&] { return fetch(url); });      // the same, shorter
//     auto r = co_await sc::fail_after(2s, [&] { return fetch(url); });         // throws too_slow_error
//
// Cancellation is level-triggered: once a scope is cancelled every checkpoint in it throws `cancelled`, until its body is
// left. It reaches the tasks of every nursery opened in it. A shielded scope ignores the cancels around it, not its own.
// The body is a callable, with or without a `cancel_scope&`, that returns a task, or something else to await such as `event.wait()`; it is
// moved into the awaiting frame and lives until the body ended. A body that ended before it saw the cancel keeps its result.
// `run` throws what the body throws. A scope is entered once, by one task; it does not move; it must outlive its body.

#pragma once

#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

#include "tractor/sc/clock.hpp"
#include "tractor/sc/detail/kernel.hpp"
#include "tractor/sc/errors.hpp"
#include "tractor/sc/task.hpp"

namespace tractor::sc {

struct cancel_scope_options {
  time_point deadline = never;
  // Counted from where the scope is entered, in place of `deadline`; zero or less cancels at the first checkpoint.
  std::optional<duration> relative_deadline = std::nullopt;
  bool shield = false;
  std::source_location where = std::source_location::current();
};

namespace detail {
template <class Body>
class scope_awaiter;
class start_state;
struct scope_walk;
// `fire` and `scope` are set when it is armed.
struct scope_deadline : timer {
  cancel_scope* scope;
};
}  // namespace detail

class TRACTOR_API cancel_scope {
 public:
  explicit cancel_scope(cancel_scope_options options = {}) noexcept
      : where_(options.where), shield_(options.shield), relative_(options.relative_deadline.has_value()) {
    deadline_.at = relative_ ? time_point(*options.relative_deadline) : options.deadline;
  }
  cancel_scope(const cancel_scope&) = delete;
  cancel_scope& operator=(const cancel_scope&) = delete;
  ~cancel_scope() {
    TRACTOR_ASSERT(owner_ == nullptr, "a cancel scope is destroyed while its body runs");
    if (reason_ != nullptr) [[unlikely]]
      delete reason_;
  }

  // Cancels everything in the scope. The first call's reason stays; later ones do nothing. May be called before the scope is
  // entered, then its first checkpoint is cancelled. Not from another thread (see to_thread.hpp).
  void cancel(std::string_view why = {}, std::source_location where = std::source_location::current()) noexcept;
  void cancel(cancel_reason reason) noexcept;

  // A relative one is `never` until the scope is entered.
  [[nodiscard]] time_point deadline() const noexcept { return relative_ ? never : deadline_.at; }
  void set_deadline(time_point deadline, std::source_location where = std::source_location::current());
  [[nodiscard]] bool shield() const noexcept { return shield_; }
  void set_shield(bool shield) noexcept;

  // Somebody asked for it: cancel(), or the deadline passed. Looks at the clock, so that a task which computes without a checkpoint
  // can ask; when the deadline has passed by then, the scope is cancelled from here on.
  [[nodiscard]] bool cancel_called() const noexcept {
    if (!cancel_called_ && deadline_.armed()) [[unlikely]]
      // Only a scope that has been entered has an armed deadline, and to enter takes one that is not const.
      const_cast<cancel_scope*>(this)->look_at_clock();
    return cancel_called_;
  }
  // The body ended by this scope's cancel.
  [[nodiscard]] bool cancelled_caught() const noexcept { return cancelled_caught_; }
  // Why cancel_called; null while it is not.
  [[nodiscard]] const cancel_reason* reason() const noexcept { return reason_; }

  // Runs `body` inside the scope. Gives std::optional<T> for a body of task<T> (nullopt: cancelled by this scope), and bool for
  // a body of task<> (false: cancelled by this scope).
  template <class Body>
  [[nodiscard]] detail::scope_awaiter<std::decay_t<Body>> run(Body&& body);

  // Whether a checkpoint directly inside would throw now, by this scope's cancel or by one around it.
  [[nodiscard]] bool effectively_cancelled() const noexcept { return effective_; }

  // --- for the kernel ---
  void enter(detail::task_record& task) {
    if (entered_) [[unlikely]]
      throw_entered_twice();
    entered_ = true;
    parent_ = task.scope;
    owner_ = &task;
    task.scope = this;
    delivered_at_entry_ = task.delivered;
    refresh_effective();
    if (deadline_.at != never) start_deadline();
  }
  // Leaves the scope; `how` is how the body ended. Absorb: the outcome `cancelled` stops here.
  enum class exit_result : unsigned char { keep, absorb, propagate };
  exit_result exit(detail::outcome_kind how) noexcept {
    detail::task_record& task = *owner_;
    TRACTOR_ASSERT(task.scope == this, "cancel scopes are left in the order they were entered");
    task.scope = parent_;
    if (deadline_.armed()) disarm_deadline();
    owner_ = nullptr;
    // Nearly always: the body has its value, and no cancel was thrown in here.
    if (how == detail::outcome_kind::value && task.delivered == delivered_at_entry_) [[likely]]
      return exit_result::keep;
    return exit_decided(task, how);
  }

 private:
  friend class nursery;
  friend class runner;
  friend struct detail::scope_deadline;
  friend struct detail::scope_walk;
  friend class detail::start_state;
  [[nodiscard]] bool parent_visible() const noexcept { return parent_ != nullptr && !shield_ && parent_->effective_; }
  [[noreturn]] static void throw_entered_twice();
  void start_deadline();  // of a scope that has just been entered: cancels it at once when it has passed; throwing, undoes the entry
  void look_at_clock() noexcept;
  void arm_deadline();
  void disarm_deadline() noexcept;
  void pass_deadline() noexcept;
  exit_result exit_decided(detail::task_record& task, detail::outcome_kind how) noexcept;
  void refresh_effective() noexcept { effective_ = cancel_called_ || parent_visible(); }
  void spread() noexcept;
  static void refresh_chain(detail::task_record& task, cancel_scope* stop) noexcept;
  static void spread_from(detail::task_record& start, cancel_scope* stop) noexcept;
  [[nodiscard]] bool swallowed(const detail::task_record& task) const noexcept;
  void settle(detail::task_record& task) const noexcept;

  cancel_scope* parent_ = nullptr;
  detail::task_record* owner_ = nullptr;  // null: not entered
  nursery* nursery_ = nullptr;            // the nursery whose scope this is
  cancel_reason* reason_ = nullptr;       // owned
  detail::scope_deadline deadline_;
  std::source_location where_;
  std::uint32_t delivered_at_entry_ = 0;
  bool shield_ = false;
  bool relative_ = false;  // deadline_.at is a duration yet, from the beginning of time
  bool cancel_called_ = false;
  bool cancelled_caught_ = false;
  bool effective_ = false;
  bool entered_ = false;
};

namespace detail {

struct scope_walk {
  [[nodiscard]] static const cancel_scope* outer(const cancel_scope& scope) noexcept { return scope.parent_; }
};

template <class Body>
auto call_with_scope(Body& body, cancel_scope& scope) {
  if constexpr (std::is_invocable_v<Body&, cancel_scope&>)
    return body(scope);
  else
    return body();
}

template <class Awaitable>
decltype(auto) awaiter_of(Awaitable&& awaitable) {
  if constexpr (requires { std::forward<Awaitable>(awaitable).operator co_await(); })
    return std::forward<Awaitable>(awaitable).operator co_await();
  else
    return std::forward<Awaitable>(awaitable);
}
// What a co_await of it gives.
template <class Awaitable>
using await_result_t = decltype(awaiter_of(std::declval<Awaitable&>()).await_resume());

template <class Body>
auto await_body(Body& body, cancel_scope& scope) -> task<await_result_t<decltype(call_with_scope(body, scope))>> {
  co_return co_await call_with_scope(body, scope);
}

// The body as a task, whatever it returns that can be awaited.
template <class Body>
auto start_body(Body& body, cancel_scope& scope) {
  using returned = decltype(call_with_scope(body, scope));
  static_assert(
      requires { typename returned::sc_awaitable; },
      "the body of a cancel scope returns a task, or something else of tractor::sc to await");
  if constexpr (is_task<returned>::value)
    return call_with_scope(body, scope);
  else
    return await_body(body, scope);
}

[[noreturn]] TRACTOR_API void throw_no_task();
// Throws usage_error outside a task.
task_record& running_task();

// Awaits a body inside a scope. The scope is left in await_resume, which runs right after the body's last step.
template <class Body>
class scope_awaiter {
 public:
  using sc_awaitable = void;
  using task_type = decltype(start_body(std::declval<Body&>(), std::declval<cancel_scope&>()));
  using value_type = typename task_type::value_type;
  using result_type = std::conditional_t<std::is_void_v<value_type>, bool, std::optional<value_type>>;

  template <class B>
  scope_awaiter(cancel_scope& scope, B&& body) : scope_(scope), body_(std::forward<B>(body)) {}
  scope_awaiter(scope_awaiter&&) = delete;
  ~scope_awaiter() = default;

  static bool await_ready() noexcept { return false; }

  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> caller) {
    scope_.enter(running_task());
    try {
      task_.emplace(start_body(body_, scope_));
    } catch (...) {
      scope_.exit(outcome_kind::error);
      throw;
    }
    auto callee = task_->kernel_handle();
    callee.promise().parent = &caller.promise();
    return callee;
  }

  result_type await_resume() {
    auto& ended = task_->kernel_handle().promise();
    switch (scope_.exit(ended.outcome)) {
      case cancel_scope::exit_result::propagate: rethrow_cancelled();
      case cancel_scope::exit_result::absorb:
        if constexpr (std::is_void_v<value_type>)
          return false;
        else
          return std::nullopt;
      case cancel_scope::exit_result::keep: break;
    }
    if constexpr (std::is_void_v<value_type>) {
      finish(ended);
      return true;
    } else {
      return result_type(finish(ended));
    }
  }

 private:
  cancel_scope& scope_;
  Body body_;
  std::optional<task_type> task_;
};

// The same with the scope inside the awaiter; `Finish` turns what the scope gave into the result.
template <class Body, bool FailOnTimeout>
class owned_scope_awaiter {
 public:
  using sc_awaitable = void;
  using inner = scope_awaiter<Body>;
  using value_type = typename inner::value_type;
  using result_type = std::conditional_t<FailOnTimeout, value_type, typename inner::result_type>;

  template <class B>
  owned_scope_awaiter(cancel_scope_options options, B&& body)
      : scope_(options), inner_(scope_, std::forward<B>(body)), where_(options.where) {}
  owned_scope_awaiter(owned_scope_awaiter&&) = delete;
  ~owned_scope_awaiter() = default;

  static bool await_ready() noexcept { return false; }
  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> caller) {
    return inner_.await_suspend(caller);
  }
  result_type await_resume() {
    if constexpr (FailOnTimeout) {
      auto result = inner_.await_resume();
      if (!result) throw_too_slow(where_);
      if constexpr (!std::is_void_v<value_type>) return std::move(*result);
    } else {
      return inner_.await_resume();
    }
  }

 private:
  [[noreturn]] TRACTOR_API static void throw_too_slow(std::source_location where);

  cancel_scope scope_;
  inner inner_;
  std::source_location where_;
};

[[noreturn]] TRACTOR_API void throw_too_slow_error(std::source_location where);

template <class Body, bool FailOnTimeout>
void owned_scope_awaiter<Body, FailOnTimeout>::throw_too_slow(std::source_location where) {
  throw_too_slow_error(where);
}

}  // namespace detail

template <class Body>
detail::scope_awaiter<std::decay_t<Body>> cancel_scope::run(Body&& body) {
  return {*this, std::forward<Body>(body)};
}

// The time of the current run's clock.
[[nodiscard]] TRACTOR_API time_point current_time();

// Runs `body` for at most `timeout`; see cancel_scope::run for the result. A timeout of zero or less cancels at the first
// checkpoint.
template <class Body>
[[nodiscard]] detail::owned_scope_awaiter<std::decay_t<Body>, false> move_on_after(
    duration timeout, Body&& body, std::source_location where = std::source_location::current()) {
  return {cancel_scope_options{.relative_deadline = timeout, .where = where}, std::forward<Body>(body)};
}
template <class Body>
[[nodiscard]] detail::owned_scope_awaiter<std::decay_t<Body>, false> move_on_at(
    time_point deadline, Body&& body, std::source_location where = std::source_location::current()) {
  return {cancel_scope_options{.deadline = deadline, .where = where}, std::forward<Body>(body)};
}

// The same, but gives the body's result itself and throws too_slow_error when the deadline cut it off.
template <class Body>
[[nodiscard]] detail::owned_scope_awaiter<std::decay_t<Body>, true> fail_after(
    duration timeout, Body&& body, std::source_location where = std::source_location::current()) {
  return {cancel_scope_options{.relative_deadline = timeout, .where = where}, std::forward<Body>(body)};
}
template <class Body>
[[nodiscard]] detail::owned_scope_awaiter<std::decay_t<Body>, true> fail_at(time_point deadline, Body&& body,
                                                                            std::source_location where = std::source_location::current()) {
  return {cancel_scope_options{.deadline = deadline, .where = where}, std::forward<Body>(body)};
}

// Runs `body` out of reach of the cancels around it; give `grace` to bound it (then see cancel_scope::run for the result).
template <class Body>
[[nodiscard]] detail::owned_scope_awaiter<std::decay_t<Body>, false> shielded(
    Body&& body, duration grace = duration::max(), std::source_location where = std::source_location::current()) {
  return {cancel_scope_options{.relative_deadline = grace, .shield = true, .where = where}, std::forward<Body>(body)};
}

// The cancels that are in force where the current task stands, innermost first, one a line; empty when there is none.
[[nodiscard]] TRACTOR_API std::string why_cancelled();

// The earliest deadline in force where the current task stands; time_point::min() when it is cancelled already.
[[nodiscard]] TRACTOR_API time_point current_effective_deadline();

}  // namespace tractor::sc
