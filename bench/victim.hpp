// SPDX-License-Identifier: Apache-2.0
//
// A tree of actors to be killed: this program, executed again as a root with an actor below it and two below that, one of them in
// a busy loop with SIGTERM blocked. Used by the rows that measure how long a subtree survives a kill -9.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace bench {

// `argv` of the root of such a tree: --victim METHOD FD. When the tree stands it writes the pids to the descriptor and sleeps.
[[nodiscard]] bool is_victim(int argc, char** argv);
[[nodiscard]] int victim_main(char** argv);

// A process that is not waited for here, but watched.
class watched_process {
 public:
  explicit watched_process(pid_t pid);
  ~watched_process();
  watched_process(watched_process&& other) noexcept;
  watched_process& operator=(watched_process&&) = delete;
  [[nodiscard]] pid_t pid() const { return pid_; }
  void kill() const;
  // Waits until it has ended; throws when that takes longer than so many milliseconds.
  void await_end(int bound_ms) const;

 private:
  pid_t pid_;
  int pidfd_;
};

// The whole tree. Gone when this is.
class victim_tree {
 public:
  explicit victim_tree(const std::string& method);
  ~victim_tree();
  victim_tree(const victim_tree&) = delete;
  victim_tree& operator=(const victim_tree&) = delete;

  std::vector<watched_process> root;          // one
  std::vector<watched_process> fork_server;   // one, or none
  std::vector<watched_process> intermediate;  // one
  std::vector<watched_process> leaves;        // two
};

}  // namespace bench
