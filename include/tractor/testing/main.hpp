// SPDX-License-Identifier: Apache-2.0
//
// The main function of a test program that starts actors, for GoogleTest.
//
//     int main(int argc, char** argv) { return tractor::testing::run_all_tests(argc, argv); }
//
// A program that is made with tractor_add_test() of the CMake package has this one, unless it brings its own.

#pragma once

#include <gtest/gtest.h>

#include "tractor/runtime/root.hpp"
#include "tractor/testing/daemon_process.hpp"

namespace tractor::testing {

// First statement of main: the program is executed again for its fork server, for actors that are started with exec, and as the daemon of a
// test (daemon_of_modules). Then GoogleTest's own. Gives the exit status. Inline, so that the modules of the program are the ones that
// become known: it may be called in a static library that the program links, as all of the program's objects do, but not in a shared one.
[[nodiscard]] inline int run_all_tests(int argc, char** argv) {
  child_entry(argc, argv);
  if (const auto status = detail::run_as_daemon()) return *status;
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}

}  // namespace tractor::testing
