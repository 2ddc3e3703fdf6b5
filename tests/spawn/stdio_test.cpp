// SPDX-License-Identifier: Apache-2.0
//
// Standard descriptors that are closed, when the program starts or later on.

#include <spawn.h>

#include "process_test.hpp"
#include "stdio_report.hpp"

using namespace tractor::spawn;
using namespace spawn_test;

namespace {

using stdio_test = process_test;

std::string target_of(const std::string& process, int fd) {
  return std::filesystem::read_symlink("/proc/" + process + "/fd/" + std::to_string(fd)).string();
}

TEST_F(stdio_test, program_started_without_standard_descriptors_has_null_devices) {
  int ends[2];
  ASSERT_EQ(0, ::pipe2(ends, O_CLOEXEC));
  const tractor::unique_fd report(ends[0]);
  tractor::unique_fd reported(ends[1]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, reported.get(), stdio_report_fd);
  for (const int fd : {0, 1, 2}) ::posix_spawn_file_actions_addclose(&actions, fd);
  std::string self("spawn_tests"), argument(stdio_report_argument);
  char* const arguments[] = {self.data(), argument.data(), nullptr};
  pid_t pid = -1;

  ASSERT_EQ(0, ::posix_spawn(&pid, "/proc/self/exe", &actions, nullptr, arguments, environ));

  ::posix_spawn_file_actions_destroy(&actions);
  reported.reset();
  EXPECT_EQ("/dev/null\n/dev/null\n/dev/null\n", read_all(report.get()));
  EXPECT_EQ(pid, ::waitpid(pid, nullptr, 0));
}

// The number is free for anything of the program's own by then.
TEST_F(stdio_test, stderr_that_exec_would_close_is_not_the_servers) {
  const int flags = ::fcntl(STDERR_FILENO, F_GETFD);
  ::fcntl(STDERR_FILENO, F_SETFD, FD_CLOEXEC);
  requester parent;
  started_child child = parent.start(start_method::forkserver, "hello");
  ::fcntl(STDERR_FILENO, F_SETFD, flags);

  EXPECT_EQ("/dev/null", target_of(std::to_string(parent.server.server_pid()), STDERR_FILENO));

  EXPECT_EQ("hello", read_line(child.ends.link.get()));
  child.ends.link.reset();
  EXPECT_TRUE(parent.await_death(child).clean());
}

}  // namespace
