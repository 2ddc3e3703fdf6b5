// SPDX-License-Identifier: Apache-2.0
//
// A test that starts processes: fails if it leaves a child or a descriptor behind.

#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "link_io.hpp"
#include "requester.hpp"
#include "spawn/descendants.hpp"
#include "spawn/pidfd.hpp"

namespace spawn_test {

inline std::size_t count_descriptors(const std::string& process = "self") {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/" + process + "/fd")) ++count;
  return count;
}

// "4711 (comm) Z 17, " for every child of this process.
inline std::string describe_children() {
  std::string text;
  for (const pid_t pid : tractor::spawn::detail::list_children()) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    std::getline(status, line);
    text += line.substr(0, 60) + ", ";
  }
  return text;
}

class process_test : public ::testing::Test {
 protected:
  void SetUp() override { descriptors_before_ = count_descriptors(); }
  void TearDown() override {
    EXPECT_EQ(descriptors_before_, count_descriptors()) << "the test left descriptors open";
    EXPECT_TRUE(::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD) << "the test left a child behind: " << describe_children();
  }

 private:
  std::size_t descriptors_before_ = 0;
};

}  // namespace spawn_test
