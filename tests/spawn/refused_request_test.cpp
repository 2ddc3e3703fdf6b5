// SPDX-License-Identifier: Apache-2.0
//
// Requests that the fork server refuses or that cannot be sent: no later child is given a world that is not its requester's.

#include <sys/socket.h>

#include <csignal>

#include "descriptor_limit.hpp"
#include "process_test.hpp"
#include "spawn/program.hpp"
#include "spawn/server_link.hpp"
#include "tractor/base/error.hpp"

using namespace tractor::spawn;
using namespace spawn_test;

namespace {

class refused_request_test : public process_test {
 protected:
  void SetUp() override {
    process_test::SetUp();
    before_ = std::filesystem::current_path();
    directory_ = ::testing::TempDir() + "tractor-refused-" + std::to_string(::getpid());
    std::filesystem::create_directory(directory_);
  }
  void TearDown() override {
    std::filesystem::current_path(before_);
    ::unsetenv("TRACTOR_TEST_NEW");
    std::filesystem::remove_all(directory_);
    process_test::TearDown();
  }

  // What this process has: directory and environment of a child started now.
  static void expect_own_world(requester& parent) {
    started_child child = parent.start(start_method::forkserver, "describe");
    const std::string report = read_all(child.ends.link.get());
    EXPECT_NE(std::string::npos, report.find("cwd " + std::filesystem::current_path().string() + "\n")) << report;
    EXPECT_EQ(::getenv("TRACTOR_TEST_NEW") != nullptr, report.find("\nenv TRACTOR_TEST_NEW=") != std::string::npos) << report;
    EXPECT_TRUE(parent.await_death(child).clean());
  }
  void change_own_world() {
    std::filesystem::current_path(directory_);
    ::setenv("TRACTOR_TEST_NEW", std::string(20'000, 'x').c_str(), 1);  // more than goes into a message: one descriptor more
  }

  std::filesystem::path before_;
  std::string directory_;
};

spawn_request asking(std::string_view boot) { return {.name = "w", .boot = std::as_bytes(std::span(boot))}; }

TEST_F(refused_request_test, world_that_was_refused_is_told_again) {
  requester parent;
  expect_own_world(parent);
  change_own_world();
  {
    const descriptor_limit none(parent.server.server_pid(), 0);
    EXPECT_THROW(parent.start(start_method::forkserver, "end 0"), std::runtime_error);
  }

  expect_own_world(parent);
}

// The second was sent before the first was refused, and tells nothing, because the first did. It needs fewer descriptors: it could be
// served.
TEST_F(refused_request_test, request_that_builds_on_a_refused_one_is_refused_for_the_same_reason) {
  requester parent;
  expect_own_world(parent);
  const pid_t server = parent.server.server_pid();
  ASSERT_EQ(0, ::kill(server, SIGSTOP));
  change_own_world();
  const auto first = parent.server.request(asking("end 0")), second = parent.server.request(asking("end 0"));
  {
    const descriptor_limit three_and_a_pidfd(server, count_descriptors(std::to_string(server)) + 4);
    ASSERT_EQ(0, ::kill(server, SIGCONT));
    const std::string why = parent.await_event<failed_event>(first.ticket).text;
    EXPECT_NE(std::string::npos, why.find("receiving the descriptors of the request")) << why;
    EXPECT_EQ(why, parent.await_event<failed_event>(second.ticket).text);
  }

  expect_own_world(parent);
}

TEST_F(refused_request_test, environment_beyond_the_bound_is_an_error_and_later_requests_are_right) {
  requester parent;
  expect_own_world(parent);
  change_own_world();
  ::setenv("TRACTOR_TEST_BIG", std::string(environment_bytes_max, 'x').c_str(), 1);
  EXPECT_THROW(static_cast<void>(parent.server.request(asking("end 0"))), tractor::usage_error);
  ::unsetenv("TRACTOR_TEST_BIG");

  expect_own_world(parent);
}

// The socket's buffer becomes smaller than a message that waits for room in it: an error that is of the moment, with nothing to wait for.
TEST_F(refused_request_test, queued_request_that_cannot_be_sent_fails_and_is_not_forgotten) {
  requester parent;
  expect_own_world(parent);
  ASSERT_EQ(0, ::kill(parent.server.server_pid(), SIGSTOP));
  const std::string boot = "end 0 " + std::string(15'000, 'x');
  std::vector<fork_server_client::requested> sent;
  while (!parent.server.wants_write()) sent.push_back(parent.server.request(asking(boot)));
  change_own_world();
  std::vector<fork_server_client::requested> queued;
  queued.push_back(std::move(sent.back()));
  sent.pop_back();
  queued.push_back(parent.server.request(asking(boot)));
  int bytes = 0;
  socklen_t size = sizeof(bytes);
  ASSERT_EQ(0, ::getsockopt(parent.server.fd(), SOL_SOCKET, SO_SNDBUF, &bytes, &size));
  const int small = 1;
  ASSERT_EQ(0, ::setsockopt(parent.server.fd(), SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)));

  ASSERT_EQ(0, ::kill(parent.server.server_pid(), SIGCONT));

  for (const auto& one : sent) EXPECT_TRUE(parent.await_event<exited_event>(one.ticket).certificate.clean());
  for (const auto& one : queued) EXPECT_EQ(EMSGSIZE, parent.await_event<failed_event>(one.ticket).errno_value);
  EXPECT_FALSE(parent.server.wants_write());
  const int half = bytes / 2;  // the kernel doubles it
  ASSERT_EQ(0, ::setsockopt(parent.server.fd(), SOL_SOCKET, SO_SNDBUF, &half, sizeof(half)));
  expect_own_world(parent);
}

TEST_F(refused_request_test, introduction_that_cannot_be_sent_is_an_error_and_only_a_missing_reader_means_gone) {
  int ends[2];
  ASSERT_EQ(0, ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends));
  const tractor::unique_fd ours(ends[0]);
  ::close(ends[1]);
  EXPECT_FALSE(tractor::spawn::detail::server_link::introduce(ours.get()).has_value());

  const tractor::unique_fd no_socket(::open("/dev/null", O_RDWR | O_CLOEXEC));
  EXPECT_THROW(static_cast<void>(tractor::spawn::detail::server_link::introduce(no_socket.get())), tractor::os_error);
}

#if !defined(__has_feature)
#define TRACTOR_TEST_MEMORY_CAN_BE_LIMITED 1
#elif !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
#define TRACTOR_TEST_MEMORY_CAN_BE_LIMITED 1
#endif

// Not another fork server, which would go on serving with this one's descriptors.
TEST_F(refused_request_test, child_without_memory_to_be_set_up_ends) {
#ifndef TRACTOR_TEST_MEMORY_CAN_BE_LIMITED
  GTEST_SKIP() << "a sanitizer ends a process that has no memory left";
#else
  requester parent;
  expect_own_world(parent);
  const pid_t server = parent.server.server_pid();
  std::size_t pages = 0;
  std::ifstream("/proc/" + std::to_string(server) + "/statm") >> pages;
  rlimit before;
  ASSERT_EQ(0, ::prlimit(server, RLIMIT_AS, nullptr, &before));
  const rlimit tight{pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) + 256 * 1024, before.rlim_max};
  ASSERT_EQ(0, ::prlimit(server, RLIMIT_AS, &tight, nullptr));
  spawn_request request = asking("end 0");
  request.environment = {{"BIG", std::string(3 * 1024 * 1024, 'x')}};
  const auto asked = parent.server.request(request);

  EXPECT_EQ("exit status 127", parent.await_event<exited_event>(asked.ticket).certificate.text());

  const std::string said = read_all(asked.ends.stderr_read.get());
  EXPECT_NE(std::string::npos, said.find("setting up a new actor: Cannot allocate memory")) << said;
  ASSERT_EQ(0, ::prlimit(server, RLIMIT_AS, &before, nullptr));
  expect_own_world(parent);
#endif
}

TEST_F(refused_request_test, executed_child_that_is_abandoned_is_gone) {
  const std::string boot = "spin";
  exec_child child = exec_spawn(asking(boot));
  EXPECT_TRUE(read_line(child.ends.link.get()));

  child.abandon();

  EXPECT_TRUE(ended(child.pidfd.get()));
  EXPECT_EQ(-1, ::waitpid(child.pid, nullptr, WNOHANG));
}

}  // namespace
