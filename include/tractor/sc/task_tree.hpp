// SPDX-License-Identifier: Apache-2.0
//
// The task tree of a run as data and as text: who exists, what each waits for, since when, and the chain of co_awaits that led
// there. Taking it changes nothing and may be done at any moment from the run's own thread.

#pragma once

#include <cstdint>
#include <source_location>
#include <string>
#include <vector>

#include "tractor/sc/clock.hpp"
#include "tractor/sc/run.hpp"

namespace tractor::sc {

enum class task_state : unsigned char { running, ready, waiting };

struct task_info {
  std::uint64_t id = 0;
  std::string name;
  task_state state = task_state::ready;
  std::string waiting_for;  // "event.wait"; empty unless waiting
  duration waiting{};       // for how long
  bool cancelled = false;   // its next checkpoint throws
  std::source_location spawned_at;
  std::vector<std::source_location> await_chain;  // innermost first
  std::vector<task_info> children;                // of all nurseries the task has open
};

// The whole tree of the current run; throws usage_error outside a run.
[[nodiscard]] TRACTOR_API task_info task_tree();
[[nodiscard]] TRACTOR_API task_info task_tree_of(runner& run);

// One line a task, children indented, and one for each await.
[[nodiscard]] TRACTOR_API std::string to_text(const task_info& tree);

}  // namespace tractor::sc
