// SPDX-License-Identifier: Apache-2.0
//
// A run that cannot hang for ever: what actor_test.hpp is made of, for other test frameworks.
//
//     const auto ended = testing::run_bounded({.label = "greeter.answers", .report = fail_the_test}, [] { return body(); });
//
// A thread beside the run waits for `time_bound` of real time. When that is over it looks where everybody is, has `report` called with a
// text that says so, and cancels the body:
//
// - the task tree of the run, or, when a task holds its loop, the stacks of the threads of this process;
// - the task trees of all actors below this process, its own and those of roots that it has started; of one that does not answer within
//   `actors_answer_bound` what it does instead.
//
// A body that has not ended `end_bound` after that, because it shields itself or holds the loop, never will: then the same is written to
// stderr, all processes below this one are killed, and this one aborts. So a test that hangs costs a failure and not the machine that it
// runs on. Where TRACTOR_TEST_DUMP_DIR is set all that is written there as well, into a directory LABEL__TIMESTAMP: trace.txt, sockets.txt
// (what lies in the runtime directory) and meta.json; the text tells the name.
//
// In the process of the test, outside of a run. One at a time in a process is meant to use it: the actors that it asks, and kills, are
// those of the process.

#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <optional>
#include <string>

#include "tractor/base/config.hpp"
#include "tractor/sc/run.hpp"
#include "tractor/sc/task.hpp"

namespace tractor::testing {

inline constexpr std::chrono::milliseconds time_bound_default = std::chrono::seconds(30);
inline constexpr std::chrono::milliseconds time_bound_max = std::chrono::hours(24);
inline constexpr std::chrono::milliseconds end_bound_default = std::chrono::seconds(20);  // from the cancel on: a whole teardown ladder
inline constexpr auto run_answer_bound = std::chrono::milliseconds(1000);                 // for the run's own task tree
inline constexpr auto actors_answer_bound = std::chrono::milliseconds(2000);              // for those of the actors

inline constexpr const char* time_bound_variable = "TRACTOR_TEST_TIMEOUT";
inline constexpr const char* dump_directory_variable = "TRACTOR_TEST_DUMP_DIR";

// What TRACTOR_TEST_TIMEOUT says: a number of seconds, also with a fraction, above zero and up to time_bound_max; nothing for `none`, which
// is for debuggers. `otherwise` when it is not set. Throws usage_error that names the variable.
[[nodiscard]] TRACTOR_API std::optional<std::chrono::milliseconds> time_bound_from_environment(
    std::optional<std::chrono::milliseconds> otherwise = time_bound_default);

struct bounded_run_options {
  std::string label = "a test";                                              // what is bounded, for the texts
  std::optional<std::chrono::milliseconds> time_bound = time_bound_default;  // nullopt: none
  std::chrono::milliseconds end_bound = end_bound_default;
  sc::run_options run = {.swallow = sc::swallow_policy::fail};
  // Called once when the bound is over: in the run before it is cancelled, or after it, when it ended meanwhile. Without one the text goes
  // to stderr.
  std::function<void(const std::string& text)> report = {};
  std::string scratch = {};  // a directory that is removed before an abort
};

struct bounded_end {
  std::exception_ptr error = {};  // what left the run; null: nothing
  bool overdue = false;           // the bound was over before it ended, and was reported
};

// Runs `body` as the main task of a run. Throws os_error when there is no thread to be had.
[[nodiscard]] TRACTOR_API bounded_end run_bounded(bounded_run_options options, const std::function<sc::task<>()>& body);

}  // namespace tractor::testing
