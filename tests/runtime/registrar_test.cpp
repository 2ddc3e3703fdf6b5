// SPDX-License-Identifier: Apache-2.0
//
// Several programs and one registrar; and what comes after it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "find_actor_endpoints.hpp"
#include "programs.hpp"
#include "runtime_test.hpp"
#include "tractor/ipc/runtime_directory.hpp"
#include "tractor/runtime/detail/directory.hpp"
#include "tractor/tractor.hpp"

namespace registrar_test {

using namespace runtime_test;
using namespace find_actor_test;
using ::testing::Contains;
using ::testing::Not;
namespace ipc = tractor::ipc;
namespace sc = tractor::sc;

// A port of the loopback interface that was free a moment ago.
ipc::address free_port() {
  ipc::address found = ipc::tcp_address{"127.0.0.1", 0};
  sc::run([&]() -> sc::task<> {
    found = ipc::listen(found)->local();
    co_return;
  });
  return found;
}

enum class registry_by : unsigned char { uds, tcp };

class registrar : public ::runtime_test::runtime_test, public ::testing::WithParamInterface<registry_by> {
 protected:
  void SetUp() override {
    process_fixture::SetUp();
    if (GetParam() == registry_by::tcp) ::setenv("TRACTOR_REGISTRY", free_port().text().c_str(), 1);
  }
  void TearDown() override {
    ::unsetenv("TRACTOR_REGISTRY");
    process_fixture::TearDown();
  }
  // What was killed; its fork server is nobody's child then.
  void expect_gone(const program& killed) const {
    EXPECT_TRUE(killed.server()->ends());
    left_behind().reap_orphans();
  }
  static actor_options serving() { return {.enable_modules = {"find_actor_test"}}; }
};
INSTANTIATE_TEST_SUITE_P(by, registrar, ::testing::Values(registry_by::uds, registry_by::tcp),
                         [](const auto& info) { return std::string(info.param == registry_by::uds ? "uds" : "tcp"); });

bool is_registrar() { return tractor::current_actor().directory().is_registrar(); }

bool has(const std::vector<std::string>& seen, const char* event) { return std::ranges::find(seen, event) != seen.end(); }

// Until nobody of that name is registered.
sc::task<> until_gone(std::string name) {
  while (co_await tractor::query_actor(name)) co_await sc::sleep(1ms);
}

// S-MPG-1, S-RT-6, S-BOOT-2, S-BOOT-4, S-BOOT-6, S-REG-11
TEST_P(registrar, second_program_joins_and_both_find_each_other) {
  program other("serving:other", start_method::forkserver);
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    EXPECT_FALSE(is_registrar());
    EXPECT_EQ("other.worker", co_await ask_name("other.worker"));
    EXPECT_EQ("other", co_await ask_name("other"));
    co_await an.start_actor("mine", serving());
    EXPECT_TRUE(co_await tractor::query_actor("mine"));  // at once: the question goes behind the registration
    co_await tractor::find_actor("other.worker", [](std::optional<portal> worker) -> sc::task<> {
      RT_REQUIRE(worker);
      EXPECT_EQ("mine", co_await worker->run<&ask_name>("mine"));
      EXPECT_EQ("root", (co_await tractor::query_actor("root")) ? "root" : "nobody");
    });
    co_await an.cancel();
  });
  other.release();
  EXPECT_EQ("exit status 0", other.wait());
}

TEST_P(registrar, what_a_program_registered_goes_with_it) {
  program first("serving:first", start_method::forkserver);
  std::optional<program> second(std::in_place, "serving:second", start_method::forkserver);
  run_in_nursery([&](actor_nursery&) -> sc::task<> {
    EXPECT_EQ("second.worker", co_await ask_name("second.worker"));
    second->root().signal(SIGKILL);
    co_await until_gone("second.worker");
    co_await until_gone("second");
    EXPECT_EQ("first.worker", co_await ask_name("first.worker"));
  });
  expect_gone(*second);
  second.reset();
  first.release();
  EXPECT_EQ("exit status 0", first.wait());
}

TEST_P(registrar, killed_registrar_is_succeeded_by_a_root_that_is_there) {
  program first("serving:first", start_method::forkserver);
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto mine = co_await an.start_actor("mine", serving());
    EXPECT_FALSE(is_registrar());
    first.root().signal(SIGKILL);
    co_await until_gone("first");
    // For another actor the registrar is at the address that it always was at.
    EXPECT_EQ("nobody", co_await mine.run<&ask_name>("first"));
    EXPECT_TRUE(is_registrar());
    EXPECT_EQ("mine", co_await mine.run<&ask_name>("mine"));
    co_await an.start_actor("later", serving());
    EXPECT_EQ("later", co_await mine.run<&ask_name>("later"));
    co_await an.cancel();
  });
  expect_gone(first);
}

TEST_P(registrar, all_who_are_left_register_with_the_successor) {
  program first("serving:first", start_method::forkserver);
  program second("serving:second", start_method::forkserver);
  program third("serving:third", start_method::forkserver);
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto mine = co_await an.start_actor("mine", serving());
    EXPECT_EQ("second.worker", co_await mine.run<&ask_name>("second.worker"));
    first.root().signal(SIGKILL);
    // Nobody who is left is missed at any time: a lookup waits for the successor, and for those who register with it.
    for (int i = 0; i < 20; ++i)
      for (const auto* name : {"second.worker", "third.worker", "second", "mine"}) {
        EXPECT_EQ(name, co_await mine.run<&ask_name>(name));
        EXPECT_EQ(name, co_await ask_name(name));
      }
    co_await until_gone("first.worker");
    co_await an.cancel();
  });
  expect_gone(first);
  for (program* const left : {&second, &third}) {
    left->release();
    EXPECT_EQ("exit status 0", left->wait());
  }
}

TEST_P(registrar, registrar_that_ends_in_good_order_is_succeeded_too) {
  program first("serving:first", start_method::forkserver);
  program second("serving:second", start_method::forkserver);
  first.release();
  EXPECT_EQ("exit status 0", first.wait());
  run_in_nursery([&](actor_nursery&) -> sc::task<> {
    // This root may be the successor itself, if it was faster, and knows of nobody then.
    EXPECT_EQ("second.worker", co_await ask_name_when_there("second.worker"));
    EXPECT_EQ("nobody", co_await ask_name("first.worker"));
  });
  second.release();
  EXPECT_EQ("exit status 0", second.wait());
}

TEST_P(registrar, watch_goes_on_with_the_successor) {
  program first("serving:first", start_method::forkserver);
  program second("serving:second", start_method::forkserver);
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    co_await tractor::watch_actors("", [&](tractor::actor_watch& watch) -> sc::task<> {
      std::vector<std::string> seen;
      const auto next = [&]() -> sc::task<> { seen.push_back(text(co_await watch.receive())); };
      while (!has(seen, "+second.worker")) co_await next();
      EXPECT_THAT(seen, Contains("+first.worker"));
      first.root().signal(SIGKILL);
      while (!has(seen, "-first.worker")) co_await next();
      co_await an.start_actor("mine", serving());
      while (!has(seen, "+mine")) co_await next();
      EXPECT_THAT(seen, Not(Contains("-second.worker")));
    });
    co_await an.cancel();
  });
  expect_gone(first);
  second.release();
  EXPECT_EQ("exit status 0", second.wait());
}

// An actor of this tree waits for one that comes when the registrar, another program, has ended by the signal.
void wait_beyond_the_end_of(const program& first, int signal) {
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    const actor_options serving{.enable_modules = {"find_actor_test"}};
    auto mine = co_await an.start_actor("mine", serving);
    std::string seen;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { seen = co_await mine.run<&ask_name_when_there>("late"); });
      co_await sc::sleep(10ms);
      first.root().signal(signal);
      co_await until_gone("first");
      co_await an.start_actor("late", serving);
    });
    EXPECT_EQ("late", seen);
    co_await an.cancel();
  });
}

// Asked to end, it answers what it was asked as cancelled.
TEST_P(registrar, wait_for_an_actor_survives_the_good_end_of_the_registrar) {
  program first("serving:first", start_method::forkserver);
  wait_beyond_the_end_of(first, SIGTERM);
  EXPECT_EQ("exit status 143", first.wait());
}

TEST_P(registrar, wait_for_an_actor_survives_the_registrar) {
  program first("serving:first", start_method::forkserver);
  wait_beyond_the_end_of(first, SIGKILL);
  expect_gone(first);
}

TEST_P(registrar, stopped_registrar_is_given_up_and_told_when_it_goes_on) {
  program first("serving:first", start_method::forkserver);
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    first.root().signal(SIGSTOP);
    for (const auto* name : {"a", "b"}) {
      auto started = co_await an.start_actor(name, serving());
      EXPECT_EQ(name, co_await started.run<&own_name>());
    }
    first.root().signal(SIGCONT);
    for (const auto* name : {"a", "b"})
      while (!co_await tractor::query_actor(name)) co_await sc::sleep(1ms);
    co_await an.cancel();
  });
  first.release();
  EXPECT_EQ("exit status 0", first.wait());
}

sc::task<> open_root(tractor::root_options options) {
  co_await tractor::open_root_actor([]() -> sc::task<> { co_return; }, std::move(options));
}

// S-BOOT-5
TEST_P(registrar, root_that_was_to_be_the_registrar_does_not_join_one) {
  program first("serving:first", start_method::forkserver);
  run([]() -> sc::task<> {
    const auto error = co_await catch_as<tractor::runtime_failure>([] { return open_root({.ensure_registry = true}); });
    RT_REQUIRE(error);
    EXPECT_THAT(error->what(), HasSubstr("this root was to be the registrar (ensure_registry), but one is at /"));
  });
  first.release();
  EXPECT_EQ("exit status 0", first.wait());
  run([]() -> sc::task<> {
    co_await tractor::open_root_actor(
        []() -> sc::task<> {
          EXPECT_TRUE(is_registrar());
          co_return;
        },
        {.ensure_registry = true});
  });
}

class registry_address : public ::runtime_test::runtime_test {};

// S-BOOT-4
TEST_F(registry_address, address_of_somebody_else_is_an_error_for_who_named_it) {
  run([]() -> sc::task<> {
    // An actor, but no registrar.
    const auto listening = ipc::listen(ipc::tcp_address{"127.0.0.1", 0});
    const ipc::address where = listening->local();
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> {
        for (;;) {
          auto connection = co_await listening->accept();
          ipc::channel link(std::move(connection.stream));
          link.send([](tractor::msg::buffer& out) {
            tractor::msg::encode_aid(out, {.name = "busy", .uuid = "u", .pid = 1, .is_registrar = false});
          });
          static_cast<void>(co_await link.receive());
        }
      });
      const auto error = co_await catch_as<tractor::runtime_failure>([&] { return open_root({.registry_addrs = {{where}}}); });
      RT_REQUIRE(error);
      EXPECT_EQ("who listens at the registry's address " + where.text() + " did not answer as a registrar", std::string(error->what()));
      n.cancel("done");
    });
  });
}

// S-BOOT-3
TEST_F(registry_address, one_that_accepts_and_says_nothing_is_no_registrar) {
  run([]() -> sc::task<> {
    const auto silent = ipc::listen(ipc::tcp_address{"127.0.0.1", 0});
    const auto error = co_await catch_as<tractor::runtime_failure>([&] { return open_root({.registry_addrs = {{silent->local()}}}); });
    RT_REQUIRE(error);
    EXPECT_THAT(error->what(), HasSubstr("did not answer as a registrar"));
  });
}

// S-BOOT-7
TEST_F(registry_address, registrar_listens_at_all_its_addresses_and_where_it_was_told_to) {
  run([]() -> sc::task<> {
    const ipc::address bound = ipc::uds_address{ipc::runtime_directory(), "extra.sock"};
    const ipc::address one = ipc::uds_address{ipc::runtime_directory(), "one.sock"};
    const ipc::address two = ipc::uds_address{ipc::runtime_directory(), "two.sock"};
    co_await tractor::open_root_actor(
        [&]() -> sc::task<> {
          EXPECT_TRUE(is_registrar());
          EXPECT_THAT(tractor::accept_addresses(), ::testing::IsSupersetOf({bound, one, two}));
          co_return;
        },
        {.bind_addrs = {bound}, .registry_addrs = {{one, two}}});
  });
}

// S-BOOT-7: what it was told is the registry's address, or one of several.
TEST_F(registry_address, registrar_that_was_told_to_listen_there_anyway_is_the_registrar) {
  run([]() -> sc::task<> {
    const ipc::address one = ipc::uds_address{ipc::runtime_directory(), "one.sock"};
    const ipc::address two = ipc::uds_address{ipc::runtime_directory(), "two.sock"};
    for (const auto& registries : {std::vector{one}, std::vector{one, two}}) {
      co_await tractor::open_root_actor(
          [&]() -> sc::task<> {
            EXPECT_TRUE(is_registrar());
            EXPECT_THAT(tractor::accept_addresses(), ::testing::IsSupersetOf(registries));
            EXPECT_EQ(registries.size() + 1, tractor::accept_addresses().size()) << "and its control socket";
            EXPECT_TRUE(co_await tractor::query_actor("root"));
          },
          {.bind_addrs = {one}, .registry_addrs = registries});
    }
  });
}

TEST_F(registry_address, any_port_that_it_was_told_is_another_than_that_of_the_registry) {
  run([]() -> sc::task<> {
    const ipc::address any_port = ipc::tcp_address{.host = "127.0.0.1", .port = 0};
    co_await tractor::open_root_actor(
        [&]() -> sc::task<> {
          const auto& registries = tractor::current_actor().directory().registry_addrs();
          RT_REQUIRE(registries.size() == 1);
          EXPECT_NE(0, registries.front().tcp()->port);
          const auto addrs = co_await tractor::query_actor("root");
          RT_REQUIRE(addrs);
          EXPECT_EQ(2, std::ranges::count_if(*addrs, [](const ipc::address& at) { return at.tcp() != nullptr && at.tcp()->port != 0; }));
        },
        {.bind_addrs = {any_port}, .registry_addrs = {{any_port}}});
  });
}

// S-DSC-2: several registries, of which one is dead.
TEST_F(registry_address, dead_registrar_harms_nobody_as_long_as_another_answers) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    co_await an.start_actor("a", {.enable_modules = {"find_actor_test"}});
    const ipc::address dead = ipc::uds_address{ipc::runtime_directory(), "dead.sock"};
    const auto registrars = tractor::current_actor().directory().registry_addrs();
    RT_REQUIRE(registrars.size() == 1);
    const auto found = co_await tractor::query_actor("a", {.registry_addrs = {dead, registrars.front()}});
    EXPECT_TRUE(found);
    const auto error = co_await catch_as<tractor::runtime_failure>([&] { return tractor::query_actor("a", {.registry_addrs = {dead}}); });
    RT_REQUIRE(error);
    EXPECT_THAT(error->what(), HasSubstr("no registrar answers at " + dead.text()));
    co_await an.cancel();
  });
}

TEST_F(registry_address, variable_that_is_no_address_leaves_the_tree_without_a_registry_and_says_so_to_who_asks) {
  ::setenv("TRACTOR_REGISTRY", "/ip4/nowhere/tcp/1", 1);
  testing::internal::CaptureStderr();
  run_in_nursery([](actor_nursery&) -> sc::task<> {
    const auto error = co_await catch_as<tractor::runtime_failure>([] { return ask_name("a"); });
    ::unsetenv("TRACTOR_REGISTRY");
    RT_REQUIRE(error);
    EXPECT_THAT(error->what(), HasSubstr("/ip4/nowhere/tcp/1"));
  });
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("tractor: the tree of 'root' has no registry, and nobody finds its actors by name: "));
}

}  // namespace registrar_test
