// SPDX-License-Identifier: Apache-2.0
//
// What a program may define. In a process of its own each, for the table of modules is the process's.

#include "tractor/runtime/module.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

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

}  // namespace
}  // namespace runtime_test
