// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include "actors.hpp"
#include "tractor/spawn/child_entry.hpp"

int main(int argc, char** argv) {
  tractor::spawn::child_entry(argc, argv, spawn_test::run_actor, spawn_test::note_prewarming);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
