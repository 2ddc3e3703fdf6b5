// SPDX-License-Identifier: Apache-2.0
//
// The test program is executed again for its fork server and for actors started with exec.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tractor/runtime/root.hpp"

int main(int argc, char** argv) {
  tractor::child_entry(argc, argv);
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
