// SPDX-License-Identifier: Apache-2.0
//
// Tests of a user's module, in a program that tractor_add_test made: forked and executed actors know it, and so does the program as a
// daemon.

#include <string>
#include <vector>

#include "tractor/testing/actor_test.hpp"
#include "tractor/testing/daemon_process.hpp"
#include "tractor/tractor.hpp"

namespace {

namespace sc = tractor::sc;

sc::task<std::string> greeting_from(tractor::portal& greeter) {
  std::string greeting = co_await greeter.run_from_ns<std::string>("greeter", "greet", {{"name", "test"}});
  co_return greeting;
}

sc::task<> expect_a_greeting_by(tractor::spawn::start_method method) {
  co_await tractor::open_nursery([=](tractor::actor_nursery& an) -> sc::task<> {
    auto greeter = co_await an.start_actor("greeter", {.enable_modules = {"greeter"}, .start_method = method});
    EXPECT_EQ(co_await greeting_from(greeter), "hello test");
    co_await an.cancel();
  });
}

TRACTOR_ACTOR_TEST(greeter, is_known_to_forked_actors) { co_await expect_a_greeting_by(tractor::spawn::start_method::forkserver); }
TRACTOR_ACTOR_TEST(greeter, is_known_to_executed_actors) { co_await expect_a_greeting_by(tractor::spawn::start_method::exec); }

TRACTOR_ACTOR_TEST(greeter, is_served_by_a_daemon) {
  tractor::testing::daemon_process daemon(tractor::testing::daemon_of_modules("greeter", {"greeter"}));
  co_await daemon.ready();
  EXPECT_EQ(co_await tractor::wait_for_actor("greeter", &greeting_from), "hello test");
  EXPECT_EQ((co_await daemon.stop()).exit_code, 130);
}

}  // namespace
