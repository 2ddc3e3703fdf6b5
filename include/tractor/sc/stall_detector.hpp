// SPDX-License-Identifier: Apache-2.0
//
// Finding the task that holds the loop. The tasks of a run take turns in one thread, so one that computes for long, or makes a system call
// that blocks, stops them all.
//
//     sc::stall_detector watch(100ms);            // from here to the end of the block
//
//     tractor: task 'index' (started at app.cpp:31) has held the loop for 0.10 s, 0.10 s of them on a processor; no other task can run:
//       #0 tokenize(std::string_view) at parser.cpp:88
//       #1 index(document&) at app.cpp:12
//
// A thread of the detector's own looks at the run's progress a few times in `bound`. When there was none for that long it has the run's
// thread take its stack, by a SIGURG, and reports. One report a stall. What waits in the run's own poll is at rest, not stalled; what runs
// inside it (handlers of Asio, for one) is not seen. A step costs what it did without a detector.
//
// The signal ends some system calls that block, the very one that is looked for: sleeps, poll, waits with a timeout give EINTR, though the
// handler has SA_RESTART. A handler that the program had for SIGURG gets every other SIGURG; it must be there before the first detector of
// the process. A forked child has the handler and no detector: it must not destroy one, which _exit and exec do not.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <vector>

#include "tractor/base/config.hpp"
#include "tractor/base/stack_trace.hpp"
#include "tractor/sc/clock.hpp"

namespace tractor::sc {

struct stall {
  duration held{};            // for how long there was no progress, so far
  duration on_processor{};    // of that: near `held` the task computes, near zero it is in a system call
  std::uint64_t task_id = 0;  // 0: it is not a task but what the run does between two steps
  std::string task_name = {};
  std::source_location spawned_at = {};
  std::vector<stack_frame> stack = {};  // innermost first; empty when the thread did not answer
};

// Several lines, as above, without an end of line.
[[nodiscard]] TRACTOR_API std::string to_text(const stall& seen);

class TRACTOR_API stall_detector {
 public:
  static constexpr duration bound_default = std::chrono::seconds(1);
  static constexpr duration bound_min = std::chrono::milliseconds(1);
  static constexpr std::size_t frames_max = 64;

  // Watches the current run. `report` is called in the detector's thread and must not throw; without one the text goes to stderr. Throws
  // usage_error outside a run, for a bound below bound_min, or where the run is watched already, and os_error when there is no thread.
  explicit stall_detector(duration bound = bound_default, std::function<void(const stall&)> report = {});
  stall_detector(const stall_detector&) = delete;
  stall_detector& operator=(const stall_detector&) = delete;
  // In the run's thread, while the run lasts. Waits for a report under way.
  ~stall_detector();

  [[nodiscard]] std::size_t count() const noexcept;  // of the stalls so far; from any thread

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace tractor::sc
