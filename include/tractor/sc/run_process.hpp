// SPDX-License-Identifier: Apache-2.0
//
// Run a program to its end: what it reads goes in, what it writes comes out.
//
//     auto done = co_await sc::run_process({.arguments = {"sort", "-u"}, .input = text});
//     use(done.out);
//
// Returns when the child has ended and the captured streams have: also who inherited one of them from the child has then closed it.
// A child that reads less than its input, or closes a stream early, is no error. With `check`, the default, an end other than with
// status 0 is process_failed_error. A program that cannot be started is os_error.
//
// For a time limit put it into fail_after() or move_on_after(). When it is cancelled, or fails for another reason while the child runs,
// the child is stopped: its input ends and it gets SIGTERM, after `grace` SIGKILL. It is always waited for, out of reach of
// cancels, and what it still writes is dropped meanwhile. Processes that it started are its own affair. Under a virtual clock no time
// passes by itself while it runs.

#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "tractor/sc/clock.hpp"
#include "tractor/sc/process.hpp"
#include "tractor/sc/task.hpp"
#include "tractor/sc/too_long_error.hpp"

namespace tractor::sc {

// Of each captured stream.
inline constexpr std::size_t captured_bytes_max_default = 16 * 1024 * 1024;
inline constexpr std::chrono::seconds stop_grace_default{5};
// What the message of a process_failed_error shows of the command and of the end of its stderr.
inline constexpr std::size_t shown_command_bytes_max = 300;
inline constexpr std::size_t shown_stderr_bytes_max = 2000;
inline constexpr std::size_t shown_stderr_lines_max = 10;

// What becomes of a captured stream that is longer than its bound.
enum class over_bound : unsigned char {
  fail,      // too_long_error, and the child is stopped
  truncate,  // the first bytes are kept, the rest is read and dropped
};

struct run_process_options {
  std::vector<std::string> arguments;                        // the program first, see process.hpp
  std::optional<std::vector<std::string>> environment = {};  // "NAME=value"; none given: this process's
  std::string working_directory = {};                        // empty: this process's
  std::string input = {};                                    // what the child reads, up to its end; empty: /dev/null
  bool inherit_input = false;                                // this process's stdin instead of `input`
  stdio output = stdio::pipe;                                // pipe: captured
  stdio error = stdio::pipe;
  std::size_t captured_bytes_max = captured_bytes_max_default;
  over_bound when_too_long = over_bound::fail;
  bool check = true;
  duration grace = stop_grace_default;  // between SIGTERM and SIGKILL
  std::string output_file = {};         // for stdio::file
  std::string error_file = {};
};

struct process_result {
  process_status status;
  std::string out;  // empty when it was not captured
  std::string err;
  bool out_truncated = false;
  bool err_truncated = false;
};

// The child did not end with status 0. The message shows command, status and the last lines of a captured stderr.
class TRACTOR_API process_failed_error : public error {
 public:
  process_failed_error(std::string message, process_result result);
  process_failed_error(const process_failed_error&);
  ~process_failed_error() override;
  [[nodiscard]] const process_result& result() const noexcept { return result_; }

 private:
  process_result result_;
};

[[nodiscard]] TRACTOR_API task<process_result> run_process(run_process_options options);

}  // namespace tractor::sc
