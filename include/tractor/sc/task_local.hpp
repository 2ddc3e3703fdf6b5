// SPDX-License-Identifier: Apache-2.0
//
// Values that belong to a task: what a thread-local is to a thread.
//
//     constinit sc::task_local<int> request_id;            // a key, with static storage
//     co_await request_id.with(7, [&] { return serve(); });  // inside: request_id.get() is 7, in child tasks too
//
// A task started inside sees the values that its starter had at that moment. Values are immutable once set and are freed when
// the last task that can see them ends. Only for code that runs in a task.

#pragma once

#include <any>
#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include "tractor/sc/cancel_scope.hpp"
#include "tractor/sc/detail/kernel.hpp"
#include "tractor/sc/task.hpp"

namespace tractor::sc {

namespace detail {

struct local_node {
  const void* key;
  local_node* next;
  std::uint32_t references;
  void* value;
  void (*destroy)(void* value) noexcept;
};

[[nodiscard]] TRACTOR_API void* find_local(const void* key) noexcept;
// Puts a value in front of the current task's list; the list takes ownership.
TRACTOR_API void push_local(const void* key, void* value, void (*destroy)(void*) noexcept);
// Takes the front of the list away again; `key` must be its key.
TRACTOR_API void pop_local(const void* key) noexcept;

}  // namespace detail

template <class T>
class task_local {
 public:
  constexpr task_local() noexcept = default;
  task_local(const task_local&) = delete;
  task_local& operator=(const task_local&) = delete;

  // The value in force in the current task; null when there is none, or outside a task.
  [[nodiscard]] const T* get() const noexcept { return static_cast<const T*>(detail::find_local(this)); }

  // Sets the value while `scope` lives; scopes of one task are left in reverse order.
  class binding {
   public:
    binding(task_local& key, T value) : key_(key) {
      auto owned = std::make_unique<T>(std::move(value));
      detail::push_local(&key_, static_cast<void*>(owned.get()), [](void* gone) noexcept { delete static_cast<T*>(gone); });
      static_cast<void>(owned.release());
    }
    binding(const binding&) = delete;
    binding& operator=(const binding&) = delete;
    ~binding() { detail::pop_local(&key_); }

   private:
    task_local& key_;
  };

  // Runs `body` with the value set.
  template <class Body>
  [[nodiscard]] auto with(T value, Body body) -> std::invoke_result_t<Body&> {
    const binding bound(*this, std::move(value));
    co_return co_await body();
  }

 private:
  char identity_ = 0;  // two keys never share an address
};

}  // namespace tractor::sc
