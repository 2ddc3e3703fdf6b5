// SPDX-License-Identifier: Apache-2.0
//
// What a program may define. In a process of its own each, for the table of modules is the process's.

#include "tractor/runtime/module.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <typeinfo>

#include "tractor/tractor.hpp"

namespace runtime_test {
namespace {

namespace sc = tractor::sc;

sc::task<> twice_defined() { co_return; }
sc::task<> well_defined() { co_return; }

void define_one(tractor::module_builder& mod) { mod.def<&twice_defined>("f"); }
void define_other(tractor::module_builder& mod) {
  mod.def<&well_defined>("g");
  mod.def<&twice_defined>("f");
}
constexpr tractor::module_record records[] = {{"module_test_one", __FILE__, &define_one}, {"module_test_other", __FILE__, &define_other}};

[[noreturn]] void say_what_a_lookup_throws() {
  tractor::register_modules(std::begin(records), std::end(records));
  for (int i = 0; i < 2; ++i) {
    try {
      static_cast<void>(tractor::detail::find_endpoint("module_test_one", "f"));
      static_cast<void>(tractor::detail::find_endpoint("module_test_other", "g"));
      std::exit(1);
    } catch (const tractor::usage_error& error) {
      std::fprintf(stderr, "%s\n", error.what());
    }
  }
  std::_Exit(3);
}

// A call by function could mean either. Said each time, and not hidden by what was read of the module before.
TEST(module_test, function_in_two_modules_is_refused_with_both_named) {
  EXPECT_EXIT(say_what_a_lookup_throws(), ::testing::ExitedWithCode(3),
              "modules 'module_test_one' and 'module_test_other' both define.*\n.*modules 'module_test_one' and 'module_test_other'");
}

struct first_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct second_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};
void register_first(tractor::module_builder& mod) {
  mod.error<first_error>("Failed");
  mod.error<first_error>("Failed");  // several modules may throw it
}
void register_second(tractor::module_builder& mod) { mod.error<second_error>("Failed"); }
void register_renamed(tractor::module_builder& mod) {
  mod.error<first_error>("Failed");
  mod.error<first_error>("Broken");
}
constexpr tractor::module_record with_errors[] = {{"module_test_first", __FILE__, &register_first},
                                                  {"module_test_second", __FILE__, &register_second},
                                                  {"module_test_renamed", __FILE__, &register_renamed}};

[[noreturn]] void say_what_modules_with_errors_throw() {
  tractor::register_modules(std::begin(with_errors), std::end(with_errors));
  for (const char* module : {"module_test_first", "module_test_second", "module_test_renamed"}) {
    try {
      static_cast<void>(tractor::detail::find_endpoint(module, "f"));
    } catch (const tractor::usage_error& error) {
      std::fprintf(stderr, "%s\n", error.what());
    }
  }
  std::_Exit(tractor::detail::registered_name(typeid(first_error)) == "Failed" ? 3 : 4);
}

// S-ERR-4
TEST(module_test, name_of_an_error_is_that_of_one_type) {
  EXPECT_EXIT(say_what_modules_with_errors_throw(), ::testing::ExitedWithCode(3),
              "module 'module_test_second' registers the error 'Failed', which module 'module_test_first' has registered.*\n.*"
              "module 'module_test_renamed' registers the error 'Broken' for a type called 'Failed'");
}

}  // namespace
}  // namespace runtime_test
