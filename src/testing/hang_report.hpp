// SPDX-License-Identifier: Apache-2.0
//
// What is known of a test that hangs, and where it is kept.

#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stoppable_thread.hpp"
#include "tractor/sc/run_handle.hpp"
#include "tree_dumps.hpp"

namespace tractor::testing::detail {

// What the run said of itself.
struct run_answer {
  std::string tree;                 // of its tasks
  std::vector<pid_t> actor_pids{};  // that its root actor has started
};
// Asks the run, in the thread of `self`. Nothing: it did not answer within `bound`, because a task holds its loop, or it has ended.
[[nodiscard]] std::optional<run_answer> ask_run(const sc::run_handle& run, stoppable_thread& self, std::chrono::milliseconds bound);

// A directory PARENT/LABEL__TIMESTAMP (S-TST-7).
class hang_directory {
 public:
  // Makes it, and its parents. Without a parent there is none; where it cannot be made neither: that must not hide what is wrong with the
  // test.
  hang_directory(const std::string& parent, std::string_view label);
  void write(const std::string& file, std::string_view text) const;
  // "written to /dumps/suite.name__20260131T120000", or why not; empty without a parent.
  [[nodiscard]] const std::string& outcome() const noexcept { return outcome_; }

 private:
  std::string path_;
  std::string outcome_;
};

// The time of day, in UTC, as a part of a file's name: 20260131T120000.
[[nodiscard]] std::string time_for_names();
// What a label can be called as a file: without '/' and what a shell takes for its own.
[[nodiscard]] std::string as_file_name(std::string_view label);

// One JSON object with what is known of the process and its test.
struct hang_facts {
  std::string label;
  std::chrono::milliseconds time_bound{};
  bool run_answered = false;
  std::size_t actors = 0, actors_answered = 0;
};
[[nodiscard]] std::string to_json(const hang_facts& facts);

}  // namespace tractor::testing::detail
