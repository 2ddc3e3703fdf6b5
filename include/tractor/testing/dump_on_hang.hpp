// SPDX-License-Identifier: Apache-2.0
//
// A block that says where it is when it takes too long, and goes on.
//
//     {
//       const testing::dump_on_hang watch(10s, "/tmp/slow.txt");
//       co_await something();                                   // after 10 s there is a file that tells what it waits for
//     }
//
// A thread waits for `after` of real time, unless the block ends before. Then it writes to a file, and nowhere else: the task tree of the
// run that the object was made in, if any, and the stacks of all threads (S-HNG-1). It looks once. A run whose loop is held does not
// answer; then its thread's stack says where. In an actor the trees of those that it has started are their own (`tractor dump`).
//
// The stacks are taken by a SIGWINCH to each thread, which ends some system calls early, sleeps for one. In a process_fixture the file is
// one of those that the test leaves behind, and is gone with it, unless `path` or TRACTOR_TEST_DUMP_DIR leads elsewhere.

#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "tractor/base/config.hpp"

namespace tractor::testing {

inline constexpr std::chrono::milliseconds dump_on_hang_default = std::chrono::seconds(30);

class TRACTOR_API dump_on_hang {
 public:
  // An empty path: a fresh name in the directory that TRACTOR_TEST_DUMP_DIR names, which must be there, else in TMPDIR, else in /tmp.
  // Throws os_error when there is no thread.
  explicit dump_on_hang(std::chrono::milliseconds after = dump_on_hang_default, std::string path = {});
  dump_on_hang(const dump_on_hang&) = delete;
  dump_on_hang& operator=(const dump_on_hang&) = delete;
  // In the thread that made it. Waits for a dump under way.
  ~dump_on_hang();

  [[nodiscard]] const std::string& path() const noexcept;  // where the file is, once it is written
  [[nodiscard]] bool dumped() const noexcept;              // it is there, whole; or it could not be written

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace tractor::testing
