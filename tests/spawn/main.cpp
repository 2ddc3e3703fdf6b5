// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>
#include <unistd.h>

#include <string_view>

#include "actors.hpp"
#include "stdio_report.hpp"
#include "tractor/spawn/child_entry.hpp"

int main(int argc, char** argv) {
  tractor::spawn::child_entry(argc, argv, spawn_test::run_actor, spawn_test::note_prewarming);
  if (argc == 2 && std::string_view(argv[1]) == spawn_test::stdio_report_argument) {
    spawn_test::report_stdio();
    return 0;
  }
  // A group of its own: some tests stop a process, and when a group with a stopped one is orphaned the kernel hangs up on all of it, which
  // would be whatever the tests are run by.
  ::setpgid(0, 0);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
