// SPDX-License-Identifier: Apache-2.0
//
// Actors that are cancelled while they boot, where that comes to no end: the fork server is stopped, or the executed process says nothing.

#include <csignal>

#include "programs.hpp"
#include "runtime_test.hpp"

namespace runtime_test {
namespace {

class stuck_boot_test : public both_methods {};
RT_BOTH_METHODS(stuck_boot_test);

// S-KIL-3: the boot is waited for as long as cancel() has, and then told by SIGTERM; nothing else ends it within the bound of the test.
TEST_P(stuck_boot_test, cancel_gives_up_an_actor_that_does_not_boot) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto first = co_await an.start_actor("first", options());
    auto stuck = options();
    stuck.boot_timeout = 2 * hang_bound;
    std::optional<watched_process> server;
    if (GetParam() == start_method::forkserver) {
      server.emplace((co_await first.run<&kit::who>()).parent_pid);
      server->signal(SIGSTOP);
    } else {
      stuck.environment = {{silent_actor_variable, "1"}};
    }
    std::exception_ptr of_start;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { of_start = co_await caught([&] { return an.start_actor("stuck", stuck); }); });
      while (an.actor_count() < 2) co_await sc::checkpoint();

      co_await an.cancel();

      EXPECT_TRUE(an.cancel_called());
      if (server) server->signal(SIGCONT);
    });
    if (!server) {
      EXPECT_THAT(text_of(of_start), HasSubstr("killed by SIGTERM"));
    }
  });  // which nothing would end otherwise
}

}  // namespace
}  // namespace runtime_test
