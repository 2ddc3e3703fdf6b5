// SPDX-License-Identifier: Apache-2.0
//
// Asynchronous generators: coroutines that wait and hand out values on the way.
//
//     sc::generator<int> count(int n) {
//       for (int i = 0; i < n; ++i) { co_await sc::sleep(1s); co_yield i; }
//     }
//     co_await sc::aclosing(count(3), [](sc::generator<int>& numbers) -> sc::task<> {
//       while (auto number = co_await numbers.next()) use(*number);   // nullopt: the generator has ended
//     });
//
// A generator is lazy: it runs only inside next(), in the task that calls it, as a part of that task. A checkpoint in it is one of the
// caller's, and so next() is a checkpoint only if the body meets one. What the body throws, `cancelled` too, comes out of next() and
// is the end of the generator: it gives nullopt from then on. Also when only that next() was to be cut short, by a deadline of its own.
//
// aclosing runs a body with the generator, gives what it gives, and closes the generator on every way out. Closing one that has not ended
// destroys its frame where it stands, at a co_yield: the destructors of its locals run at once, in the task that closes. Nothing in there
// can wait, for C++ has no asynchronous finally; what needs to wait to be cleaned up belongs to the consumer, around aclosing (see
// finally.hpp). The destructor does the same, whenever and wherever it comes.
//
// A co_yield inside a cancel scope, a nursery or a task_local::binding that the body has open is a usage_error, thrown at the co_yield:
// what the consumer does until the next next() would run inside of it. (A body of a scope cannot co_yield for the generator around it; this
// catches the roundabout ways.) next() while another one has not ended is busy_resource_error, destroying the generator then is a failed
// assertion. Arguments taken by reference, and the closure of a lambda, must outlive the generator.

#pragma once

#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

#include "tractor/sc/detail/promise.hpp"
#include "tractor/sc/task.hpp"

namespace tractor::sc {

class cancel_scope;

template <class T>
class generator;

namespace detail {

struct local_node;

struct TRACTOR_API generator_promise_base : promise_base {
  // A next() begins: `consumer` is who gets the next value. Throws busy_resource_error.
  void begin(promise_base& consumer);
  // Throws usage_error when the task is not in the scope in which it called next(), or has another task-local value bound.
  void check_yield(std::source_location where) const;
  // Once: throws what the body threw. The outcome is that of a body that has ended quietly from then on.
  void throw_outcome();

  void return_void() noexcept { outcome = outcome_kind::value; }

  struct yield_awaiter {
    static bool await_ready() noexcept { return false; }
    template <class Promise>
    static std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> yielding) noexcept {
      return yielding.promise().parent->handle();
    }
    static void await_resume() noexcept {}
  };

  const cancel_scope* scope = nullptr;  // the consumer's innermost one when it called next()
  const local_node* locals = nullptr;   // what it had bound then
  bool outermost_scope = false;         // that is: the one around its whole task
  bool running = false;                 // a next() has not ended
};

template <class T>
struct generator_promise final : generator_promise_base {
  std::optional<T> value;

  generator<T> get_return_object() noexcept;

  template <class U = T>
    requires std::is_convertible_v<U&&, T>
  yield_awaiter yield_value(U&& yielded, std::source_location where = std::source_location::current()) {
    site = where;
    check_yield(where);
    value.emplace(std::forward<U>(yielded));
    return {};
  }
};

template <class T>
class generator_next_awaiter {
 public:
  using sc_awaitable = void;

  explicit generator_next_awaiter(std::coroutine_handle<generator_promise<T>> callee) noexcept : callee_(callee) {}
  [[nodiscard]] bool await_ready() const noexcept { return !callee_ || (!callee_.promise().running && callee_.done()); }
  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> caller) {
    callee_.promise().begin(caller.promise());
    return callee_;
  }
  std::optional<T> await_resume() {
    std::optional<T> next;
    if (!callee_) return next;
    generator_promise<T>& promise = callee_.promise();
    promise.running = false;
    if (callee_.done()) {
      promise.throw_outcome();
    } else {
      next.emplace(std::move(*promise.value));
      promise.value.reset();
    }
    return next;
  }

 private:
  std::coroutine_handle<generator_promise<T>> callee_;  // null: closed
};

}  // namespace detail

template <class T>
class [[nodiscard("a generator does nothing until its next() is awaited")]] generator {
  static_assert(std::is_object_v<T>, "a generator gives values: yield a pointer, or a std::reference_wrapper, for a reference");

 public:
  using promise_type = detail::generator_promise<T>;
  using value_type = T;

  generator(generator&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  generator& operator=(generator&& other) noexcept {
    if (this != &other) {
      aclose();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~generator() { aclose(); }

  // Runs the body to its next co_yield and gives that value; nullopt when it has ended, or was closed.
  [[nodiscard]] detail::generator_next_awaiter<T> next() noexcept { return detail::generator_next_awaiter<T>(handle_); }

  // Destroys the frame, see the top of this file. Does not wait, so it is not awaited. Idempotent.
  void aclose() noexcept {
    if (!handle_) return;
    TRACTOR_ASSERT(!handle_.promise().running, "a generator is closed while a next() of it has not ended");
    std::exchange(handle_, nullptr).destroy();
  }

 private:
  friend promise_type;
  explicit generator(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}

  std::coroutine_handle<promise_type> handle_;  // null: closed
};

namespace detail {

template <class T>
generator<T> generator_promise<T>::get_return_object() noexcept {
  static_assert(alignof(generator_promise) <= 16, "a value aligned to more than 16 bytes cannot be yielded: yield a pointer");
  return generator<T>(std::coroutine_handle<generator_promise>::from_promise(*this));
}

template <class T>
class generator_closer {
 public:
  explicit generator_closer(generator<T>& closes) noexcept : closes_(closes) {}
  generator_closer(const generator_closer&) = delete;
  generator_closer& operator=(const generator_closer&) = delete;
  ~generator_closer() { closes_.aclose(); }

 private:
  generator<T>& closes_;
};

}  // namespace detail

// Awaits `body(source)`, which returns task<R>, gives its result, and closes `source` whatever happened.
template <class T, class Body>
  requires task_callable<Body&, generator<T>&>
[[nodiscard]] auto aclosing(generator<T> source, Body body) -> std::invoke_result_t<Body&, generator<T>&> {
  const detail::generator_closer<T> closes_at_the_end(source);
  co_return co_await body(source);
}

}  // namespace tractor::sc
