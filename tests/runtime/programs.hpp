// SPDX-License-Identifier: Apache-2.0
//
// Trees of actors in a process of their own, for tests that kill or interrupt the root: this test program, executed once more.

#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "tractor/base/fd.hpp"
#include "tractor/spawn/start_method.hpp"

namespace runtime_test {

// An executed actor with this in its environment stops before it has said anything.
inline constexpr const char* silent_actor_variable = "TRACTOR_TEST_SILENT_ACTOR";

// In a process that class program started: runs the tree, gives the exit status.
[[nodiscard]] std::optional<int> run_as_program(int argc, char** argv);

// A process that somebody else may reap; knows for certain when it is gone.
class watched_process {
 public:
  explicit watched_process(pid_t pid);
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  [[nodiscard]] bool gone() const;
  [[nodiscard]] bool ends() const;  // waits, for a generous time
  [[nodiscard]] bool ends_within(int bound_ms) const;
  void signal(int number) const;
  void stop() const;  // returns when it does not run any more, until SIGCONT
  // Wait, for a generous time, until the process has a handler for the signal, or none.
  [[nodiscard]] bool begins_catching(int number) const { return comes_to_catch(number, true); }
  [[nodiscard]] bool stops_catching(int number) const { return comes_to_catch(number, false); }

 private:
  [[nodiscard]] bool comes_to_catch(int number, bool wanted) const;

  pid_t pid_;
  tractor::unique_fd pidfd_;
};

// The processes that this one has started and not reaped, from its main thread.
[[nodiscard]] std::vector<pid_t> children_of(pid_t pid);

class program {
 public:
  // Runs the tree `name` in a process group of its own; returns when the tree is up.
  program(const std::string& name, tractor::spawn::start_method method);
  program(const program&) = delete;
  program& operator=(const program&) = delete;
  ~program();  // kills what is left

  // The root first, then what its tree printed: its actors from the top down.
  [[nodiscard]] const std::vector<watched_process>& processes() const { return processes_; }
  [[nodiscard]] const watched_process& root() const { return processes_.front(); }
  // The fork server; none when the tree does without.
  [[nodiscard]] const std::optional<watched_process>& server() const { return server_; }
  void signal_group(int number) const;
  // Tells the root to end its tree in good order.
  void release() { input_.reset(); }
  // "exit status 0", "killed by SIGKILL"; waits for the root.
  [[nodiscard]] std::string wait();
  // All that the root and its actors wrote to stderr; waits until all have closed it.
  [[nodiscard]] std::string errors();

 private:
  pid_t pid_ = -1;
  bool reaped_ = false;
  tractor::unique_fd input_;
  tractor::unique_fd errors_;
  std::vector<watched_process> processes_;
  std::optional<watched_process> server_;
};

}  // namespace runtime_test
