// SPDX-License-Identifier: Apache-2.0

#include "tractor/ipc/socket_file.hpp"

#include <gmock/gmock.h>

#include <fstream>

#include "tests/sc/socket_test.hpp"
#include "tractor/ipc/runtime_directory.hpp"

namespace tractor::ipc {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class socket_file : public test::socket_test {
 protected:
  void SetUp() override {
    socket_test::SetUp();
    if (const char* const set = std::getenv("XDG_RUNTIME_DIR")) before_ = set;
    ::setenv("XDG_RUNTIME_DIR", directory().c_str(), 1);
  }
  void TearDown() override {
    before_ ? ::setenv("XDG_RUNTIME_DIR", before_->c_str(), 1) : ::unsetenv("XDG_RUNTIME_DIR");
    fs::remove(directory() + "/tractor");
    socket_test::TearDown();
  }

 private:
  std::optional<std::string> before_;
};

// S-UDS-3
TEST_F(socket_file, plain_names_are_kept_with_the_pid) {
  EXPECT_EQ(socket_file_name("worker", 42, "/run"), "worker@42.sock");
  EXPECT_EQ(socket_file_name("with blanks and \xc3\xa4", 1, "/run"), "with blanks and \xc3\xa4@1.sock");
}

// S-UDS-4
TEST_F(socket_file, names_that_cannot_be_file_names_are_hashed) {
  EXPECT_EQ(socket_file_name("a/b", 42, "/run"), "actor.5e81c1f95afb12f7266d1a4de7271acc@42.sock");
  EXPECT_THAT(socket_file_name("/etc/passwd", 42, "/run"), ::testing::MatchesRegex("actor\\.[0-9a-f]{32}@42\\.sock"));
  EXPECT_THAT(socket_file_name(std::string_view("a\0b", 3), 42, "/run"), ::testing::MatchesRegex("actor\\.[0-9a-f]{32}@42\\.sock"));
}

// S-UDS-4
TEST_F(socket_file, names_are_kept_up_to_the_last_byte_that_fits) {
  const std::string dir = "/run/user/1000/tractor";
  const std::string longest(107 - dir.size() - 1 - std::string("@42.sock").size(), 'a');

  EXPECT_EQ(socket_file_name(longest, 42, dir), longest + "@42.sock");
  EXPECT_EQ((dir + "/" + socket_file_name(longest, 42, dir)).size(), 107u);
  EXPECT_THAT(socket_file_name(longest + "a", 42, dir), ::testing::MatchesRegex("actor\\.[0-9a-f]{32}@42\\.sock"));
}

// S-UDS-4
TEST_F(socket_file, naming_is_deterministic_and_tells_names_apart) {
  EXPECT_EQ(socket_file_name("a/b", 42, "/run"), socket_file_name("a/b", 42, "/run"));
  EXPECT_NE(socket_file_name("a/b", 42, "/run"), socket_file_name("a/c", 42, "/run"));
  EXPECT_NE(socket_file_name("a/b", 42, "/run"), socket_file_name("a/b", 43, "/run"));
}

// S-UDS-4
TEST_F(socket_file, directory_that_leaves_no_room_is_refused_with_the_numbers) {
  const std::string dir = "/" + std::string(70, 'd');
  try {
    static_cast<void>(socket_file_name("a/b", 42, dir));
    FAIL() << "a name was made";
  } catch (const address_error& refused) {
    EXPECT_THAT(refused.message(), HasSubstr(dir));
    EXPECT_THAT(refused.message(), HasSubstr("unsafe"));
    EXPECT_THAT(refused.message(), HasSubstr("actor.5e81c1f95afb12f7266d1a4de7271acc@42.sock"));
    EXPECT_THAT(refused.message(), HasSubstr("118 bytes of 107"));
  }
  EXPECT_THROW(static_cast<void>(socket_file_name(std::string(100, 'a'), 42, dir)), address_error);
}

// S-UDS-3
TEST_F(socket_file, names_without_a_runtime_carry_eight_digits) {
  EXPECT_EQ(name_without_runtime(true, 0x01f2e3d4), "no_runtime_root.01f2e3d4");
  EXPECT_EQ(name_without_runtime(false, 0xffffffff), "no_runtime_actor.ffffffff");
}

// S-UDS-1
TEST_F(socket_file, default_address_is_in_the_runtime_directory_which_is_made) {
  const uds_address where = default_uds_address("worker", 42);
  EXPECT_EQ(where.dir, directory() + "/tractor");
  EXPECT_EQ(where.file, "worker@42.sock");
  EXPECT_TRUE(fs::is_directory(where.dir));
}

TEST_F(socket_file, those_of_a_name_are_listed) {
  for (const char* name : {"worker", "worker.1", "a@worker"}) {
    const uds_address where = default_uds_address(name, 42);
    std::ofstream(where.path()) << "";
  }
  std::ofstream(directory() + "/tractor/worker@x.sock") << "";
  EXPECT_EQ(socket_files_named(directory() + "/tractor", "worker"), std::vector<std::string>{"worker@42.sock"});
  EXPECT_EQ(socket_files_named(directory() + "/tractor", "a@worker"), std::vector<std::string>{"a@worker@42.sock"});
  EXPECT_TRUE(socket_files_named(directory() + "/nowhere", "worker").empty());
  for (const auto& file : fs::directory_iterator(directory() + "/tractor")) fs::remove(file);
}

// S-UDS-10
TEST_F(socket_file, socket_of_a_dead_process_is_removed_by_its_name) {
  const uds_address where = default_uds_address("worker", 42);
  {
    // As kill -9 leaves it: bound, and nobody there.
    const auto listener = sc::listen_unix(directory() + "/s");
    fs::rename(directory() + "/s", where.path());
  }
  ASSERT_TRUE(fs::exists(where.path()));

  EXPECT_TRUE(remove_default_socket_of_dead("worker", 42));
  EXPECT_FALSE(fs::exists(where.path()));
  EXPECT_FALSE(remove_default_socket_of_dead("worker", 42)) << "it is gone already";
}

// S-UDS-10
TEST_F(socket_file, what_is_no_socket_is_not_removed) {
  const uds_address where = default_uds_address("worker", 42);
  std::ofstream(where.path()) << "precious";
  EXPECT_FALSE(remove_socket_of_dead(where));
  EXPECT_TRUE(fs::exists(where.path()));
  fs::remove(where.path());
}

// S-UDS-10
TEST_F(socket_file, name_without_a_file_is_skipped) {
  const std::string deep = directory() + "/" + std::string(60, 'd');
  ::setenv("XDG_RUNTIME_DIR", deep.c_str(), 1);
  EXPECT_FALSE(remove_default_socket_of_dead(std::string(100, 'a'), 42));
  EXPECT_FALSE(fs::exists(deep)) << "looking makes nothing";
}

}  // namespace
}  // namespace tractor::ipc
