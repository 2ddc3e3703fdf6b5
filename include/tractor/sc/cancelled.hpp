// SPDX-License-Identifier: Apache-2.0
//
// Cancellation as an exception, and why it happened.
//
// `cancelled` is thrown at a checkpoint inside a cancelled scope and is absorbed by that scope. It does not derive from
// std::exception, so `catch (const std::exception&)` lets it through. Only the kernel makes one. Code that catches it must
// rethrow it, replace it by another error, or keep it in a std::exception_ptr that it rethrows later; when none of these
// happens the scope still ends as cancelled and a warning names the task, the checkpoint and the scope (see run_options::swallow).

#pragma once

#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>

#include "tractor/base/config.hpp"

namespace tractor::sc {

namespace detail {
// Counts the living `cancelled` objects of one task, and knows where the last one was thrown. Outlives the task when somebody keeps an
// exception_ptr.
struct cancel_token {
  std::uint32_t references = 0;
  std::uint32_t alive = 0;
  std::source_location checkpoint;  // the co_await that threw
  std::source_location dropped_in;  // the scope whose body ended without it; unset: none did
};
struct kernel_access;
}  // namespace detail

class TRACTOR_API cancelled {
 public:
  cancelled(const cancelled& other) noexcept;
  cancelled& operator=(const cancelled&) = delete;
  ~cancelled();

  // Always the same; sc::why_cancelled() says why.
  [[nodiscard]] const char* what() const noexcept { return "cancelled"; }

 private:
  friend struct detail::kernel_access;
  explicit cancelled(detail::cancel_token* token) noexcept;
  detail::cancel_token* token_;
};

// What asked for a cancel.
enum class cancel_source : unsigned char {
  explicit_call,   // somebody called cancel()
  deadline,        // the scope's deadline passed
  nursery_failed,  // a task of the nursery, or its body, failed
  run_shutdown,    // the run ends, or its host asked it to
};

struct cancel_reason {
  cancel_source source = cancel_source::explicit_call;
  std::string text;            // what the caller gave, or a description made by the kernel
  std::string task;            // the name of the task that cancelled; empty: not a task
  std::source_location where;  // the call of cancel(), or where the deadline was set
};

// One line: "deadline passed (set at app.cpp:12)", "cancelled by task 'main' at app.cpp:40: shutting down".
[[nodiscard]] TRACTOR_API std::string to_string(const cancel_reason& reason);

}  // namespace tractor::sc
