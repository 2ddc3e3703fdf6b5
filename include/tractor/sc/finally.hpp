// SPDX-License-Identifier: Apache-2.0
//
// Cleanup that has to wait: what a destructor cannot do.
//
//     auto page = co_await sc::finally([&] { return fetch(connection); },        // task<T>
//                                      [&] { return connection.say_goodbye(); },  // task<>
//                                      2s);
//
// `cleanup` runs after `body`, whether that gave a value, failed or was cancelled, out of reach of the cancels around it but for no
// longer than `grace`. Then the body's outcome goes on: its value, its error, its cancel. An error of the cleanup never hides
// the body's: both go on as an exception_group, body first. With a cancelled body the cleanup's error replaces the cancel, which
// the next checkpoint would raise again. A cleanup that has not ended when its grace is over is cancelled, and that is an
// error too: too_slow_error.

#pragma once

#include <exception>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>
#include <vector>

#include "tractor/sc/cancel_scope.hpp"
#include "tractor/sc/exception_group.hpp"
#include "tractor/sc/task.hpp"

namespace tractor::sc {

inline constexpr duration finally_grace_default = std::chrono::seconds(5);

namespace detail {

// Awaits a task and takes its outcome as a fact: never throws what the task threw.
template <class T>
class settle_awaiter {
 public:
  using sc_awaitable = void;
  explicit settle_awaiter(std::coroutine_handle<promise<T>> callee) noexcept : callee_(callee) {}
  static bool await_ready() noexcept { return false; }
  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> caller) noexcept {
    callee_.promise().parent = &caller.promise();
    return callee_;
  }
  static void await_resume() noexcept {}

 private:
  std::coroutine_handle<promise<T>> callee_;
};

TRACTOR_API std::exception_ptr cleanup_too_slow(duration grace, std::source_location where);
[[noreturn]] TRACTOR_API void throw_cleanup_failed(std::exception_ptr body, std::exception_ptr cleanup, std::source_location where);

// Runs a cleanup; gives its error, or null.
template <class Cleanup>
task<std::exception_ptr> run_cleanup(Cleanup& cleanup, duration grace, std::source_location where) {
  std::exception_ptr failed;
  bool complete = false;
  try {
    complete = co_await shielded([&]() -> task<> { co_await cleanup(); }, grace, where);
  } catch (const cancelled&) {
    throw;
  } catch (...) {
    failed = std::current_exception();
  }
  if (!failed && !complete) failed = cleanup_too_slow(grace, where);
  co_return failed;
}

}  // namespace detail

template <task_callable Body, task_callable Cleanup>
[[nodiscard]] auto finally(Body body, Cleanup cleanup, duration grace = finally_grace_default,
                           std::source_location where = std::source_location::current()) -> std::invoke_result_t<Body&> {
  using body_task = std::invoke_result_t<Body&>;
  using value_type = typename body_task::value_type;
  std::optional<body_task> running;
  std::exception_ptr failed;
  try {
    running.emplace(body());
  } catch (...) {
    failed = std::current_exception();  // it could not even start
  }
  if (running) {
    co_await detail::settle_awaiter<value_type>(running->kernel_handle());
    failed = running->kernel_handle().promise().error;
  }
  if (auto cleanup_failed = co_await detail::run_cleanup(cleanup, grace, where))
    detail::throw_cleanup_failed(std::move(failed), std::move(cleanup_failed), where);
  if (failed) std::rethrow_exception(std::move(failed));
  co_return detail::finish(running->kernel_handle().promise());
}

}  // namespace tractor::sc
