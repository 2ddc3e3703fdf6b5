// SPDX-License-Identifier: Apache-2.0
//
// The names of the start methods, as an argument and as an environment variable.

#include "tractor/spawn/start_method.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "tractor/base/error.hpp"

using namespace tractor::spawn;

namespace {

TEST(start_method_test, every_name_is_parsed_back) {
  for (const start_method method : {start_method::forkserver, start_method::exec, start_method::inproc})
    EXPECT_EQ(method, parse_start_method(to_string(method)));
}

TEST(start_method_test, unknown_name_error_names_it_and_the_valid_ones) {
  try {
    static_cast<void>(parse_start_method("thread"));
    FAIL() << "no error";
  } catch (const tractor::usage_error& unknown) {
    const std::string text = unknown.what();
    for (const char* part : {"'thread'", "forkserver", "exec", "inproc"}) EXPECT_NE(std::string::npos, text.find(part)) << text;
  }
}

TEST(start_method_test, environment_gives_a_method_nothing_or_an_error_that_names_the_variable) {
  ::unsetenv(start_method_variable);
  EXPECT_FALSE(start_method_from_environment());
  ::setenv(start_method_variable, "", 1);
  EXPECT_FALSE(start_method_from_environment());
  ::setenv(start_method_variable, "exec", 1);
  EXPECT_EQ(start_method::exec, start_method_from_environment());
  ::setenv(start_method_variable, "Exec", 1);
  try {
    static_cast<void>(start_method_from_environment());
    ADD_FAILURE() << "no error";
  } catch (const tractor::usage_error& unknown) {
    EXPECT_NE(std::string::npos, std::string(unknown.what()).find(start_method_variable)) << unknown.what();
  }
  ::unsetenv(start_method_variable);
}

}  // namespace
