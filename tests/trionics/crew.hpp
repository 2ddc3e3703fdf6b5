// SPDX-License-Identifier: Apache-2.0
//
// What the actors of these tests can do (module "crew"), and how a test with actors runs: it leaves nothing behind, and never hangs.

#pragma once

#include <functional>
#include <string>

#include "tractor/testing/process_fixture.hpp"
#include "tractor/tractor.hpp"
#include "trionics_test.hpp"

namespace trionics_test {

task<std::string> own_name();
task<int> own_pid();
task<int> square(int number);
task<int> add(int a, int b);
task<> nothing(int number);
// The number, after a real time of that many milliseconds.
task<int> late(int ms);
// Waits for the file, if that has a name.
task<std::string> appears(std::string path);
task<> fail_with(std::string text);
task<int> die_at(int number);  // kills the process for a negative number, else gives it
task<> wait_for_ever();
// Adds up what comes over the stream.
task<int> add_up(tractor::context<void, int, void>& ctx);
// Sends every number back, ten times as big.
task<> ten_times(tractor::context<void, int, int>& ctx);

class actors_test : public tractor::testing::process_fixture {
 protected:
  // Runs `body` in real time; gives what it throws, null for nothing. A run that takes half a minute is ended, and that is an error.
  [[nodiscard]] static std::exception_ptr outcome_of(const std::function<task<>()>& body);
  static void run(const std::function<task<>()>& body) {
    if (const auto error = outcome_of(body)) ADD_FAILURE() << "threw " << text_of(error);
  }
};

}  // namespace trionics_test
