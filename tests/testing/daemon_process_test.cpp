// SPDX-License-Identifier: Apache-2.0

#include "tractor/testing/daemon_process.hpp"

#include <gmock/gmock.h>
#include <signal.h>

#include <chrono>
#include <string>

#include "tractor/sc/cancel_scope.hpp"
#include "tractor/testing/actor_test.hpp"
#include "tractor/testing/check_failed.hpp"
#include "tractor/tractor.hpp"

namespace {

using namespace std::chrono_literals;
namespace sc = tractor::sc;
namespace kit = tractor::testing;
using ::testing::AllOf;
using ::testing::HasSubstr;

sc::task<int> add(int a, int b) { co_return a + b; }

TRACTOR_MODULE(calculator) { mod.def<&add>("add", "a", "b"); }

kit::daemon_options shell(std::string script) { return {.arguments = {"/bin/sh", "-c", std::move(script)}}; }

class daemon_process_test : public kit::actor_fixture {};

// S-MPG-3
TRACTOR_ACTOR_TEST_F(daemon_process_test, test_program_itself_serves_modules_at_the_test_s_registry) {
  kit::daemon_process calculator(kit::daemon_of_modules("calculator", {"calculator"}));
  co_await calculator.ready();
  const int sum = co_await tractor::wait_for_actor(
      "calculator", [](tractor::portal& there) -> sc::task<int> { co_return co_await there.run<&add>(2, 3); });
  EXPECT_EQ(sum, 5);
  EXPECT_EQ((co_await calculator.stop()).exit_code, 128 + SIGINT);
  EXPECT_THAT(calculator.error_output(), HasSubstr("interrupted by SIGINT"));
}

// S-MPG-3
TEST_F(daemon_process_test, fixture_starts_and_stops_one_outside_of_a_run) {
  kit::daemon_process calculator(kit::daemon_of_modules("calculator", {"calculator"}));
  calculator.ready_sync();

  run_actor_test([]() -> sc::task<> {
    EXPECT_FALSE(tractor::current_actor().aid().is_registrar.value_or(false)) << "the daemon came first";
    const int sum = co_await tractor::wait_for_actor(
        "calculator", [](tractor::portal& there) -> sc::task<int> { co_return co_await there.run<&add>(2, 3); });
    EXPECT_EQ(sum, 5);
  });

  EXPECT_EQ(calculator.stop_sync().exit_code, 128 + SIGINT);
}

TEST_F(daemon_process_test, any_program_is_ready_when_it_has_made_its_file) {
  auto options = shell("echo up; echo $COLOUR; : > $TRACTOR_TEST_READY_FILE; exec sleep 1000");
  options.environment = {"COLOUR=green"};
  kit::daemon_process program(options);

  program.ready_sync();

  EXPECT_EQ(program.output(), "up\ngreen\n");
  EXPECT_EQ(program.stop_sync().signal, SIGINT);
}

// S-MPG-3
TEST_F(daemon_process_test, death_before_it_is_ready_is_an_error_with_its_stderr) {
  kit::daemon_process program(shell("echo 'no such disk' >&2; exit 3"));
  try {
    program.ready_sync();
    ADD_FAILURE() << "it is ready";
  } catch (const kit::check_failed& failed) {
    EXPECT_THAT(failed.message(), AllOf(HasSubstr("daemon_process_test.cpp:"), HasSubstr("exited with status 3 before it was ready"),
                                        HasSubstr("its stderr:\nno such disk\n")));
  }
  EXPECT_EQ(program.stop_sync().exit_code, 3) << "it tells how it ended also when it did by itself";
}

// S-MPG-3
TEST_F(daemon_process_test, one_that_does_not_become_ready_is_an_error) {
  auto options = shell("exec sleep 1000");
  options.ready_bound = 100ms;
  kit::daemon_process program(options);
  try {
    program.ready_sync();
    ADD_FAILURE() << "it is ready";
  } catch (const kit::check_failed& failed) {
    EXPECT_THAT(failed.message(), AllOf(HasSubstr("was not ready within 100 ms"), HasSubstr("it wrote nothing to stderr")));
  }
}

// S-MPG-3
TEST_F(daemon_process_test, one_that_ignores_three_interrupts_is_killed) {
  auto options = shell("trap 'echo interrupted' INT; : > $TRACTOR_TEST_READY_FILE; while :; do sleep 0.01; done");
  options.stop_pause = 200ms;
  kit::daemon_process program(options);
  program.ready_sync();

  EXPECT_EQ(program.stop_sync().signal, SIGKILL);
  left_behind().reap_orphans();

  EXPECT_THAT(program.output(), HasSubstr("interrupted\n"));
}

// What a root that was killed leaves in the runtime directory is removed, though nobody took its place as the registrar.
TEST_F(daemon_process_test, one_that_is_dropped_while_it_serves_leaves_no_sockets) {
  kit::daemon_process calculator(kit::daemon_of_modules("calculator", {"calculator"}));
  calculator.ready_sync();
}

TEST_F(daemon_process_test, one_that_is_dropped_is_killed) { kit::daemon_process program(shell("exec sleep 1000")); }

TEST_F(daemon_process_test, program_that_is_missing_is_an_os_error) {
  EXPECT_THROW(kit::daemon_process({.arguments = {"/nonexistent/program"}}), tractor::os_error);
}

}  // namespace
