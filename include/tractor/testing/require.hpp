// SPDX-License-Identifier: Apache-2.0
//
// What ends a test that is a coroutine, for GoogleTest: the ASSERT_ macros and GTEST_SKIP return, which a coroutine cannot.

#pragma once

#include <gtest/gtest.h>

// Ends the coroutine it stands in, a task<>, when `condition` does not hold; in the test's body, the test.
#define TRACTOR_REQUIRE(condition)               \
  if (!(condition)) {                            \
    ADD_FAILURE() << "required: " << #condition; \
    co_return;                                   \
  }                                              \
  static_assert(true)

// Ends the body of a test, as skipped, when `condition` holds:
//
//     TRACTOR_SKIP_IF(kit::start_method() == start_method::exec, "counts pages that are shared with the fork server");
#define TRACTOR_SKIP_IF(condition, why)              \
  if (condition) {                                   \
    [&] { GTEST_SKIP() << "skipped: " << (why); }(); \
    co_return;                                       \
  }                                                  \
  static_assert(true)
