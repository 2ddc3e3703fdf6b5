// SPDX-License-Identifier: Apache-2.0
//
// nursery::start for callers that may be cancelled meanwhile: no error of the start hides that.
//
//     int port = co_await trionics::start_or_cancel<int>(n, server, options);
//
// The same as co_await n.start<int>(server, options), with two differences. When the task ends without having called started(), and the
// caller is cancelled, this throws `cancelled` and not the usage_error which says so: the task most likely gave up because of the
// cancel. An error of the task itself is never taken for that one, whatever its type or text. And a start that is pending when the
// nursery is cancelled, by the failure of a task in it or otherwise, is given up, also where the caller stands outside the nursery: the
// task is cancelled and awaited, and this throws scope_cancelled_error with the reason. A plain start() from outside waits until the task
// has started or ended by itself, and keeps the block of the nursery open for as long.
//
// While the start is pending there is one more task in the nursery, which watches it.

#pragma once

#include <concepts>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>

#include "tractor/base/error.hpp"
#include "tractor/sc/cancel_scope.hpp"
#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/event.hpp"
#include "tractor/sc/nursery.hpp"

namespace tractor::trionics {

namespace detail {

// A pending start, shared by the caller, the new task and the task that watches the nursery.
struct start_watch {
  sc::cancel_scope* pending = nullptr;  // around the caller's wait; null when that is over
  sc::event over;
  std::string reason;             // of the nursery's cancel
  bool ended_in_silence = false;  // the task returned; an error of its own is none of ours
};

// Ends with the start. Cancelled with the nursery, it cancels the start.
[[nodiscard]] TRACTOR_API sc::task<> watch_start(std::shared_ptr<start_watch> watch, sc::nursery& target);
// Throws what a start that gave nothing ends with; `failed` is the kernel's error, or null.
[[nodiscard]] TRACTOR_API sc::task<> fail_start(std::shared_ptr<start_watch> watch, std::exception_ptr failed);

template <class A>
A&& unwrapped(A& argument) {
  return std::move(argument);
}
template <class A>
A& unwrapped(std::reference_wrapper<A>& argument) {
  return argument.get();
}

template <class T, class Callable, class... Arguments>
sc::task<> run_watched(sc::task_status<T> status, std::shared_ptr<start_watch> watch, Callable callable, Arguments... arguments) {
  co_await std::invoke(callable, std::move(status), unwrapped(arguments)...);
  watch->ended_in_silence = true;
}

}  // namespace detail

// See the top of this file. `options.name`, when it is empty, is the callable's type as everywhere.
template <class T = void, class Callable, class... Arguments>
[[nodiscard]] sc::task<T> start_or_cancel(sc::nursery& n, sc::task_options options, Callable callable, Arguments... arguments) {
  const auto watch = std::make_shared<detail::start_watch>();
  sc::cancel_scope scope({.where = options.where});
  watch->pending = &scope;
  struct end_of_wait {
    detail::start_watch& of;
    explicit end_of_wait(detail::start_watch& w) noexcept : of(w) {}
    end_of_wait(const end_of_wait&) = delete;
    end_of_wait& operator=(const end_of_wait&) = delete;
    ~end_of_wait() {
      of.pending = nullptr;
      of.over.set();
    }
  } const at_end(*watch);
  n.start_soon({.name = "watch of a pending start", .where = options.where}, detail::watch_start, watch, std::ref(n));
  const std::string name(options.name.empty() ? sc::detail::default_task_name<Callable>() : options.name);
  options.name = name;
  std::exception_ptr failed;
  std::conditional_t<std::is_void_v<T>, bool, std::optional<std::conditional_t<std::is_void_v<T>, char, T>>> value{};
  try {
    value = co_await scope.run([&] {
      return n.start<T>(options, detail::run_watched<T, Callable, Arguments...>, watch, std::move(callable), std::move(arguments)...);
    });
  } catch (const usage_error&) {
    if (!watch->ended_in_silence) throw;
    failed = std::current_exception();
  }
  if (!value) co_await detail::fail_start(watch, failed);
  if constexpr (!std::is_void_v<T>) co_return std::move(*value);
}

template <class T = void, class Callable, class... Arguments>
  requires(!std::same_as<std::remove_cvref_t<Callable>, sc::task_options>)
[[nodiscard]] sc::task<T> start_or_cancel(sc::nursery& n, Callable callable, Arguments... arguments) {
  return start_or_cancel<T>(n, sc::task_options{.where = {}}, std::move(callable), std::move(arguments)...);
}

}  // namespace tractor::trionics
