// SPDX-License-Identifier: Apache-2.0
//
// Back into the run, from a thread that to_thread started.
//
//     co_await sc::to_thread([&] {
//       while (more_to_do()) {
//         sc::from_thread::check_cancelled();
//         sc::from_thread::run([&]() -> sc::task<> { co_await channel.send(next()); });
//       }
//     });
//
// What the thread has done here is done in the task that waits for the thread, inside its cancel scopes, while the thread stands still; the
// result, or the exception, comes back to the thread. Where the task is cancelled, or does not wait any more (abandon_on_cancel, or the run
// is over), `thread_cancelled` is thrown in the thread, and goes on as `cancelled` in the task. A thread that catches it and returns is
// cancelled all the same when it was met in run. In any other thread all three throw usage_error.

#pragma once

#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include "tractor/sc/to_thread.hpp"

namespace tractor::sc {

namespace detail {

TRACTOR_API void ask_run(thread_request& request);
[[nodiscard]] TRACTOR_API bool ask_whether_cancelled();

template <class Function>
class typed_thread_request final : public thread_request {
 public:
  using value_type = typename std::invoke_result_t<Function&>::value_type;

  explicit typed_thread_request(Function& function) noexcept : function_(function) {}
  task<> serve() override {
    try {
      if constexpr (std::is_void_v<value_type>)
        co_await function_();
      else
        value_.emplace(co_await function_());
    } catch (const cancelled&) {
      throw;
    } catch (...) {
      error_ = std::current_exception();
    }
  }
  value_type take() {
    if (error_) std::rethrow_exception(std::move(error_));
    if constexpr (!std::is_void_v<value_type>) return std::move(*value_);
  }

 private:
  Function& function_;
  std::optional<std::conditional_t<std::is_void_v<value_type>, char, value_type>> value_;
  std::exception_ptr error_;
};

}  // namespace detail

namespace from_thread {

// Runs `function()`, which returns a task, and gives its result.
template <class Function>
auto run(Function function) -> typename std::invoke_result_t<Function&>::value_type {
  detail::typed_thread_request<Function> request(function);
  detail::ask_run(request);
  return request.take();
}

// The same for a plain function.
template <class Function>
auto run_sync(Function function) -> std::invoke_result_t<Function&> {
  using value_type = std::invoke_result_t<Function&>;
  return run([&]() -> task<value_type> { co_return function(); });
}

// Throws thread_cancelled when the task is cancelled. Costs the reading of a flag.
inline void check_cancelled() {
  if (detail::ask_whether_cancelled()) throw thread_cancelled();
}

}  // namespace from_thread

}  // namespace tractor::sc
