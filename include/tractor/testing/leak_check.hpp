// SPDX-License-Identifier: Apache-2.0
//
// Finds what a piece of a program left behind: child processes (alive, or dead and not waited for), descriptors, threads,
// shared-memory segments, and files in the directories for sockets and temporary files.
//
//     tractor::testing::leak_check check;
//     …                                                        // must be over when leaks() is called
//     for (const std::string& leak : check.leaks()) report(leak);
//
// While the object lives, XDG_RUNTIME_DIR and TMPDIR name fresh directories of its own, so that what other programs put into the
// usual ones at the same time does not matter; and the process adopts orphans (PR_SET_CHILD_SUBREAPER), so that a process
// below a child that has ended is found as well. Both are undone by the destructor, which removes the directories with
// everything in them.
//
// What is just ending (a thread that was joined a moment ago) gets `grace` to be gone. One check at a time in a process: it changes the
// environment, so no other thread may read it meanwhile. Works without any test framework; process_fixture.hpp is the
// GoogleTest fixture made of it.

#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tractor/base/config.hpp"

namespace tractor::testing {

inline constexpr auto leak_grace_default = std::chrono::milliseconds(500);

class TRACTOR_API leak_check {
 public:
  explicit leak_check(std::chrono::milliseconds grace = leak_grace_default);
  leak_check(const leak_check&) = delete;
  leak_check& operator=(const leak_check&) = delete;
  ~leak_check();

  // One sentence for each thing that is there now and was not at the start. Not inside a sc::run.
  [[nodiscard]] std::vector<std::string> leaks() const;

  // Reaps every child that is dead, until none is there that was not there at the start, or `grace` is over: what still lives
  // then is left for leaks() to find. For a test that kills a process which has children of its own: they were adopted when it
  // ended, and nobody else waits for them. Not inside a sc::run.
  void reap_orphans() const;

  // The directories that XDG_RUNTIME_DIR and TMPDIR name, and the one that both are in.
  [[nodiscard]] const std::string& directory() const noexcept { return directory_; }
  [[nodiscard]] std::string runtime_directory() const { return directory_ + "/run"; }
  [[nodiscard]] std::string temporary_directory() const { return directory_ + "/tmp"; }

 private:
  struct snapshot {
    std::set<pid_t> children;
    std::map<int, std::string> descriptors;  // number and what it refers to
    std::set<pid_t> threads;
    std::set<std::string> segments;
  };
  [[nodiscard]] static snapshot look();
  [[nodiscard]] bool has_new_children() const;
  [[nodiscard]] std::vector<std::string> compare() const;
  void compare_files(std::vector<std::string>& leaks) const;

  std::chrono::milliseconds grace_;
  std::string directory_;
  std::map<std::string, std::optional<std::string>> environment_before_;
  bool adopted_before_ = false;
  snapshot before_;
};

}  // namespace tractor::testing
