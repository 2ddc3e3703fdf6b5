// SPDX-License-Identifier: Apache-2.0
//
// The task tree of a run as data and as text: who exists, what each waits for, since when, and the chain of co_awaits that led
// there. Taking it changes nothing and may be done at any moment from the run's own thread. It is bounded, whatever the program made:
// what is left out is counted.

#pragma once

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>
#include <vector>

#include "tractor/sc/clock.hpp"
#include "tractor/sc/run.hpp"

namespace tractor::sc {

inline constexpr std::size_t task_tree_depth_max = 100;       // tasks below one another
inline constexpr std::size_t task_tree_tasks_max = 10'000;    // in one tree
inline constexpr std::size_t await_chain_max = 64;            // co_awaits of one task: the innermost
inline constexpr std::size_t task_tree_text_max = 1'000'000;  // bytes, of whole tasks

enum class task_state : unsigned char {
  running,
  ready,
  waiting,
  ended,  // the main task of a run that is done
};

struct task_info {
  std::uint64_t id = 0;
  std::string name;
  task_state state = task_state::ready;
  std::string waiting_for;  // "event.wait"; empty unless waiting
  duration waiting{};       // for how long
  bool cancelled = false;   // its next checkpoint throws
  std::source_location spawned_at;
  std::vector<std::source_location> await_chain;  // innermost first; unknown, so empty, for the running task
  std::vector<task_info> children;                // of all nurseries the task has open, the oldest first
  std::size_t children_omitted = 0;               // further ones, each with all below it: see the bounds above
};

// The whole tree of the current run; throws usage_error outside a run.
[[nodiscard]] TRACTOR_API task_info task_tree();
[[nodiscard]] TRACTOR_API task_info task_tree_of(runner& run);

// One line a task, children indented, and one for each await. Ends with "…" when the text had to be cut.
[[nodiscard]] TRACTOR_API std::string to_text(const task_info& tree);

// The same as one JSON object, of the members above by name; state is "running", "ready", "waiting" or "ended", waiting is in
// nanoseconds, a place {"function", "file", "line"} or null. Text that is not UTF-8 has U+FFFD in its place. All of the tree, in one line.
[[nodiscard]] TRACTOR_API std::string to_json(const task_info& tree);

}  // namespace tractor::sc
