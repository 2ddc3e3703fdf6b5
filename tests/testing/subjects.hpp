// SPDX-License-Identifier: Apache-2.0
//
// Tests in the hands of tests: those of suites that begin with `subject` fail, or end the program, and are run only by this.

#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tractor/sc/run_process.hpp"

namespace subjects {

inline constexpr const char* wanted_variable = "TRACTOR_TEST_SUBJECTS";

// Before GoogleTest reads its options.
inline void leave_out_unless_wanted() {
  if (std::getenv(wanted_variable) != nullptr) return;
  std::string filter = GTEST_FLAG_GET(filter);
  filter += (filter.find('-') == std::string::npos ? "-" : ":") + std::string("subject*");
  GTEST_FLAG_SET(filter, filter);
}

// Runs that test alone, in a process of its own. `environment`: "NAME=value", on top of this process's.
inline tractor::sc::task<tractor::sc::process_result> run(std::string test, std::vector<std::string> environment = {}) {
  std::vector<std::string> command{"/usr/bin/env", std::string(wanted_variable) + "=1"};
  command.insert(command.end(), environment.begin(), environment.end());
  command.push_back(std::filesystem::read_symlink("/proc/self/exe").string());
  command.push_back("--gtest_filter=" + std::move(test));
  co_return co_await tractor::sc::run_process({.arguments = std::move(command), .check = false});
}

}  // namespace subjects
