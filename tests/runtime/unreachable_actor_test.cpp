// SPDX-License-Identifier: Apache-2.0
//
// Actors that are registered where they cannot be reached, and registrars that are many. All in one run on the virtual clock.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "raw_server.hpp"
#include "runtime/reach.hpp"
#include "runtime_test.hpp"
#include "tractor/runtime/detail/directory.hpp"
#include "tractor/tractor.hpp"

namespace unreachable_actor_test {

using namespace std::chrono_literals;
using raw::raw_peer;
using runtime_test::catch_as;
namespace sc = tractor::sc;
namespace ipc = tractor::ipc;
using listener = std::unique_ptr<ipc::listener>;

const tractor::uid late{.name = "late", .uuid = "1"};

listener listen_here() { return ipc::listen(ipc::tcp_address{"127.0.0.1", 0}); }

// Runs `body` in a registrar, in whose table `late` is at the address of the listener; `answer(stream)` is who is there, until the body
// ends.
void beside(const std::function<sc::task<>(std::unique_ptr<sc::byte_stream>)>& answer,
            const std::function<sc::task<>(ipc::address)>& body) {
  tractor::testing::run_test([&]() -> sc::task<> {
    co_await tractor::open_root_actor(
        [&]() -> sc::task<> {
          const listener at = listen_here();
          tractor::current_actor().directory().enroll(late, {at->local()}, nullptr);
          co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
            n.start_soon([&]() -> sc::task<> {
              for (;;) co_await answer((co_await at->accept()).stream);
            });
            co_await body(at->local());
            n.cancel("the body has ended");
          });
        },
        {.handle_signals = false, .registry_addrs = {{ipc::tcp_address{"127.0.0.1", 0}}}});
  });
}

sc::task<> hang_up(std::unique_ptr<sc::byte_stream>) { co_return; }
sc::task<> say_nothing(std::unique_ptr<sc::byte_stream> stream) {
  raw_peer silent(std::move(stream));
  while (co_await silent.answer() != "closed") continue;
}
sc::task<> be(tractor::uid who, std::unique_ptr<sc::byte_stream> stream) {
  raw_peer peer(std::move(stream));
  peer.send_aid(who);
  while (co_await peer.answer() != "closed") continue;
}

sc::task<bool> is_registered() { co_return (co_await tractor::query_actor("late")).has_value(); }

// S-DSC-4: for ever, if need be; and it says what is in the way, once.
TEST(unreachable_actor, is_waited_for_until_it_can_be_reached) {
  bool reachable = false;
  const auto wait_for_it = [&](ipc::address) -> sc::task<> {
    bool found = reachable = false;
    const tractor::log_level_scope warnings("warning");
    testing::internal::CaptureStderr();
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> {
        co_await tractor::wait_for_actor("late", [&](tractor::portal&) -> sc::task<> {
          found = true;
          co_return;
        });
      });
      co_await sc::sleep(60s);
      EXPECT_FALSE(found);
      reachable = true;
    });
    EXPECT_TRUE(found);
    const auto log = testing::internal::GetCapturedStderr();
    const std::string said = "actor late is registered and cannot be reached: ";
    EXPECT_THAT(log, testing::HasSubstr(said));
    EXPECT_EQ(log.find(said), log.rfind(said)) << log;
  };
  beside([&](auto stream) { return reachable ? be(late, std::move(stream)) : hang_up(std::move(stream)); }, wait_for_it);
}

TEST(unreachable_actor, is_an_error_to_who_does_not_wait) {
  beside(hang_up, [](ipc::address) -> sc::task<> {
    const auto error = co_await catch_as<tractor::transport_closed>(
        [] { return tractor::find_actor("late", [](std::optional<tractor::portal>) -> sc::task<> { co_return; }); });
    TRACTOR_REQUIRE(error);
    EXPECT_TRUE(co_await is_registered());
  });
}

// S-DSC-8: of its addresses the one that is listed last is tried first.
TEST(unreachable_actor, address_that_is_silent_is_no_obstacle_where_there_is_another) {
  beside([](auto stream) { return be(late, std::move(stream)); },
         [](ipc::address) -> sc::task<> {
           const listener silent = listen_here();
           tractor::current_actor().directory().enroll(late, {silent->local()}, nullptr);
           const auto before = sc::current_time();
           co_await tractor::find_actor("late", [&](std::optional<tractor::portal> found) -> sc::task<> {
             EXPECT_TRUE(found);
             EXPECT_EQ(tractor::detail::reach_stagger, sc::current_time() - before);
             EXPECT_EQ(1U, tractor::current_actor().peers().size());
             co_return;
           });
           EXPECT_EQ(0U, tractor::current_actor().peers().size());
           EXPECT_EQ(2U, (co_await tractor::query_actor("late")).value().size()) << "nothing is known of the silent one";
         });
}
TEST(unreachable_actor, addresses_that_are_all_silent_are_waited_for_beside_each_other) {
  beside(say_nothing, [](ipc::address) -> sc::task<> {
    const listener silent = listen_here(), another = listen_here();
    tractor::current_actor().directory().enroll(late, {silent->local(), another->local()}, nullptr);
    const auto before = sc::current_time();
    const auto error = co_await catch_as<tractor::transport_closed>(
        [] { return tractor::find_actor("late", [](std::optional<tractor::portal>) -> sc::task<> { co_return; }); });
    TRACTOR_REQUIRE(error);
    EXPECT_EQ(tractor::handshake_timeout + 2 * tractor::detail::reach_stagger, sc::current_time() - before);
  });
}
// S-DSC-3
TEST(unreachable_actor, addresses_at_which_it_is_not_are_forgotten_when_it_is_at_another) {
  beside([](auto stream) { return be(late, std::move(stream)); },
         [](ipc::address where) -> sc::task<> {
           const auto left = listen_here()->local();
           tractor::current_actor().directory().enroll(late, {left}, nullptr);
           const auto before = sc::current_time();
           co_await tractor::find_actor("late", [&](std::optional<tractor::portal> found) -> sc::task<> {
             EXPECT_TRUE(found);
             co_return;
           });
           EXPECT_EQ(before, sc::current_time());
           EXPECT_EQ(std::vector{where}, co_await tractor::query_actor("late"));
         });
}

sc::task<std::optional<tractor::uid>> ask_to_delete(ipc::address where) {
  co_return co_await tractor::get_registrar([&](tractor::portal& registrar) -> sc::task<std::optional<tractor::uid>> {
    co_return co_await registrar.run_from_ns<std::optional<tractor::uid>>(
        "self", "delete_addr", tractor::msg::value::map{{"addr", tractor::msg::to_value(where.wire())}});
  });
}

// S-DSC-3: where the address leads for who asks need not be where it leads for others.
TEST(unreachable_actor, entry_of_one_that_is_there_is_not_taken_back) {
  beside([](auto stream) { return be(late, std::move(stream)); },
         [](ipc::address where) -> sc::task<> {
           EXPECT_EQ(std::nullopt, co_await ask_to_delete(where));
           EXPECT_TRUE(co_await is_registered());
         });
  beside(say_nothing, [](ipc::address where) -> sc::task<> {
    const auto before = sc::current_time();
    EXPECT_EQ(std::nullopt, co_await ask_to_delete(where)) << "it cannot be said who is there";
    EXPECT_EQ(tractor::registry_probe_attempt_timeout, sc::current_time() - before);
    EXPECT_TRUE(co_await is_registered());
  });
}
// S-REG-6: and it is told whose it was.
TEST(unreachable_actor, entry_of_one_that_has_left_is_taken_back) {
  beside([](auto stream) { return be({.name = "late", .uuid = "another"}, std::move(stream)); },
         [](ipc::address where) -> sc::task<> {
           EXPECT_EQ(late, co_await ask_to_delete(where));
           EXPECT_FALSE(co_await is_registered());
         });
}

// A lookup that names its registrar keeps the connection, and no more of them than it should.
TEST(unreachable_actor, connections_to_registrars_are_bounded) {
  constexpr std::size_t many = tractor::registries_max + 4;
  tractor::testing::run_test([]() -> sc::task<> {
    co_await tractor::open_root_actor(
        []() -> sc::task<> {
          std::vector<listener> registrars;
          for (std::size_t i = 0; i < many; ++i) registrars.push_back(listen_here());
          co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
            for (const auto& at : registrars)
              n.start_soon([&]() -> sc::task<> {
                raw_peer registrar((co_await at->accept()).stream);
                co_await registrar.shake_hands();
                const auto refuse = raw::failing_with([](const std::string& cid) { return raw::error_of_peer("RuntimeError", cid); });
                co_await refuse(registrar);
                co_await registrar.answer();
              });
            for (const auto& at : registrars)
              static_cast<void>(co_await catch_as<tractor::runtime_failure>(
                  [&] { return tractor::query_actor("anybody", {.registry_addrs = {at->local()}}); }));
            EXPECT_EQ(tractor::registries_max, tractor::current_actor().peers().size());
            n.cancel("asked enough");
          });
        },
        {.handle_signals = false});
  });
}

}  // namespace unreachable_actor_test
