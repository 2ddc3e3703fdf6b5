// SPDX-License-Identifier: Apache-2.0
//
// A program that runs beside the others, as a task of a nursery, and whose output goes where one can see whose it is.
//
//     co_await sc::open_nursery([](sc::nursery& n) -> sc::task<> {
//       auto server = co_await n.start<trionics::supervised_process>(
//           trionics::supervise_run_process,
//           trionics::supervise_options{.arguments = {"redis-server"}, .label = "redis", .relay_output = true});
//       co_await use(server->pid());
//       server->kill(SIGTERM);
//     });
//
// The task has started when the program has. It ends when the program has ended and its streams have: also who inherited one of them has
// closed it by then. stdin is /dev/null. What is relayed comes line by line, as "[label:out] text" and "[label:err] text"; both streams
// are read at once, so that neither holds the program up. A line is delivered when it is complete, or whole at the end of the stream; one
// that is longer than relayed_line_bytes_max comes in pieces. Of stderr the last kept_stderr_bytes_max are kept, relayed or not.
//
// With `check`, the default, an end other than with status 0 is sc::process_failed_error, thrown when all has been read: its message shows
// command, status and the last lines of stderr, its result what was kept. A program that cannot be started is os_error, out of start().
// An error of the sink ends the program. When the task is cancelled, or fails, the program gets SIGTERM and after `grace` SIGKILL; it is
// always waited for, out of reach of cancels, and what it says meanwhile is relayed still. Processes that it started are its own affair.
// Under a virtual clock no time passes by itself while it runs.

#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tractor/base/config.hpp"
#include "tractor/sc/clock.hpp"
#include "tractor/sc/nursery.hpp"
#include "tractor/sc/process.hpp"
#include "tractor/sc/run_process.hpp"
#include "tractor/sc/task.hpp"

namespace tractor::trionics {

inline constexpr std::size_t kept_stderr_bytes_max = 16 * 1024;
inline constexpr std::size_t relayed_line_bytes_max = 1024 * 1024;
// For the last words of a program that was told to end, when others hold its streams open.
inline constexpr std::chrono::milliseconds last_output_timeout{100};
// For room in this process's stderr, for a line of the default sink; then the rest of the line is left out.
inline constexpr std::chrono::milliseconds stderr_room_timeout{1000};

// Takes one line, with its prefix and without its "\n". Called for one line at a time; while it waits, the program's stream does.
using line_sink = std::function<sc::task<>(std::string line)>;

// The running program: to ask for its pid, to signal it, to wait for it. Its streams are the supervisor's. May be kept after its end.
using supervised_process = std::shared_ptr<sc::child_process>;

struct supervise_options {
  std::vector<std::string> arguments;                        // the program first, see sc/process.hpp
  std::optional<std::vector<std::string>> environment = {};  // "NAME=value"; none given: this process's
  std::string working_directory = {};                        // empty: this process's
  std::string label = {};                                    // empty: the program's file name
  bool relay_output = false;
  bool relay_error = false;
  sc::stdio output = sc::stdio::null;  // of a stdout that is not relayed; a pipe that nobody reads is std::invalid_argument
  line_sink sink = {};                 // empty: this process's stderr
  bool check = true;
  sc::duration grace = sc::stop_grace_default;  // between SIGTERM and SIGKILL
};

// For nursery::start; see the top of this file.
[[nodiscard]] TRACTOR_API sc::task<> supervise_run_process(sc::task_status<supervised_process> status, supervise_options options);

}  // namespace tractor::trionics
