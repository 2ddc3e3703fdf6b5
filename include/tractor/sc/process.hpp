// SPDX-License-Identifier: Apache-2.0
//
// Child processes of the run: start a program, talk to it, wait for its end.
//
//     sc::child_process child({.arguments = {"sort", "-u"}, .input = sc::stdio::pipe, .output = sc::stdio::pipe});
//     co_await child.input().send_all(text);
//     child.input().send_eof();
//     sc::process_status status = co_await child.wait();
//
// The program is looked up in PATH unless its name has a slash. It starts with default signal dispositions, an empty signal mask and
// no descriptor but the first three. A child is reaped by its object, through a pidfd, and by nobody else: the process must not
// ignore SIGCHLD. A child_process destroyed before the child has ended kills it with SIGKILL and reaps it: none outlives its block,
// but one that this process may not kill (it has become another user's, say): a line on stderr names it, and it is left to itself.
// Cancelling wait() leaves the child alone.

#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tractor/base/fd.hpp"
#include "tractor/sc/byte_stream.hpp"
#include "tractor/sc/pipe_stream.hpp"
#include "tractor/sc/readiness.hpp"
#include "tractor/sc/task.hpp"

namespace tractor::sc {

// Where one of the child's first three descriptors leads.
enum class stdio : unsigned char {
  inherit,
  null,
  pipe,
  file,  // the one that the options name: of output and error, appended to, and made with mode 0600 where it is missing
};

struct process_options {
  std::vector<std::string> arguments;                        // the program first
  std::optional<std::vector<std::string>> environment = {};  // "NAME=value"; none given: this process's
  std::string working_directory = {};                        // empty: this process's
  stdio input = stdio::null;
  stdio output = stdio::inherit;
  stdio error = stdio::inherit;
  std::string output_file = {};  // for stdio::file
  std::string error_file = {};
};

// How a process ended.
struct process_status {
  int exit_code = 0;  // when no signal ended it
  int signal = 0;     // that ended it, or 0
  bool core_dumped = false;
  std::chrono::microseconds user_time{};
  std::chrono::microseconds system_time{};
  long resident_kib_max = 0;

  [[nodiscard]] bool success() const noexcept { return signal == 0 && exit_code == 0; }
};

// "exited with status 3", "was killed by SIGKILL", "was killed by SIGSEGV, core dumped".
[[nodiscard]] TRACTOR_API std::string to_string(const process_status& status);

class TRACTOR_API child_process {
 public:
  // Throws os_error when the program cannot be started, or a file not opened; usage_error when no argument is given, or no name of a file.
  explicit child_process(const process_options& options);
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;
  ~child_process();

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  [[nodiscard]] int pidfd() const noexcept { return pidfd_.get(); }

  // The piped ones; usage_error for others.
  [[nodiscard]] byte_stream& input() { return piped(input_, "input"); }
  [[nodiscard]] byte_stream& output() { return piped(output_, "output"); }
  [[nodiscard]] byte_stream& error() { return piped(error_, "error"); }

  // Waits until the child has ended; at once, but for a checkpoint, when it has. Any number of tasks may wait.
  [[nodiscard]] task<process_status> wait();
  // How it ended, without waiting; nothing while it runs.
  [[nodiscard]] const std::optional<process_status>& poll();

  // Sends a signal; does nothing once the child has been reaped. Throws os_error, EPERM when the system does not allow it.
  void kill(int signal = SIGTERM);

 private:
  [[nodiscard]] static byte_stream& piped(const std::unique_ptr<pipe_stream>& stream, const char* which);
  // Gives 0 when the status is known now, EAGAIN when the child runs, or another errno.
  [[nodiscard]] int reap(int flags) noexcept;
  [[nodiscard]] int send_signal(int signal) noexcept;  // gives an errno, or 0
  void end() noexcept;

  std::string program_;
  pid_t pid_ = 0;
  unique_fd pidfd_;
  std::unique_ptr<pipe_stream> input_;
  std::unique_ptr<pipe_stream> output_;
  std::unique_ptr<pipe_stream> error_;
  std::optional<process_status> status_;
};

}  // namespace tractor::sc
