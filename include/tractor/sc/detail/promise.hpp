// SPDX-License-Identifier: Apache-2.0
//
// What every coroutine of the kernel has in common: who awaits it, where it awaits, how it ended.
//
// The promise points to the promise that awaits it, not to a bare handle: the same size, and the list of these pointers is the
// await chain. Turning such a pointer back into a handle through the base class is right as long as the base is the first
// member of every promise and no promise needs more than 16-byte alignment (asserted in task.hpp).

#pragma once

#include <coroutine>
#include <cstdint>
#include <exception>
#include <source_location>
#include <type_traits>
#include <utility>

#include "tractor/base/config.hpp"
#include "tractor/sc/detail/frame_pool.hpp"

namespace tractor::sc::detail {

struct promise_base;

// Runs when a coroutine ends, in place of "resume who awaits me"; returns what to resume. May destroy the coroutine.
struct completion_hook {
  std::coroutine_handle<> (*done)(completion_hook& self, promise_base& ended) noexcept = nullptr;
};

enum class outcome_kind : std::uint8_t { pending, value, error, cancelled };

struct promise_base {
  promise_base* parent = nullptr;   // the promise that awaits this one; null in a task's outermost coroutine
  completion_hook* hook = nullptr;  // null: resume `parent`
  std::source_location site;        // the co_await this coroutine is at, or was last at
  std::exception_ptr error;
  outcome_kind outcome = outcome_kind::pending;

  promise_base() noexcept = default;
  promise_base(const promise_base&) = delete;
  promise_base& operator=(const promise_base&) = delete;

  static void* operator new(std::size_t bytes) { return frame_pool::allocate(bytes); }
  static void operator delete(void* memory, std::size_t bytes) noexcept { frame_pool::deallocate(memory, bytes); }
  // With -fcoro-aligned-allocation the compiler calls these for every frame, not only for an over-aligned one.
  static constexpr std::align_val_t pooled_alignment{__STDCPP_DEFAULT_NEW_ALIGNMENT__};
  static void* operator new(std::size_t bytes, std::align_val_t alignment) {
    return alignment <= pooled_alignment ? frame_pool::allocate(bytes) : ::operator new(bytes, alignment);
  }
  static void operator delete(void* memory, std::size_t bytes, std::align_val_t alignment) noexcept {
    alignment <= pooled_alignment ? frame_pool::deallocate(memory, bytes) : ::operator delete(memory, bytes, alignment);
  }

  static std::suspend_always initial_suspend() noexcept { return {}; }

  struct final_awaiter {
    static bool await_ready() noexcept { return false; }
    template <class Promise>
    static std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) noexcept {
      promise_base& promise = ended.promise();
      if (promise.hook != nullptr) return promise.hook->done(*promise.hook, promise);  // `promise` may be gone now
      return promise.parent->handle();
    }
    static void await_resume() noexcept {}
  };
  static final_awaiter final_suspend() noexcept { return {}; }

  // Stores what is in flight: `cancelled` as an outcome only, errors as exception_ptr with the await chain they crossed.
  TRACTOR_API void unhandled_exception() noexcept;

  [[nodiscard]] std::coroutine_handle<promise_base> handle() noexcept { return std::coroutine_handle<promise_base>::from_promise(*this); }

  // Only awaitables of the kernel may be awaited: a foreign one would resume the task behind the scheduler's back.
  template <class Awaitable>
  Awaitable&& await_transform(Awaitable&& awaitable, std::source_location where = std::source_location::current()) noexcept {
    static_assert(
        requires { typename std::remove_cvref_t<Awaitable>::sc_awaitable; },
        "only awaitables of tractor::sc can be awaited in a sc::task; wrap others with an adapter (interop/)");
    site = where;
    if constexpr (requires { awaitable.checkpoint_at = where; }) awaitable.checkpoint_at = where;
    return std::forward<Awaitable>(awaitable);
  }
};

}  // namespace tractor::sc::detail
