// SPDX-License-Identifier: Apache-2.0
//
// Many scopes at once: all are entered side by side, one body runs inside all of them, and all are left side by side.
//
//     std::vector<trionics::manager<page>> managers;
//     for (const auto& url : urls) managers.push_back([&](auto inside) { return open_page(url, inside); });
//     int words = co_await trionics::gather_contexts(std::move(managers), [](std::span<page* const> pages) -> sc::task<int> { … });
//
// Each manager (manager.hpp) is a task of its own. The body gets a pointer to the value of each, in the order of the managers, and starts
// when all have entered. When it has ended all leave, in no particular order, and the block gives what the body gave.
//
// An error anywhere, when a manager enters, in the body, or when a manager leaves, cancels the others and goes on when all have ended: one
// error as itself, several as a sc::exception_group. Cancelling the block does the same without an error. A manager sees an error or a
// cancel of the body as `cancelled` out of its `inside`. The values stay good until the body has ended, however it does.
//
// A manager that ends without having awaited its `inside`, or before the body has ended, is a usage_error which says which one. No managers
// at all are std::invalid_argument: most likely a container that was moved from.

#pragma once

#include <optional>
#include <source_location>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "tractor/sc/cancel_scope.hpp"
#include "tractor/sc/event.hpp"
#include "tractor/sc/nursery.hpp"
#include "tractor/trionics/manager.hpp"

namespace tractor::trionics {

namespace detail {

// One call of gather_contexts, without its types.
class TRACTOR_API gathering final : public inside_target {
 public:
  // Throws std::invalid_argument when `count` is 0.
  gathering(std::size_t count, std::source_location where);
  ~gathering() override;

  sc::task<> enter(std::size_t index, void* value) override;
  // Starts a manager as a task of `n`.
  void start(sc::nursery& n, std::size_t index, std::function<sc::task<>()> manager);
  // Runs the body when all have entered, and lets all leave. When a manager cuts it off: ends by that manager's error only.
  sc::task<> run_body(std::function<sc::task<>()> body);
  [[nodiscard]] void* value(std::size_t index) const { return slots_[index].value; }

 private:
  struct slot {
    void* value = nullptr;
    bool left = false;  // when it was time to
  };
  [[nodiscard]] sc::task<> run_manager(std::size_t index, std::function<sc::task<>()> manager);
  [[noreturn]] void throw_misuse(std::size_t index, const char* what) const;

  std::source_location where_;
  std::vector<slot> slots_;
  std::size_t entered_ = 0;
  sc::cancel_scope body_scope_;
  sc::event all_entered_;
  sc::event body_ended_;
  bool body_complete_ = false;
};

}  // namespace detail

// See the top of this file. `body(std::span<T* const>)` returns task<R>.
template <class T, class Body>
[[nodiscard]] auto gather_contexts(std::vector<manager<T>> managers, Body body,
                                   std::source_location where = std::source_location::current())
    -> std::invoke_result_t<Body&, std::span<T* const>>;

// The same for managers of different types: `body(T&…)`.
template <class... T, class Body>
[[nodiscard]] auto gather_contexts(std::tuple<manager<T>...> managers, Body body,
                                   std::source_location where = std::source_location::current()) -> std::invoke_result_t<Body&, T&...>;

// --------------------------------------------------------------------------------------------------------------------

namespace detail {

// `start_all(n)` starts the managers, `call()` is the body.
template <class Start, class Call>
auto gather(gathering& all, Start start_all, Call call, std::source_location where) -> std::invoke_result_t<Call&> {
  using value_type = typename std::invoke_result_t<Call&>::value_type;
  std::optional<std::conditional_t<std::is_void_v<value_type>, char, value_type>> value;
  const auto body = [&]() -> sc::task<> {
    if constexpr (std::is_void_v<value_type>)
      co_await call();
    else
      value.emplace(co_await call());
  };
  co_await sc::open_nursery(
      [&](sc::nursery& n) -> sc::task<> {
        start_all(n);
        co_await all.run_body(body);
      },
      where);
  if constexpr (!std::is_void_v<value_type>) co_return std::move(*value);
}

}  // namespace detail

template <class T, class Body>
auto gather_contexts(std::vector<manager<T>> managers, Body body, std::source_location where)
    -> std::invoke_result_t<Body&, std::span<T* const>> {
  detail::gathering all(managers.size(), where);
  std::vector<T*> values;
  const auto start_all = [&](sc::nursery& n) {
    for (std::size_t i = 0; i < managers.size(); ++i) all.start(n, i, [&managers, &all, i] { return managers[i](inside<T>(all, i)); });
  };
  const auto call = [&] {
    for (std::size_t i = 0; i < managers.size(); ++i) values.push_back(static_cast<T*>(all.value(i)));
    return body(std::span<T* const>(values));
  };
  co_return co_await detail::gather(all, start_all, call, where);
}

template <class... T, class Body>
auto gather_contexts(std::tuple<manager<T>...> managers, Body body, std::source_location where) -> std::invoke_result_t<Body&, T&...> {
  detail::gathering all(sizeof...(T), where);
  const auto start_all = [&](sc::nursery& n) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (all.start(n, I, [&managers, &all] { return std::get<I>(managers)(inside<T>(all, I)); }), ...);
    }(std::index_sequence_for<T...>{});
  };
  const auto call = [&] {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return body(*static_cast<T*>(all.value(I))...);
    }(std::index_sequence_for<T...>{});
  };
  co_return co_await detail::gather(all, start_all, call, where);
}

}  // namespace tractor::trionics
