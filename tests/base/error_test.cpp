// SPDX-License-Identifier: Apache-2.0

#include "tractor/base/error.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <type_traits>

#include "tractor/version.hpp"

namespace {

using tractor::error;
using tractor::error_category;
using tractor::os_error;
using tractor::usage_error;

TEST(error, message_and_category_are_kept) {
  const error e("the peer left", error_category::disconnected);

  EXPECT_STREQ(e.what(), "the peer left");
  EXPECT_EQ(e.message(), "the peer left");
  EXPECT_EQ(e.category(), error_category::disconnected);
}

TEST(error, without_category_is_failed) { EXPECT_EQ(error("x").category(), error_category::failed); }

TEST(error, copy_is_independent_of_the_original) {
  error original("first");
  const error copy = original;

  original = error("second", error_category::overloaded);

  EXPECT_STREQ(copy.what(), "first");
  EXPECT_EQ(copy.category(), error_category::failed);
  EXPECT_STREQ(original.what(), "second");
  EXPECT_EQ(original.category(), error_category::overloaded);
}

TEST(error, usage_error_is_caught_as_error_and_as_std_exception) {
  static_assert(std::is_base_of_v<std::exception, error>);

  try {
    throw usage_error("start_actor() called twice with the name \"a\"");
  } catch (const error& e) {
    EXPECT_EQ(e.category(), error_category::usage);
    EXPECT_STREQ(e.what(), "start_actor() called twice with the name \"a\"");
  }
}

TEST(error, every_category_has_its_own_name) {
  EXPECT_STREQ(to_string(error_category::failed), "failed");
  EXPECT_STREQ(to_string(error_category::disconnected), "disconnected");
  EXPECT_STREQ(to_string(error_category::overloaded), "overloaded");
  EXPECT_STREQ(to_string(error_category::unimplemented), "unimplemented");
  EXPECT_STREQ(to_string(error_category::protocol), "protocol");
  EXPECT_STREQ(to_string(error_category::usage), "usage");
}

TEST(os_error, message_names_what_was_tried_and_the_errno) {
  const os_error e("connect(/run/x.sock)", ENOENT);

  EXPECT_STREQ(e.what(), "connect(/run/x.sock): No such file or directory [ENOENT]");
  EXPECT_EQ(e.errno_value(), ENOENT);
  EXPECT_EQ(e.code(), std::errc::no_such_file_or_directory);
}

TEST(os_error, category_says_how_to_react) {
  for (const int gone : {EPIPE, ECONNRESET, ECONNABORTED, ENOTCONN, ESHUTDOWN})
    EXPECT_EQ(os_error("send", gone).category(), error_category::disconnected) << tractor::errno_name(gone);
  for (const int full : {EMFILE, ENFILE, ENOMEM, ENOBUFS, EAGAIN})
    EXPECT_EQ(os_error("open", full).category(), error_category::overloaded) << tractor::errno_name(full);
  for (const int unknown : {ENOSYS, EOPNOTSUPP})
    EXPECT_EQ(os_error("pidfd_open", unknown).category(), error_category::unimplemented) << tractor::errno_name(unknown);
  EXPECT_EQ(os_error("open", EACCES).category(), error_category::failed);
}

TEST(errno_name, unknown_number_is_printed_as_number) {
  EXPECT_EQ(tractor::errno_name(EINTR), "EINTR");
  EXPECT_EQ(tractor::errno_name(4711), "errno 4711");
}

// A broken invariant must stop the process whatever the build type, and say which one it was and where.
TEST(assertion_death_test, broken_invariant_aborts_with_reason_and_place) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  const int tasks = 3;

  EXPECT_DEATH(TRACTOR_ASSERT(tasks == 0, "a nursery ended with tasks"),
               "a nursery ended with tasks\n.*tasks == 0\n.*error_test.cpp:[0-9]+");
}

TEST(assertion, invariant_that_holds_has_no_effect) {
  int evaluated = 0;

  TRACTOR_ASSERT(++evaluated == 1, "evaluated once");

  EXPECT_EQ(evaluated, 1);
}

TEST(version, library_and_headers_agree) {
  const std::string numbers =
      std::to_string(TRACTOR_VERSION_MAJOR) + "." + std::to_string(TRACTOR_VERSION_MINOR) + "." + std::to_string(TRACTOR_VERSION_PATCH);

  EXPECT_EQ(numbers, TRACTOR_VERSION);
  EXPECT_STREQ(tractor::library_version(), TRACTOR_VERSION);
}

}  // namespace
