// SPDX-License-Identifier: Apache-2.0
//
// The test program is executed again for its fork server and for actors started with exec; and, by tests that kill a whole tree, as a
// program of its own (programs.hpp).

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "endpoints.hpp"
#include "programs.hpp"
#include "tractor/runtime/root.hpp"

int main(int argc, char** argv) {
  while (std::getenv(runtime_test::silent_actor_variable) != nullptr) ::pause();
  tractor::child_entry(argc, argv);
  kit::in_the_test = true;
  if (const auto status = runtime_test::run_as_program(argc, argv)) return *status;
  // A group of its own: some tests stop a process, and when a group with a stopped one is orphaned the kernel hangs up on all of it, which
  // would be whatever the tests are run by.
  ::setpgid(0, 0);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
