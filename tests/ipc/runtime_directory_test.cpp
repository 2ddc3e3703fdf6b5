// SPDX-License-Identifier: Apache-2.0

#include "tractor/ipc/runtime_directory.hpp"

#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <fstream>

#include "tests/sc/socket_test.hpp"

namespace tractor::ipc {
namespace {

namespace fs = std::filesystem;

constexpr uid_t somebody_else = 65534;

class runtime_directory_test : public test::socket_test {
 protected:
  void TearDown() override {
    for (const auto& entry : fs::directory_iterator(directory())) fs::remove_all(entry.path());
    socket_test::TearDown();
  }
  [[nodiscard]] runtime_directory_source here() const {
    return {.xdg_runtime_dir = directory(), .run_user = directory() + "/run", .temporary = directory() + "/tmp", .uid = ::geteuid()};
  }
  [[nodiscard]] std::string refusal(const std::string& subdir = {}) const {
    try {
      runtime_directory(subdir, here());
    } catch (const os_error& refused) {
      EXPECT_EQ(refused.errno_value(), EPERM);
      return refused.message();
    }
    return "";
  }
  [[nodiscard]] static mode_t mode_of(const std::string& path) {
    struct stat found{};
    EXPECT_EQ(::stat(path.c_str(), &found), 0) << path;
    return found.st_mode & 07777;
  }
};

// S-RTD-1
TEST_F(runtime_directory_test, place_follows_the_environment_then_the_system_then_tmp) {
  runtime_directory_source from = here();
  EXPECT_EQ(runtime_directory_path(from), directory() + "/tractor");
  for (const char* const unusable : {"", "relative/path"}) {
    from.xdg_runtime_dir = unusable;
    EXPECT_EQ(runtime_directory_path(from), directory() + "/tmp/tractor-" + std::to_string(from.uid)) << unusable;
  }
  from.xdg_runtime_dir.reset();
  const std::string of_user = directory() + "/run/" + std::to_string(from.uid);
  fs::create_directories(of_user);
  EXPECT_EQ(runtime_directory_path(from), of_user + "/tractor");
}

// S-RTD-1
TEST_F(runtime_directory_test, this_process_has_its_user_and_its_environment) {
  const char* const before = std::getenv("XDG_RUNTIME_DIR");
  const std::string kept = before != nullptr ? before : "";
  ::setenv("XDG_RUNTIME_DIR", "/somewhere", 1);
  const auto from = runtime_directory_source::of_this_process();
  before != nullptr ? ::setenv("XDG_RUNTIME_DIR", kept.c_str(), 1) : ::unsetenv("XDG_RUNTIME_DIR");

  EXPECT_EQ(from.xdg_runtime_dir, "/somewhere");
  EXPECT_EQ(from.uid, ::geteuid());
  EXPECT_EQ(from.run_user, "/run/user");
  EXPECT_EQ(from.temporary, "/tmp");
}

// S-RTD-1
TEST_F(runtime_directory_test, directory_is_made_private_whatever_the_umask) {
  const mode_t before = ::umask(0777);
  const std::string made = runtime_directory({}, here());
  ::umask(before);
  EXPECT_EQ(made, directory() + "/tractor");
  EXPECT_EQ(mode_of(made), 0700u);
}

// S-RTD-2
TEST_F(runtime_directory_test, own_directory_that_is_open_to_others_is_closed_to_them) {
  fs::create_directory(file("tractor"));
  for (const mode_t mode : {0777u, 01777u, 0000u, 0500u}) {
    ASSERT_EQ(::chmod(file("tractor").c_str(), mode), 0);
    runtime_directory({}, here());
    EXPECT_EQ(mode_of(file("tractor")), 0700u) << mode;
  }
}

TEST_F(runtime_directory_test, directory_that_is_right_already_is_used_again) {
  EXPECT_EQ(runtime_directory({}, here()), runtime_directory({}, here()));
}

// S-RTD-2
TEST_F(runtime_directory_test, directory_of_somebody_else_is_refused_and_left_alone) {
  if (::geteuid() != 0) GTEST_SKIP() << "giving a directory to somebody else needs root";
  fs::create_directory(file("tractor"));
  ASSERT_EQ(::chmod(file("tractor").c_str(), 0755), 0);
  ASSERT_EQ(::chown(file("tractor").c_str(), somebody_else, somebody_else), 0);

  EXPECT_EQ(refusal(),
            "unsafe runtime directory " + file("tractor") + ": it belongs to uid 65534, not to uid 0: Operation not permitted [EPERM]");
  EXPECT_EQ(mode_of(file("tractor")), 0755u);
}

// S-RTD-2
TEST_F(runtime_directory_test, symbolic_link_is_refused_and_not_followed) {
  fs::create_directory(file("target"));
  ASSERT_EQ(::chmod(file("target").c_str(), 0755), 0);
  fs::create_directory_symlink(file("target"), file("tractor"));

  EXPECT_EQ(refusal(), "unsafe runtime directory " + file("tractor") + ": it is a symbolic link: Operation not permitted [EPERM]");
  EXPECT_EQ(mode_of(file("target")), 0755u);
}

// S-RTD-2
TEST_F(runtime_directory_test, what_is_no_directory_is_refused) {
  std::ofstream(file("tractor")) << "precious";
  EXPECT_THAT(refusal(), ::testing::HasSubstr("it is a file, not a directory"));
  fs::remove(file("tractor"));
  ASSERT_EQ(::mkfifo(file("tractor").c_str(), 0600), 0);
  EXPECT_THAT(refusal(), ::testing::HasSubstr("it is not a directory"));
}

// S-RTD-3
TEST_F(runtime_directory_test, subdirectories_are_made_and_checked_one_by_one) {
  EXPECT_EQ(runtime_directory("a/b", here()), file("tractor/a/b"));
  EXPECT_EQ(mode_of(file("tractor/a")), 0700u);
  EXPECT_EQ(mode_of(file("tractor/a/b")), 0700u);
  EXPECT_EQ(runtime_directory("./a//b/", here()), file("tractor/a/b"));
}

// S-RTD-3
TEST_F(runtime_directory_test, link_on_the_way_is_refused_before_anything_is_made_behind_it) {
  fs::create_directory(file("target"));
  runtime_directory({}, here());
  fs::create_directory_symlink(file("target"), file("tractor/a"));

  EXPECT_THAT(refusal("a/b"), ::testing::HasSubstr(file("tractor/a") + ": it is a symbolic link"));
  EXPECT_TRUE(fs::is_empty(file("target")));
}

// S-RTD-3
TEST_F(runtime_directory_test, subdirectories_that_lead_elsewhere_are_refused) {
  for (const std::string& subdir : {std::string("/a"), std::string(".."), std::string("a/../b"), std::string("a\0b", 3)})
    EXPECT_THROW(runtime_directory(subdir, here()), usage_error) << subdir;
  EXPECT_FALSE(fs::exists(file("tractor"))) << "nothing is made first";
}

TEST_F(runtime_directory_test, base_that_is_missing_is_an_error_that_names_it) {
  runtime_directory_source from = here();
  from.xdg_runtime_dir = file("missing");
  try {
    runtime_directory({}, from);
    FAIL() << "a directory was made in a directory that is not there";
  } catch (const os_error& failed) {
    EXPECT_EQ(failed.message(),
              "the directory " + file("missing") + ", in which the runtime directory belongs: No such file or directory [ENOENT]");
  }
}

TEST_F(runtime_directory_test, full_file_system_is_an_error_that_names_the_path) {
  if (::geteuid() != 0 || ::unshare(CLONE_NEWNS) != 0) GTEST_SKIP() << "mounting a file system of one file needs root";
  ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  fs::create_directory(file("full"));
  ASSERT_EQ(::mount("tractor-test", file("full").c_str(), "tmpfs", 0, "nr_inodes=1"), 0);
  runtime_directory_source from = here();
  from.xdg_runtime_dir = file("full");
  try {
    runtime_directory({}, from);
    ADD_FAILURE() << "a directory was made on a full file system";
  } catch (const os_error& failed) {
    EXPECT_EQ(failed.message(), "mkdir(" + file("full") + "/tractor): No space left on device [ENOSPC]");
  }
  EXPECT_EQ(::umount(file("full").c_str()), 0);
}

// S-UDS-5
TEST_F(runtime_directory_test, directories_are_made_with_their_parents) {
  make_directories(file("a/b//c"));
  EXPECT_EQ(mode_of(file("a/b/c")), 0700u);
  make_directories(file("a/b//c"));
  make_directories("/");
}

TEST_F(runtime_directory_test, parent_that_is_a_file_is_an_error_that_names_it) {
  std::ofstream(file("a")) << "precious";
  try {
    make_directories(file("a/b"));
    FAIL() << "a directory was made in a file";
  } catch (const os_error& failed) {
    EXPECT_THAT(failed.message(), ::testing::HasSubstr("mkdir(" + file("a") + ")"));
  }
}

}  // namespace
}  // namespace tractor::ipc
