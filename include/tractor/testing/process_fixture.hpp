// SPDX-License-Identifier: Apache-2.0
//
// A GoogleTest fixture that fails a test which leaves anything behind (leak_check.hpp says what).
//
//     class my_actors : public tractor::testing::process_fixture {};
//     TEST_F(my_actors, answer) {
//       tractor::sc::run([]() -> sc::task<> { co_await tractor::open_nursery(…); });
//     }
//
// A test program that starts actors has a main of its own:
//
//     int main(int argc, char** argv) {
//       tractor::child_entry(argc, argv);
//       ::testing::InitGoogleTest(&argc, argv);
//       return RUN_ALL_TESTS();
//     }

#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tractor/testing/leak_check.hpp"

namespace tractor::testing {

class process_fixture : public ::testing::Test {
 protected:
  // Overriders call these: SetUp first of all, TearDown last.
  void SetUp() override { check_.emplace(); }
  void TearDown() override {
    if (!check_) return;
    for (const std::string& leak : check_->leaks()) ADD_FAILURE() << "the test left something behind: " << leak;
    check_.reset();
  }

  [[nodiscard]] const leak_check& left_behind() const { return *check_; }

 private:
  std::optional<leak_check> check_;
};

}  // namespace tractor::testing
