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
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
