// SPDX-License-Identifier: Apache-2.0
//
// The fixture itself: a test that leaves something behind fails, once, with a sentence that says what; one that does not passes.

#include "tractor/testing/process_fixture.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tractor/base/fd.hpp"
#include "tractor/ipc/runtime_directory.hpp"

namespace {

using tractor::unique_fd;

// A test in the hands of a test.
class inner_test : public tractor::testing::process_fixture {
 public:
  inner_test() { SetUp(); }
  void end() { TearDown(); }
  using process_fixture::left_behind;

 private:
  void TestBody() override {}
};

// A child that waits to be killed.
pid_t fork_child() {
  const pid_t pid = ::fork();
  if (pid == 0)
    for (;;) ::pause();
  return pid;
}

void end_child(pid_t pid) {
  ::kill(pid, SIGKILL);
  EXPECT_EQ(pid, ::waitpid(pid, nullptr, 0));
}

TEST(process_fixture, test_that_leaves_nothing_passes) {
  inner_test inner;
  {
    const unique_fd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    std::thread([] {}).join();
    end_child(fork_child());
    std::ofstream(inner.left_behind().temporary_directory() + "/scratch") << "text";
    std::remove((inner.left_behind().temporary_directory() + "/scratch").c_str());
    EXPECT_EQ(inner.left_behind().runtime_directory() + "/tractor", tractor::ipc::runtime_directory());
  }
  inner.end();
}

TEST(process_fixture, living_child_fails_the_test) {
  inner_test inner;
  const pid_t pid = fork_child();

  EXPECT_NONFATAL_FAILURE(inner.end(), "child process " + std::to_string(pid));

  end_child(pid);
}

TEST(process_fixture, zombie_fails_the_test) {
  inner_test inner;
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(0);

  EXPECT_NONFATAL_FAILURE(inner.end(), "is a zombie: nobody waited for it");

  EXPECT_EQ(pid, ::waitpid(pid, nullptr, 0));
}

// A child that is gone may have left children of its own.
TEST(process_fixture, orphan_of_a_dead_child_fails_the_test) {
  inner_test inner;
  const pid_t child = ::fork();
  if (child == 0) {
    fork_child();
    ::_exit(0);
  }
  EXPECT_EQ(child, ::waitpid(child, nullptr, 0));

  const auto leaks = inner.left_behind().leaks();
  EXPECT_NONFATAL_FAILURE(inner.end(), "is alive");

  ASSERT_EQ(1U, leaks.size());
  end_child(std::stoi(leaks[0].substr(leaks[0].find_first_of("0123456789"))));
}

TEST(process_fixture, open_descriptor_fails_the_test) {
  inner_test inner;
  const unique_fd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));

  EXPECT_NONFATAL_FAILURE(inner.end(), "(/dev/null) is open");
}

TEST(process_fixture, inherited_file_that_somebody_removes_is_no_leak) {
  std::string path = ::testing::TempDir() + "/inherited-XXXXXX";
  const unique_fd file(::mkostemp(path.data(), O_CLOEXEC));
  ASSERT_TRUE(file);
  inner_test inner;
  ASSERT_EQ(0, ::unlink(path.c_str()));
  inner.end();
}

TEST(process_fixture, socket_file_fails_the_test) {
  inner_test inner;
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const std::string path = tractor::ipc::runtime_directory() + "/lost@1.sock";
  path.copy(name.sun_path, sizeof(name.sun_path) - 1);
  {
    const unique_fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(0, ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)));
  }

  EXPECT_NONFATAL_FAILURE(inner.end(), "lost@1.sock in the runtime directory");
}

// All tests of the machine see it: it must be gone before the grace of any of them is over.
TEST(process_fixture, segment_fails_the_test) {
  const tractor::testing::leak_check check(std::chrono::milliseconds(1));
  const std::string name = "/tractor-fixture-test-" + std::to_string(::getpid());
  {
    const unique_fd segment(::shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  }

  const std::vector<std::string> leaks = check.leaks();
  EXPECT_EQ(0, ::shm_unlink(name.c_str()));

  EXPECT_THAT(leaks, ::testing::Contains(::testing::HasSubstr("shared-memory segment /dev/shm" + name)));
}

TEST(process_fixture, temporary_file_fails_the_test) {
  inner_test inner;
  std::string path = std::string(std::getenv("TMPDIR")) + "/scratch-XXXXXX";
  {
    const unique_fd file(::mkstemp(path.data()));
  }

  EXPECT_NONFATAL_FAILURE(inner.end(), "temporary file " + path);

  EXPECT_NE(0, ::access(path.c_str(), F_OK)) << "the fixture's directory is removed with everything in it";
}

// S-HNG-2
TEST(process_fixture, thread_fails_the_test) {
  inner_test inner;
  std::mutex mutex;
  std::condition_variable changed;
  bool end = false;
  std::thread thread([&] {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return end; });
  });

  EXPECT_NONFATAL_FAILURE(inner.end(), " runs");

  {
    const std::scoped_lock lock(mutex);
    end = true;
  }
  changed.notify_all();
  thread.join();
}

TEST(process_fixture, every_leak_is_a_failure_of_its_own) {
  inner_test inner;
  const unique_fd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  std::ofstream(std::string(std::getenv("TMPDIR")) + "/scratch") << "text";

  std::vector<std::string> leaks = inner.left_behind().leaks();
  std::erase_if(leaks, [](const std::string& leak) { return leak.find("shared-memory segment") != std::string::npos; });  // of another test
  EXPECT_THAT(leaks, ::testing::SizeIs(2));
}

TEST(process_fixture, environment_is_restored) {
  ::setenv("TMPDIR", "/tmp", 1);
  ::unsetenv("XDG_RUNTIME_DIR");
  {
    inner_test inner;
    EXPECT_STRNE("/tmp", std::getenv("TMPDIR"));
    inner.end();
  }
  EXPECT_STREQ("/tmp", std::getenv("TMPDIR"));
  EXPECT_EQ(nullptr, std::getenv("XDG_RUNTIME_DIR"));
}

}  // namespace
