// SPDX-License-Identifier: Apache-2.0
//
// A test that starts processes: fails if it leaves a child or a descriptor behind.

#pragma once

#include <gtest/gtest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <filesystem>

#include "link_io.hpp"
#include "requester.hpp"
#include "spawn/pidfd.hpp"

namespace spawn_test {

inline std::size_t count_descriptors(const std::string& process = "self") {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/" + process + "/fd")) ++count;
  return count;
}

class process_test : public ::testing::Test {
 protected:
  void SetUp() override { descriptors_before_ = count_descriptors(); }
  void TearDown() override {
    EXPECT_EQ(descriptors_before_, count_descriptors()) << "the test left descriptors open";
    EXPECT_TRUE(::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD) << "the test left a child behind";
  }

 private:
  std::size_t descriptors_before_ = 0;
};

}  // namespace spawn_test
