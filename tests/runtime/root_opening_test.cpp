// SPDX-License-Identifier: Apache-2.0
//
// The root actor: where it may be opened, and what becomes of it in a scope that is cancelled already.

#include <csignal>

#include "runtime_test.hpp"
#include "tractor/sc/signals.hpp"

namespace runtime_test {
namespace {

class root_opening_test : public runtime_test {};

// S-RT-10
TEST_F(root_opening_test, body_runs_when_the_server_is_up) {
  run([]() -> sc::task<> {
    co_await tractor::open_root_actor(
        []() -> sc::task<> {
          const auto addresses = tractor::accept_addresses();
          EXPECT_EQ(3U, addresses.size());  // where it was told to, its control socket, and the registry's
          for (const auto& where : addresses)
            EXPECT_EQ(tractor::current_actor().uid(),
                      co_await tractor::open_portal(where, [](portal& own) -> sc::task<tractor::uid> { co_return own.peer_uid(); }));
        },
        {.bind_addrs = {tractor::ipc::tcp_address{"127.0.0.1", 0}}});
  });
}

// S-KIL-13: its service is out of reach of the cancel, and still ends.
TEST_F(root_opening_test, root_in_a_cancelled_scope_ends_as_cancelled) {
  run([]() -> sc::task<> {
    const auto body = [](actor_nursery& an) -> sc::task<> {
      co_await start(an);
      ADD_FAILURE() << "an actor was started in a cancelled scope";
    };

    const bool complete = co_await sc::move_on_after(0s, [&] { return tractor::open_nursery(body); });

    EXPECT_FALSE(complete);
  });
}

TEST_F(root_opening_test, cancel_in_the_round_in_which_the_root_is_opened_ends_it) {
  run([]() -> sc::task<> {
    bool cancelled = false;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> {
        try {
          co_await tractor::open_nursery([](actor_nursery&) -> sc::task<> { co_await sc::sleep_forever(); });
        } catch (const sc::cancelled&) {
          cancelled = true;
          throw;
        }
      });
      n.start_soon([&]() -> sc::task<> {
        n.cancel("sibling");
        co_return;
      });
      co_return;
    });
    EXPECT_TRUE(cancelled);
  });
}

// S-RT-1, S-BOOT-1
TEST_F(root_opening_test, second_root_of_another_task_is_refused) {
  run([]() -> sc::task<> {
    sc::event open;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> {
        co_await tractor::open_nursery([&](actor_nursery&) -> sc::task<> {
          open.set();
          co_await sc::sleep_forever();
        });
      });
      co_await open.wait();

      const auto error = co_await catch_as<tractor::runtime_failure>(
          [] { return tractor::open_nursery([](actor_nursery&) -> sc::task<> { co_return; }); });

      RT_REQUIRE(error);
      EXPECT_THAT(error->what(), HasSubstr("actor 'root' is running here already: a program has one root"));
      n.cancel();
    });
  });
}

// S-RT-4
// Reference: root::test_runtime_vars_unset.
TEST_F(root_opening_test, root_can_be_opened_after_another_has_ended) {
  run([]() -> sc::task<> {
    for (int i = 0; i < 2; ++i)
      co_await tractor::open_nursery([](actor_nursery& an) -> sc::task<> {
        auto worker = co_await start(an);
        EXPECT_EQ(3, co_await worker.run<&kit::add>(1, 2));
        co_await an.cancel();
      });
  });
}

TEST_F(root_opening_test, signals_that_the_program_receives_itself_are_named_with_the_way_out) {
  run([]() -> sc::task<> {
    co_await sc::open_signal_receiver({SIGINT}, [](sc::signal_receiver&) -> sc::task<> {
      const auto error =
          co_await catch_as<tractor::usage_error>([] { return tractor::open_nursery([](actor_nursery&) -> sc::task<> { co_return; }); });

      RT_REQUIRE(error);
      EXPECT_THAT(error->what(), HasSubstr("SIGINT has a receiver already"));
      EXPECT_THAT(error->what(), HasSubstr("root_options{.handle_signals = false}"));
    });
  });
}

TEST_F(root_opening_test, name_that_is_no_text_is_refused) {
  run([]() -> sc::task<> {
    const auto error = co_await catch_as<tractor::usage_error>(
        [] { return tractor::open_nursery([](actor_nursery&) -> sc::task<> { co_return; }, tractor::root_options{.name = "\xff"}); });
    RT_REQUIRE(error);
    EXPECT_THAT(error->what(), HasSubstr(R"(the root actor's name is not UTF-8: '\xff')"));
  });
}

}  // namespace
}  // namespace runtime_test
