// SPDX-License-Identifier: Apache-2.0
//
// A GoogleTest fixture that fails a test which leaves anything behind (leak_check.hpp says what).
//
//     class my_actors : public tractor::testing::process_fixture {};
//     TEST_F(my_actors, answer) {
//       tractor::sc::run([]() -> sc::task<> { co_await tractor::open_nursery(…); });
//     }
//
// actor_test.hpp is made of it: tests with a root actor, a registry of their own and a bound on their time. A test program that starts
// actors has the main function of main.hpp.

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
