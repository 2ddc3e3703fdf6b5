// SPDX-License-Identifier: Apache-2.0
//
// A child's world is its requester's at the moment of the call, the same under both backends.

#include <algorithm>
#include <sstream>

#include "process_test.hpp"

using namespace tractor::spawn;
using namespace spawn_test;

namespace {

class world_test : public process_test {
 protected:
  void SetUp() override {
    process_test::SetUp();
    directory_ = ::testing::TempDir() + "tractor-world-" + std::to_string(::getpid());
    std::filesystem::create_directory(directory_);
  }
  void TearDown() override {
    std::filesystem::remove_all(directory_);
    process_test::TearDown();
  }

  // What a forked and what an executed child of a requester said that had changed its own world.
  std::pair<std::string, std::string> reports(std::vector<environment_override> environment = {}) {
    requester parent;
    const std::string role = "compare " + directory_;
    started_child comparing =
        parent.start(start_method::exec, {.name = "w", .boot = std::as_bytes(std::span(role)), .environment = std::move(environment)});
    const auto report = [&] {
      std::string text;
      for (std::optional<std::string> line; (line = read_line(comparing.ends.link.get())) && *line != "end";) text += *line + "\n";
      return text;
    };
    const std::string forked = report(), executed = report();
    EXPECT_EQ("", read_all(comparing.ends.stderr_read.get()));
    EXPECT_TRUE(parent.await_death(comparing).clean());
    return {forked, executed};
  }

  std::string directory_;
};

// S-RT-21
TEST_F(world_test, both_backends_give_the_same) {
  const auto [forked, executed] = reports();

  EXPECT_EQ(forked, executed);
  EXPECT_GT(std::ranges::count(forked, '\n'), 30);
}

TEST_F(world_test, child_has_what_its_requester_has_at_the_call) {
  const auto [forked, executed] = reports();

  for (const std::string& report : {forked, executed}) {
    const auto expect_line = [&](const std::string& line) {
      EXPECT_NE(std::string::npos, ("\n" + report).find("\n" + line)) << line << "\nin\n" << report;
    };
    expect_line("cwd " + directory_ + "\n");
    expect_line("env TRACTOR_TEST_NEW=after the server started\n");
    EXPECT_EQ(std::string::npos, report.find("TRACTOR_TEST_OLD"));
    expect_line("Umask:\t0137\n");
    expect_line("limit 7 200 ");
    expect_line("policy 0 nice 3\n");
    expect_line("SigBlk:\t0000000000000000\n");
    expect_line("SigIgn:\t0000000000000000\n");
    expect_line("fd 0 /dev/null ");
    expect_line("fd 1 " + directory_ + "/stdout.txt flags 102001 cloexec 0\n");
    expect_line("fd 2 pipe flags 4001 cloexec 0\n");
    expect_line("fd 3 socket flags 4002 cloexec 1\n");
    expect_line("fd 4 socket flags 4002 cloexec 1\n");
    EXPECT_EQ(std::string::npos, report.find("\nfd 5 "));
    EXPECT_NE(std::string::npos, report.find(" death signal 9 subreaper 0 ")) << report;
    expect_line("title _subactor[worker@PID]\n");
    expect_line("comm _subactor[worke\n");
  }
}

TEST_F(world_test, descriptor_opened_before_main_is_kept_and_no_other) {
  const auto [forked, executed] = reports({{"TRACTOR_TEST_OPEN", "1"}});

  EXPECT_EQ(forked, executed);
  EXPECT_NE(std::string::npos, forked.find("\nfd 6 /dev/null flags 100000 cloexec 1\n")) << forked;
  for (const char* other : {"\nfd 5 ", "\nfd 7 ", "\nfd 8 ", "\nfd 9 "}) EXPECT_EQ(std::string::npos, forked.find(other)) << forked;
}

// Nothing of this process reaches a child by having been there when the server started.
TEST_F(world_test, requester_sees_its_own_changes_follow_at_every_request) {
  requester parent;
  const std::filesystem::path before = std::filesystem::current_path();
  for (const std::string& where : {directory_, before.string(), directory_}) {
    std::filesystem::current_path(where);
    started_child child = parent.start(start_method::forkserver, "describe");
    const std::string report = read_all(child.ends.link.get());
    EXPECT_NE(std::string::npos, report.find("cwd " + where + "\n")) << report;
    EXPECT_TRUE(parent.await_death(child).clean());
  }
  std::filesystem::current_path(before);
}

// Not with exec here: a test program refuses to begin in such a directory.
TEST_F(world_test, deleted_working_directory_is_inherited_too) {
  requester parent;
  parent.server.start();
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::create_directory(directory_ + "/gone");
  std::filesystem::current_path(directory_ + "/gone");
  std::filesystem::remove(directory_ + "/gone");

  started_child child = parent.start(start_method::forkserver, "describe");

  const std::string report = read_all(child.ends.link.get());
  EXPECT_NE(std::string::npos, report.find("cwd " + directory_ + "/gone (deleted)\n")) << report;
  EXPECT_TRUE(parent.await_death(child).clean());
  std::filesystem::current_path(before);
}

}  // namespace
