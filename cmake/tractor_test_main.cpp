// SPDX-License-Identifier: Apache-2.0
//
// The main function of the programs that tractor_add_test() makes.

#include <tractor/testing/main.hpp>

int main(int argc, char** argv) { return tractor::testing::run_all_tests(argc, argv); }
