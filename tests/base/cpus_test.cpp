// SPDX-License-Identifier: Apache-2.0

#include "tractor/base/cpus.hpp"

#include <gtest/gtest.h>
#include <sched.h>

namespace {

TEST(cpus_test, pinned_thread_may_use_one) {
  cpu_set_t before;
  ASSERT_EQ(0, ::sched_getaffinity(0, sizeof before, &before));
  EXPECT_EQ(static_cast<unsigned>(CPU_COUNT(&before)), tractor::usable_cpus());
  cpu_set_t one;
  CPU_ZERO(&one);
  int first = 0;
  while (!CPU_ISSET(first, &before)) ++first;
  CPU_SET(first, &one);
  ASSERT_EQ(0, ::sched_setaffinity(0, sizeof one, &one));
  EXPECT_EQ(1U, tractor::usable_cpus());
  ASSERT_EQ(0, ::sched_setaffinity(0, sizeof before, &before));
}

}  // namespace
