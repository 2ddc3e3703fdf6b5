// SPDX-License-Identifier: Apache-2.0
//
// What a signal handler sees of the thread that it interrupts: the task that runs, and the stack.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <span>
#include <string>
#include <string_view>

#include "tractor/sc/stall_detector.hpp"

namespace tractor::sc {
class runner;
}  // namespace tractor::sc

namespace tractor::sc::detail {

// Filled in by a handler in the run's thread.
class stall_sighting {
 public:
  // In the handler, with the context that it was given.
  void take(const runner& run, void* context) noexcept;

  [[nodiscard]] bool in_task() const noexcept { return in_task_; }  // else it was the run itself, between two tasks
  [[nodiscard]] std::uint64_t task_id() const noexcept { return task_id_; }
  [[nodiscard]] std::string_view task_name() const noexcept { return {name_.data(), name_bytes_}; }
  [[nodiscard]] std::source_location spawned_at() const noexcept { return spawned_at_; }
  // Innermost first, without the handler's own; return addresses all but the first, when that `is_exact`.
  [[nodiscard]] std::span<void* const> frames() const noexcept { return {frames_.data() + first_frame_, frame_count_ - first_frame_}; }
  [[nodiscard]] bool is_exact() const noexcept { return first_frame_ > 0; }

  // Task and stack into `into`, with the names of the functions. Not in a handler.
  void name_into(stall& into) const;

 private:
  static constexpr std::size_t name_bytes_max = 128;

  std::array<void*, stall_detector::frames_max> frames_{};
  std::size_t frame_count_ = 0;
  std::size_t first_frame_ = 0;  // those before it are the handler's
  bool in_task_ = false;
  std::uint64_t task_id_ = 0;
  std::source_location spawned_at_;
  std::array<char, name_bytes_max> name_{};
  std::size_t name_bytes_ = 0;
};

// As to_text, of a task that was started at `line` of `file`.
[[nodiscard]] std::string text_of(const stall& seen, std::string_view file, unsigned line);

}  // namespace tractor::sc::detail
