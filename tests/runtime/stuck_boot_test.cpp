// SPDX-License-Identifier: Apache-2.0
//
// Actors that are cancelled while they boot, where that comes to no end: the fork server is stopped, or the executed process says nothing.

#include <unistd.h>

#include <csignal>

#include "programs.hpp"
#include "runtime_test.hpp"

namespace runtime_test {
namespace {

class stuck_boot_test : public both_methods {
 protected:
  // What makes the processes: the fork server of `first`, or this process.
  static sc::task<pid_t> maker_of(portal first) {
    co_return GetParam() == start_method::forkserver ? (co_await first.run<&kit::who>()).parent_pid : ::getpid();
  }
};
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

// S-KIL-7: whoever starts it is cancelled; it does not end by itself in the time that it has for that, is killed, and is none of the
// nursery's actors. A process that a stopped fork server makes later is killed, too.
TEST_P(stuck_boot_test, cancelled_start_leaves_nothing_of_an_actor_that_does_not_boot) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto first = co_await an.start_actor("first", options());
    const pid_t maker = co_await maker_of(first);
    const auto before = children_of(maker);
    auto stuck = options();
    stuck.boot_timeout = 2 * hang_bound;
    const bool forked = GetParam() == start_method::forkserver;
    const watched_process server(maker);
    if (forked)
      server.signal(SIGSTOP);
    else
      stuck.environment = {{silent_actor_variable, "1"}};
    std::optional<watched_process> silent;
    sc::cancel_scope starting;
    bool started = true;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { started = (co_await starting.run([&] { return an.start_actor("stuck", stuck); })).has_value(); });
      while (an.actor_count() < 2) co_await sc::checkpoint();
      if (!forked) silent.emplace(children_of(maker).back());

      starting.cancel("nobody wants it any more");
    });

    EXPECT_FALSE(started);
    EXPECT_EQ(1U, an.actor_count());
    if (silent) EXPECT_TRUE(silent->gone());
    if (forked) server.signal(SIGCONT);
    auto next = co_await an.start_actor("next", options());  // the server takes its requests in order
    EXPECT_EQ(3, co_await next.run<&kit::add>(1, 2));
    while (children_of(maker).size() != before.size() + 1) co_await sc::checkpoint();
    EXPECT_EQ(3, co_await first.run<&kit::add>(1, 2));
    co_await an.cancel();
    while (an.actor_count() != 0) co_await sc::checkpoint();
    EXPECT_FALSE(an.cancelled_caught()) << "one was killed while it booted";
  });
}

}  // namespace
}  // namespace runtime_test
