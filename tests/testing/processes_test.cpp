// SPDX-License-Identifier: Apache-2.0

#include "testing/processes.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

namespace processes_test {

using tractor::testing::detail::file_contents;

// One of /proc is, when the process has died since it was opened.
TEST(processes, file_that_can_be_opened_and_not_read_is_empty) {
  ASSERT_EQ(0, ::access("/", R_OK));
  EXPECT_EQ("", file_contents("/"));
  EXPECT_EQ("", file_contents("/not/there"));
  EXPECT_NE("", file_contents("/proc/self/stat"));
}

}  // namespace processes_test
