// SPDX-License-Identifier: Apache-2.0
//
// `task<T>`: the return type of every coroutine of the kernel.
//
//     sc::task<int> add(int a, int b) { co_return a + b; }
//     int three = co_await add(1, 2);
//
// A task is lazy: nothing runs before it is awaited, and awaiting is an ordinary call (about 6 ns). It is awaited once, by one
// coroutine, and is destroyed by who holds it; destroying one that was never awaited runs nothing, one that is being awaited ends the
// program. It moves, it does not copy. Arguments taken by reference must outlive the await, as with a plain call: write `co_await f(x)`
// and they do.
//
// To run tasks side by side give callables, not tasks, to a nursery (nursery.hpp).

#pragma once

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "tractor/sc/cancelled.hpp"
#include "tractor/sc/detail/promise.hpp"

namespace tractor::sc {

template <class T = void>
class task;

namespace detail {

[[noreturn]] TRACTOR_API void rethrow_cancelled();                         // the cancel of the current task goes on to the next frame
[[noreturn]] TRACTOR_API void rethrow_outcome(const promise_base& ended);  // of a coroutine that ended without a value

template <class T>
struct promise final : promise_base {
  using stored = std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, T>;
  std::optional<stored> value;

  task<T> get_return_object() noexcept;

  template <class U = T>
    requires std::is_convertible_v<U&&, T>
  void return_value(U&& result) noexcept(std::is_nothrow_constructible_v<stored, U&&>) {
    if constexpr (std::is_reference_v<T>)
      value.emplace(std::addressof(result));
    else
      value.emplace(std::forward<U>(result));
    outcome = outcome_kind::value;
  }

  T take() {
    if constexpr (std::is_reference_v<T>)
      return static_cast<T>(**value);
    else
      return std::move(*value);
  }
};

template <>
struct promise<void> final : promise_base {
  task<void> get_return_object() noexcept;
  void return_void() noexcept { outcome = outcome_kind::value; }
  void take() noexcept {}
};

// Ends the `co_await` of a coroutine that has run to its end: gives its value or goes on with its exception.
template <class T>
T finish(promise<T>& ended) {
  if (ended.outcome == outcome_kind::value) [[likely]]
    return ended.take();
  rethrow_outcome(ended);
}

}  // namespace detail

template <class T>
class [[nodiscard("a task does nothing until it is awaited")]] task {
 public:
  using promise_type = detail::promise<T>;
  using value_type = T;
  using sc_awaitable = void;

  task(task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  task& operator=(task&& other) noexcept {
    if (this != &other) {
      destroy();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~task() { destroy(); }

  // For the compiler's `co_await`: a temporary task is its own awaiter. One that has a name may be moved meanwhile, in a vector that grows
  // say.
  class awaiter {
   public:
    explicit awaiter(std::coroutine_handle<promise_type> callee) noexcept : callee_(callee) {}
    static bool await_ready() noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> caller) const noexcept {
      callee_.promise().parent = &caller.promise();
      return callee_;
    }
    T await_resume() const { return detail::finish(callee_.promise()); }

   private:
    std::coroutine_handle<promise_type> callee_;
  };
  awaiter operator co_await() & noexcept {
    TRACTOR_ASSERT(handle_ && handle_.promise().parent == nullptr, "a task is awaited once");
    return awaiter(handle_);
  }
  static bool await_ready() noexcept { return false; }
  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> caller) const noexcept {
    TRACTOR_ASSERT(handle_ && handle_.promise().parent == nullptr, "a task is awaited once");
    handle_.promise().parent = &caller.promise();
    return handle_;
  }
  T await_resume() const { return detail::finish(handle_.promise()); }

  // For the kernel's own scopes, which start the coroutine themselves, and for its task records, which own it from then on.
  [[nodiscard]] std::coroutine_handle<promise_type> kernel_handle() const noexcept { return handle_; }
  [[nodiscard]] std::coroutine_handle<promise_type> release_to_kernel() noexcept { return std::exchange(handle_, nullptr); }

 private:
  friend promise_type;
  explicit task(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}
  void destroy() noexcept {
    if (!handle_) return;
    // A frame that has begun and not ended may be known to the scheduler, or to who is to wake it.
    TRACTOR_ASSERT(handle_.promise().parent == nullptr || handle_.promise().outcome != detail::outcome_kind::pending,
                   "a task is destroyed while it is awaited");
    handle_.destroy();
  }

  std::coroutine_handle<promise_type> handle_;
};

namespace detail {

template <class T>
task<T> promise<T>::get_return_object() noexcept {
  static_assert(alignof(promise) <= 16, "a result type aligned to more than 16 bytes cannot be returned by value: return a pointer");
  return task<T>(std::coroutine_handle<promise>::from_promise(*this));
}
inline task<void> promise<void>::get_return_object() noexcept { return task<void>(std::coroutine_handle<promise>::from_promise(*this)); }

template <class T>
struct is_task : std::false_type {};
template <class T>
struct is_task<task<T>> : std::true_type {};

}  // namespace detail

// The value that a callable's task gives: int for a callable that returns task<int> or int.
template <class Callable, class... Arguments>
using task_result_t = typename std::invoke_result_t<Callable, Arguments...>::value_type;

template <class Callable, class... Arguments>
concept task_callable = std::is_invocable_v<Callable, Arguments...> && detail::is_task<std::invoke_result_t<Callable, Arguments...>>::value;

}  // namespace tractor::sc
