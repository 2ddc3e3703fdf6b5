// SPDX-License-Identifier: Apache-2.0

#include "tractor/base/fd.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <type_traits>
#include <utility>

namespace {

using tractor::check_syscall;
using tractor::os_error;
using tractor::retry_eintr;
using tractor::unique_fd;

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

unique_fd open_null() { return unique_fd(check_syscall(::open("/dev/null", O_RDONLY | O_CLOEXEC), "open(/dev/null)")); }

TEST(unique_fd, default_constructed_is_empty) {
  const unique_fd fd;

  EXPECT_FALSE(fd);
  EXPECT_EQ(fd.get(), -1);
}

TEST(unique_fd, destructor_closes) {
  int number = -1;
  {
    const unique_fd fd = open_null();
    number = fd.get();
    ASSERT_TRUE(is_open(number));
  }

  EXPECT_FALSE(is_open(number));
}

TEST(unique_fd, move_leaves_the_source_empty_and_the_descriptor_open) {
  static_assert(!std::is_copy_constructible_v<unique_fd> && !std::is_copy_assignable_v<unique_fd>);
  unique_fd source = open_null();
  const int number = source.get();

  const unique_fd target = std::move(source);

  EXPECT_EQ(target.get(), number);
  EXPECT_TRUE(is_open(number));
  EXPECT_FALSE(source);  // NOLINT(bugprone-use-after-move): the state after a move is what is tested
}

TEST(unique_fd, move_assignment_closes_what_was_held) {
  unique_fd first = open_null();
  unique_fd second = open_null();
  const int held = first.get(), taken = second.get();

  first = std::move(second);

  EXPECT_FALSE(is_open(held));
  EXPECT_EQ(first.get(), taken);
  EXPECT_TRUE(is_open(taken));
}

TEST(unique_fd, move_assignment_to_itself_keeps_the_descriptor) {
  unique_fd fd = open_null();
  const int number = fd.get();
  unique_fd& alias = fd;

  fd = std::move(alias);

  EXPECT_EQ(fd.get(), number);
  EXPECT_TRUE(is_open(number));
}

TEST(unique_fd, release_gives_up_without_closing) {
  unique_fd fd = open_null();

  const unique_fd kept(fd.release());

  EXPECT_FALSE(fd);
  EXPECT_TRUE(is_open(kept.get()));
}

TEST(unique_fd, reset_closes_and_takes_the_new_one) {
  unique_fd fd = open_null();
  const int old = fd.get();
  unique_fd next = open_null();
  const int number = next.get();

  fd.reset(next.release());

  EXPECT_EQ(fd.get(), number);
  EXPECT_FALSE(is_open(old));
}

TEST(check_syscall, success_returns_the_result) { EXPECT_EQ(check_syscall(7, "read"), 7); }

TEST(check_syscall, failure_throws_what_was_tried_with_the_errno) {
  try {
    check_syscall(::open("/nonexistent/file", O_RDONLY | O_CLOEXEC), "open(/nonexistent/file)");
    FAIL() << "no error";
  } catch (const os_error& e) {
    EXPECT_EQ(e.errno_value(), ENOENT);
    EXPECT_STREQ(e.what(), "open(/nonexistent/file): No such file or directory [ENOENT]");
  }
}

TEST(retry_eintr, interrupted_call_is_repeated_until_it_answers) {
  int calls = 0;

  const int result = retry_eintr([&] {
    if (++calls < 3) {
      errno = EINTR;
      return -1;
    }
    return 42;
  });

  EXPECT_EQ(result, 42);
  EXPECT_EQ(calls, 3);
}

TEST(retry_eintr, other_failure_is_returned_at_once) {
  int calls = 0;

  const int result = retry_eintr([&] {
    ++calls;
    errno = EBADF;
    return -1;
  });

  EXPECT_EQ(result, -1);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(errno, EBADF);
}

}  // namespace
