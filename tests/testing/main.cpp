// SPDX-License-Identifier: Apache-2.0
//
// The tests of the kit run this program again, for tests that are to fail (subjects.hpp).

#include "tractor/testing/main.hpp"
#include "subjects.hpp"

int main(int argc, char** argv) {
  subjects::leave_out_unless_wanted();
  return tractor::testing::run_all_tests(argc, argv);
}
