// SPDX-License-Identifier: Apache-2.0
//
// Who is found, by whom, and when no more: one tree, whose root is the registrar.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "find_actor_endpoints.hpp"
#include "runtime_test.hpp"
#include "tractor/runtime/detail/directory.hpp"
#include "tractor/tractor.hpp"

namespace find_actor_test {

using namespace runtime_test;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;
namespace ipc = tractor::ipc;

class find_actor : public both_methods {
 protected:
  [[nodiscard]] static actor_options options() { return {.enable_modules = {"find_actor_test"}, .start_method = GetParam()}; }
};
RT_BOTH_METHODS(find_actor);

sc::task<std::vector<std::string>> registered_names() {
  std::vector<std::string> names;
  for (const auto& who : co_await tractor::get_registry()) names.push_back(who.name);
  std::ranges::sort(names);
  co_return names;
}

// S-REG-1, S-REG-2, S-REG-7, S-BOOT-11
TEST_P(find_actor, started_actor_is_registered_and_root_is_too) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    EXPECT_THAT(co_await registered_names(), ElementsAre("root"));
    co_await an.start_actor("a", options());
    EXPECT_THAT(co_await registered_names(), ElementsAre("a", "root"));
    co_await an.start_actor("b", options());
    EXPECT_THAT(co_await registered_names(), ElementsAre("a", "b", "root"));
    co_await an.cancel();
  });
}

// S-DSC-1, S-DSC-9
TEST_P(find_actor, actor_is_found_by_its_parent_its_siblings_and_those_below_them) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto a = co_await an.start_actor("a", options());
    auto b = co_await an.start_actor("b", options());
    EXPECT_EQ("a", co_await ask_name("a"));
    EXPECT_EQ("a", co_await b.run<&ask_name>("a"));
    EXPECT_EQ("b", co_await a.run<&ask_name>("b"));
    EXPECT_EQ("nobody", co_await ask_name("c"));
    EXPECT_EQ("nobody", co_await a.run<&ask_name>("c"));
    co_await a.open_context<&hold_one>({"below", GetParam() == start_method::exec}, [&](auto& ctx, const std::string& name) -> sc::task<> {
      EXPECT_EQ("below", name);
      EXPECT_EQ("below", co_await ask_name("below"));
      EXPECT_EQ("below", co_await b.run<&ask_name>("below"));
      co_await tractor::find_actor("below", [](std::optional<portal> below) -> sc::task<> {
        RT_REQUIRE(below);
        EXPECT_EQ("b", co_await below->run<&ask_name>("b"));
        EXPECT_EQ("a", co_await below->run<&ask_name>("a"));
      });
      co_await ctx.cancel();
    });
    EXPECT_EQ("nobody", co_await b.run<&ask_name>("below"));
    co_await an.cancel();
  });
}

// S-REG-9, S-REG-10
TEST_P(find_actor, actor_that_has_ended_is_not_found) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto a = co_await an.start_actor("a", options());
    auto b = co_await an.start_actor("b", options());
    co_await a.cancel_actor();
    while (an.actor_count() > 1) co_await sc::checkpoint();
    EXPECT_EQ("nobody", co_await ask_name("a"));
    EXPECT_EQ("nobody", co_await b.run<&ask_name>("a"));
    co_await an.cancel();
  });
}

TEST_P(find_actor, actor_that_was_killed_is_not_found_nor_what_was_below_it) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto with_death = options();
    with_death.on_death = tractor::death_policy::ignore;
    auto a = co_await an.start_actor("a", with_death);
    const auto error = co_await caught([&]() -> sc::task<> {
      co_await a.open_context<&hold_one>({"below", GetParam() == start_method::exec}, [&](auto&, const std::string&) -> sc::task<> {
        EXPECT_EQ("below", co_await ask_name("below"));
        ::kill(static_cast<pid_t>(*a.pid()), SIGKILL);
        co_await sc::sleep_forever();
      });
    });
    EXPECT_TRUE(error);
    while (an.actor_count() > 0) co_await sc::checkpoint();
    EXPECT_THAT(co_await registered_names(), ElementsAre("root"));
    EXPECT_EQ("nobody", co_await ask_name("below"));
  });
  left_behind().reap_orphans();  // what an executed actor had executed is nobody's child
}

// S-DSC-3
TEST_P(find_actor, actor_that_does_not_listen_any_more_is_stale_and_its_entry_goes) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto a = co_await an.start_actor("a", options());
    auto b = co_await an.start_actor("b", options());
    co_await a.run<&stop_listening>();
    EXPECT_EQ("nobody", co_await b.run<&ask_name>("a"));
    EXPECT_THAT(co_await registered_names(), ElementsAre("b", "root"));
    EXPECT_EQ("nobody", co_await ask_name("a"));
    co_await an.cancel();
  });
}

// S-DSC-4, S-REG-5
TEST_P(find_actor, wait_ends_when_the_actor_is_there) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto a = co_await an.start_actor("a", options());
    std::string seen, seen_here;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { seen = co_await a.run<&ask_name_when_there>("late"); });
      n.start_soon([&]() -> sc::task<> { seen_here = co_await ask_name_when_there("late"); });
      co_await sc::sleep(20ms);
      EXPECT_EQ("", seen + seen_here);
      co_await an.start_actor("late", options());
    });
    EXPECT_EQ("late", seen);
    EXPECT_EQ("late", seen_here);
    co_await an.cancel();
  });
}

TEST_P(find_actor, wait_can_be_cancelled) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    co_await an.start_actor("a", options());
    const bool found = co_await sc::move_on_after(20ms, [&]() -> sc::task<> { co_await ask_name_when_there("nobody at all"); });
    EXPECT_FALSE(found);
    co_await an.cancel();
  });
}

// S-REG-4, S-REG-8
TEST_P(find_actor, of_several_of_a_name_the_last_is_found_and_each_by_its_uuid) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto first = co_await an.start_actor("twin", options());
    auto second = co_await an.start_actor("twin", options());
    auto other = co_await an.start_actor("other", options());
    const auto pid_of = [](std::string name) -> sc::task<std::int64_t> {
      return tractor::find_actor(std::move(name),
                                 [](std::optional<portal> found) -> sc::task<std::int64_t> { co_return co_await found->run<&own_pid>(); });
    };
    EXPECT_EQ(*second.pid(), co_await pid_of("twin"));
    EXPECT_EQ(*first.pid(), co_await pid_of(first.peer_uid().uuid));
    EXPECT_EQ(*second.pid(), co_await pid_of(second.peer_uid().uuid));
    co_await second.cancel_actor();
    while (an.actor_count() > 2) co_await sc::checkpoint();
    EXPECT_EQ(*first.pid(), co_await pid_of("twin"));
    co_await an.cancel();
  });
}

// S-DSC-9: the end of one block is not the end of another's connection.
TEST_P(find_actor, connection_of_one_block_is_not_that_of_another) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto a = co_await an.start_actor("a", options());
    co_await an.start_actor("b", options());
    EXPECT_EQ("b b", co_await a.run<&ask_name_in_two_blocks>("b"));
    co_await an.cancel();
  });
}

// In a tree whose registrar is in another program, too.
TEST_P(find_actor, actor_is_registered_when_it_has_been_started) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto a = co_await an.start_actor("a", options());
    EXPECT_TRUE(co_await a.run<&start_and_look>(GetParam() == start_method::exec));
    co_await an.cancel();
  });
}

// S-DSC-1
TEST_P(find_actor, nobody_is_an_error_for_who_says_so) {
  run_in_nursery([](actor_nursery&) -> sc::task<> {
    const auto error = co_await catch_as<tractor::runtime_failure>(
        [] { return tractor::find_actor("c", [](std::optional<portal>) -> sc::task<> { co_return; }, {.raise_on_none = true}); });
    RT_REQUIRE(error);
    EXPECT_STREQ("no actor 'c' is registered", error->what());
  });
}

// S-DSC-5
TEST_P(find_actor, query_gives_the_addresses_and_connects_to_nobody) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto a = co_await an.start_actor("a", options());
    const auto addrs = co_await tractor::query_actor("a");
    RT_REQUIRE(addrs && addrs->size() == 1);
    EXPECT_THAT(addrs->front().text(), HasSubstr("a@" + std::to_string(*a.pid()) + ".sock"));
    EXPECT_FALSE(co_await tractor::query_actor("c"));
    co_await an.cancel();
  });
}

TEST_P(find_actor, watch_tells_who_is_there_who_comes_and_who_goes) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    co_await an.start_actor("other", options());
    auto first = co_await an.start_actor("w.1", options());
    co_await tractor::watch_actors("w.", [&](tractor::actor_watch& watch) -> sc::task<> {
      EXPECT_EQ("+w.1", text(co_await watch.receive()));
      co_await an.start_actor("w.2", options());
      EXPECT_EQ("+w.2", text(co_await watch.receive()));
      co_await first.cancel_actor();
      EXPECT_EQ("-w.1", text(co_await watch.receive()));
      co_await an.start_actor("another", options());
      co_await an.cancel();
      EXPECT_EQ("-w.2", text(co_await watch.receive()));
    });
  });
}

sc::task<std::vector<std::string>> watch_two(std::string prefix) {
  co_return co_await tractor::watch_actors(std::move(prefix), [](tractor::actor_watch& watch) -> sc::task<std::vector<std::string>> {
    std::vector<std::string> seen;
    for (int i = 0; i < 2; ++i) seen.push_back(text(co_await watch.receive()));
    co_return seen;
  });
}
TRACTOR_MODULE(find_actor_watch_test) { mod.def<&watch_two>("watch_two", "prefix"); }

TEST_P(find_actor, watch_of_another_actor_comes_from_the_registrar) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto watching = options();
    watching.enable_modules.emplace_back("find_actor_watch_test");
    auto a = co_await an.start_actor("a", watching);
    co_await an.start_actor("w.1", options());
    std::vector<std::string> seen;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { seen = co_await a.run<&watch_two>("w."); });
      co_await sc::sleep(10ms);
      co_await an.start_actor("w.2", options());
    });
    EXPECT_THAT(seen, ElementsAre("+w.1", "+w.2"));
    co_await an.cancel();
  });
}

TEST_P(find_actor, tree_without_a_registry_finds_who_is_connected_and_says_why_nobody_else) {
  run([]() -> sc::task<> {
    co_await tractor::open_nursery(
        [](actor_nursery& an) -> sc::task<> {
          co_await an.start_actor("a", options());
          EXPECT_EQ("a", co_await ask_name("a"));
          const auto error = co_await catch_as<tractor::runtime_failure>([] { return ask_name("b"); });
          RT_REQUIRE(error);
          EXPECT_THAT(error->what(), HasSubstr("this tree has no registry"));
          co_await an.cancel();
        },
        tractor::root_options{.registry_addrs = std::vector<ipc::address>()});
  });
}

// A tree whose registry is at that host: its actors find each other, and listen there too.
void expect_actors_that_listen_by_tcp(std::string host, const actor_options& options) {
  run([&]() -> sc::task<> {
    co_await tractor::open_nursery(
        [&](actor_nursery& an) -> sc::task<> {
          auto a = co_await an.start_actor("a", options);
          auto b = co_await an.start_actor("b", options);
          EXPECT_EQ("a", co_await b.run<&ask_name>("a"));
          const auto addrs = co_await tractor::query_actor("a");
          RT_REQUIRE(addrs);
          const auto by_tcp = [&](const ipc::address& where) {
            return where.tcp() != nullptr && where.tcp()->host == host && where.tcp()->port != 0;
          };
          EXPECT_EQ(1, std::ranges::count_if(*addrs, by_tcp));
          EXPECT_EQ(2U, addrs->size());
          co_await an.cancel();
        },
        tractor::root_options{.registry_addrs = std::vector<ipc::address>{ipc::tcp_address{host, 0}}});
  });
}

// Why this machine has no ::1; empty: it has.
std::string why_no_ipv6_loopback() {
  std::string why;
  run([&]() -> sc::task<> {
    try {
      static_cast<void>(ipc::listen(ipc::tcp_address{"::1", 0}));
    } catch (const tractor::os_error& failed) {
      why = failed.what();
    }
    co_return;
  });
  return why;
}

// S-BOOT-6, S-BOOT-7: over TCP every actor listens there too, as well as at its socket file.
TEST_P(find_actor, registry_by_tcp_has_actors_that_listen_by_tcp) { expect_actors_that_listen_by_tcp("127.0.0.1", options()); }

// S-TCP-3
TEST_P(find_actor, registry_by_ipv6_has_actors_that_listen_by_ipv6) {
  if (const auto why = why_no_ipv6_loopback(); !why.empty()) GTEST_SKIP() << "this machine has no IPv6 loopback: " << why;
  expect_actors_that_listen_by_tcp("::1", options());
}

// S-TCP-3: the only address that the actor tells is the one that it was given, and another actor reaches it there.
TEST_P(find_actor, actor_that_is_told_to_listen_by_ipv6_is_reached_there) {
  if (const auto why = why_no_ipv6_loopback(); !why.empty()) GTEST_SKIP() << "this machine has no IPv6 loopback: " << why;
  run([]() -> sc::task<> {
    co_await tractor::open_nursery(
        [](actor_nursery& an) -> sc::task<> {
          auto listening = options();
          listening.bind_addrs = {ipc::tcp_address{"::1", 0}};
          co_await an.start_actor("a", listening);
          auto b = co_await an.start_actor("b", options());
          EXPECT_EQ("a", co_await b.run<&ask_name>("a"));
          const auto addrs = co_await tractor::query_actor("a");
          RT_REQUIRE(addrs);
          RT_REQUIRE(addrs->size() == 1);
          EXPECT_THAT(addrs->front().text(), ::testing::StartsWith("/ip6/::1/tcp/"));
          co_await an.cancel();
        },
        tractor::root_options{.registry_addrs = std::vector<ipc::address>{ipc::tcp_address{"::1", 0}}, .control_socket = false});
  });
}

}  // namespace find_actor_test
