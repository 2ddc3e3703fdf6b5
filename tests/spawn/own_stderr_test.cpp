// SPDX-License-Identifier: Apache-2.0
//
// Writes to a stderr that nobody reads, of every kind: none waits, none changes the flags that other programs share.

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <termios.h>

#include "process_test.hpp"
#include "spawn/own_stderr.hpp"
#include "stderr_pipe.hpp"

using tractor::unique_fd;
using tractor::spawn::detail::write_to_stderr;
using tractor::spawn::detail::write_to_stderr_now;
using namespace spawn_test;

namespace {

// stderr is one end, the other one can be read.
struct two_ends {
  unique_fd near, far;
};

two_ends open_pipe() {
  int ends[2];
  EXPECT_EQ(0, ::pipe2(ends, O_CLOEXEC));
  return {unique_fd(ends[1]), unique_fd(ends[0])};
}

two_ends open_socket() {
  int ends[2];
  EXPECT_EQ(0, ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
  return {unique_fd(ends[1]), unique_fd(ends[0])};
}

two_ends open_terminal() {
  unique_fd far(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  EXPECT_EQ(0, ::grantpt(far.get()) | ::unlockpt(far.get()));
  unique_fd near(::open(::ptsname(far.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  termios raw{};
  ::tcgetattr(near.get(), &raw);
  ::cfmakeraw(&raw);
  ::tcsetattr(near.get(), TCSANOW, &raw);
  return {std::move(near), std::move(far)};
}

class own_stderr_test : public process_test {
 protected:
  void SetUp() override {
    process_test::SetUp();
    before_.reset(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
  }
  void TearDown() override {
    ::dup2(before_.get(), STDERR_FILENO);
    before_.reset();
    process_test::TearDown();
  }

 private:
  unique_fd before_;
};

std::size_t write_until_full() {
  const std::string page(4096, 'x');
  std::size_t written = 0;
  for (ssize_t some = 0; (some = write_to_stderr_now(page)) > 0;) written += static_cast<std::size_t>(some);
  return written;
}

// A terminal makes room behind the writer's back, when the kernel has moved what it holds.
void expect_never_waits(const two_ends& ends, bool stays_full = true) {
  EXPECT_EQ(STDERR_FILENO, ::dup2(ends.near.get(), STDERR_FILENO));
  const int flags = ::fcntl(STDERR_FILENO, F_GETFL);

  const std::size_t written = write_until_full();

  EXPECT_LT(0U, written);
  if (stays_full) {
    EXPECT_EQ(0, write_to_stderr_now("more"));
    EXPECT_EQ(0U, write_to_stderr("more", 1));
  }
  std::string read(written, ' ');
  for (std::size_t at = 0; at < written;) {
    const ssize_t some = ::read(ends.far.get(), read.data() + at, written - at);
    if (some <= 0) break;
    at += static_cast<std::size_t>(some);
  }
  EXPECT_EQ(std::string(written, 'x'), read);
  EXPECT_EQ(4U, write_to_stderr("more", patience_ms));
  EXPECT_EQ(flags, ::fcntl(STDERR_FILENO, F_GETFL));
}

TEST_F(own_stderr_test, pipe_that_is_full_is_not_waited_for) { expect_never_waits(open_pipe()); }
TEST_F(own_stderr_test, socket_that_is_full_is_not_waited_for) { expect_never_waits(open_socket()); }
TEST_F(own_stderr_test, terminal_that_is_full_is_not_waited_for) { expect_never_waits(open_terminal(), false); }

// As where it is another user's.
TEST_F(own_stderr_test, pipe_that_cannot_be_opened_again_is_not_waited_for) {
  const two_ends pipe = open_pipe();
  rlimit before;
  ASSERT_EQ(0, ::getrlimit(RLIMIT_NOFILE, &before));
  const rlimit none{1, before.rlim_max};  // stdin has that one
  EXPECT_EQ(STDERR_FILENO, ::dup2(pipe.near.get(), STDERR_FILENO));
  ASSERT_EQ(0, ::setrlimit(RLIMIT_NOFILE, &none));

  const std::size_t written = write_until_full();

  ASSERT_EQ(0, ::setrlimit(RLIMIT_NOFILE, &before));
  EXPECT_LT(0U, written);
  EXPECT_EQ(0U, written % 4096);
  EXPECT_EQ(0, write_to_stderr_now("more"));
}

TEST_F(own_stderr_test, what_is_closed_takes_nothing_and_is_not_waited_for) {
  ::close(STDERR_FILENO);

  EXPECT_EQ(-1, write_to_stderr_now("more"));
  EXPECT_EQ(4U, write_to_stderr("more", 1'000'000));
}

}  // namespace
