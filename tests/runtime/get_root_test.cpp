// SPDX-License-Identifier: Apache-2.0
//
// Those that every tree has: its root, and who is its registrar. And a program that is nothing but a root.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "find_actor_endpoints.hpp"
#include "programs.hpp"
#include "raw_peer.hpp"
#include "runtime/lookup.hpp"
#include "runtime_test.hpp"
#include "tractor/ipc/runtime_directory.hpp"
#include "tractor/tractor.hpp"

namespace get_root_test {

using namespace runtime_test;
using namespace find_actor_test;
namespace ipc = tractor::ipc;

class get_root : public both_methods {
 protected:
  [[nodiscard]] static actor_options options() { return {.enable_modules = {"find_actor_test"}, .start_method = GetParam()}; }
  // Runs `body` in a root that may be asked for its name.
  static void run_in_root(tractor::root_options root, const std::function<sc::task<>(actor_nursery&)>& body) {
    root.enable_modules = {"find_actor_test"};
    run([&]() -> sc::task<> {
      co_await tractor::open_root_actor(
          [&]() -> sc::task<> {
            co_await tractor::open_nursery([&](actor_nursery& an) -> sc::task<> {
              co_await body(an);
              co_await an.cancel();
            });
          },
          root);
    });
  }
};
RT_BOTH_METHODS(get_root);

// S-DSC-7, S-BOOT-10
TEST_P(get_root, root_is_reached_from_every_level) {
  run_in_root({}, [](actor_nursery& an) -> sc::task<> {
    const std::string uuid = tractor::current_actor().uid().uuid;
    EXPECT_EQ(uuid, co_await root_uuid()) << "from itself";
    auto worker = co_await an.start_actor("worker", options());
    EXPECT_EQ(uuid, co_await worker.run<&root_uuid>());
    EXPECT_EQ("root", co_await worker.run<&ask_root_name>());
    EXPECT_EQ(uuid, co_await worker.run<&root_uuid_from_below>(GetParam() == start_method::exec));
  });
}

// Its first level has the connection to it that it was born with.
TEST_P(get_root, root_that_listens_nowhere_is_reached_by_those_that_it_has_started) {
  run_in_root({.registry_addrs = std::vector<ipc::address>(), .control_socket = false}, [](actor_nursery& an) -> sc::task<> {
    auto worker = co_await an.start_actor("worker", options());
    EXPECT_EQ("root", co_await worker.run<&ask_root_name>());
    const auto error =
        co_await catch_as<tractor::remote_actor_error>([&] { return worker.run<&root_uuid_from_below>(GetParam() == start_method::exec); });
    RT_REQUIRE(error);
    EXPECT_THAT(error->what(), HasSubstr("the root actor 'root' of this tree listens nowhere"));
  });
}

// Who has taken its address is not the root.
TEST_P(get_root, stranger_at_the_address_of_the_root_is_refused) {
  const ipc::uds_address where{.dir = left_behind().temporary_directory(), .file = "root.sock"};
  run_in_root({.bind_addrs = {where}, .registry_addrs = std::vector<ipc::address>(), .control_socket = false},
              [&](actor_nursery& an) -> sc::task<> {
                auto worker = co_await an.start_actor("worker", options());
                std::filesystem::remove(where.path());
                const auto successor = ipc::listen(where);
                sc::cancel_scope answering;
                co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
                  n.start_soon([&]() -> sc::task<> {
                    static_cast<void>(co_await answering.run([&]() -> sc::task<> {
                      raw::raw_peer stranger((co_await successor->accept()).stream);
                      co_await stranger.shake_hands();
                      EXPECT_EQ("closed", co_await stranger.answer());
                    }));
                  });
                  const auto error = co_await catch_as<tractor::remote_actor_error>(
                      [&] { return worker.run<&root_uuid_from_below>(GetParam() == start_method::exec); });
                  RT_REQUIRE(error);
                  EXPECT_THAT(error->what(), HasSubstr("actor 'intruder', who listens at " + ipc::address(where).text() +
                                                       ", is not the root of this tree"));
                  answering.cancel("done");
                });
              });
}

// S-DSC-6
TEST_P(get_root, who_is_no_registrar_is_not_taken_for_one) {
  const ipc::uds_address where{.dir = left_behind().temporary_directory(), .file = "worker.sock"};
  run_in_root({}, [&](actor_nursery& an) -> sc::task<> {
    auto listening = options();
    listening.bind_addrs = {where};
    auto worker = co_await an.start_actor("worker", listening);
    const auto error = co_await catch_as<tractor::transport_closed>([&] {
      return tractor::get_registrar(
          [](portal&) -> sc::task<> {
            ADD_FAILURE() << "entered";
            co_return;
          },
          {.registry_addrs = {where}});
    });
    RT_REQUIRE(error);
    EXPECT_THAT(error->what(), HasSubstr("actor 'worker', who listens at " + ipc::address(where).text() + ", is not a registrar"));
  });
}

// S-DSC-6, S-RT-18
// Reference: local::test_self_is_registered_localportal.
TEST_P(get_root, registrar_is_reached_also_by_itself) {
  run_in_root({}, [](actor_nursery& an) -> sc::task<> {
    const std::string uuid = tractor::current_actor().uid().uuid;
    EXPECT_EQ(uuid, co_await registrar_uuid());
    auto worker = co_await an.start_actor("worker", options());
    EXPECT_EQ(uuid, co_await worker.run<&registrar_uuid>());
  });
}

// S-RT-18
// Reference: local::test_self_is_registered.
TEST_P(get_root, root_finds_itself_by_its_name) {
  run_in_root({.name = "the root"}, [](actor_nursery&) -> sc::task<> {
    EXPECT_EQ("the root", co_await ask_name_when_there("the root"));
    EXPECT_EQ("the root", co_await ask_name("the root"));
  });
}

class daemon_test : public ::runtime_test::runtime_test {
 protected:
  // Until somebody has bound the registry's address: else this program would be the registrar.
  static void wait_for_registrar() {
    const std::string file = ipc::runtime_directory_path() + "/" + std::string(ipc::registry_file);
    while (::access(file.c_str(), F_OK) != 0) ::usleep(1'000);
  }
};

// S-RT-19, S-BOOT-13, S-MPG-2
TEST_F(daemon_test, daemon_serves_until_it_is_interrupted) {
  program store("daemon:store", start_method::forkserver);
  wait_for_registrar();
  run([]() -> sc::task<> {
    co_await tractor::open_root_actor([]() -> sc::task<> { EXPECT_EQ("store", co_await ask_name_when_there("store")); });
  });
  store.root().signal(SIGINT);
  EXPECT_EQ("exit status 130", store.wait());
  EXPECT_EQ("tractor: interrupted by SIGINT\n", store.errors());
}

// S-DSC-6: cancelled through its portal, a registrar of another program ends.
TEST_F(daemon_test, registrar_of_another_program_is_cancelled) {
  program store("daemon:store", start_method::forkserver);
  wait_for_registrar();
  run([]() -> sc::task<> {
    co_await tractor::open_root_actor([]() -> sc::task<> {
      co_await tractor::wait_for_actor("store", [](portal&) -> sc::task<> { co_return; });
      co_await tractor::get_registrar([](portal& registrar) -> sc::task<> {
        EXPECT_EQ("store", registrar.name());
        EXPECT_TRUE(co_await registrar.cancel_actor({.timeout = hang_bound}));
      });
    });
  });
  EXPECT_EQ("exit status 1", store.wait());
  EXPECT_THAT(store.errors(), HasSubstr("the root actor was cancelled by actor 'root'"));
}

// S-DSC-8
TEST(nearest_address, socket_file_then_this_machine_then_others_and_the_last_of_equals) {
  using tractor::detail::by_distance;
  const ipc::address file = ipc::uds_address{"/run", "a"}, other_file = ipc::uds_address{"/run", "b"};
  const ipc::address loopback = ipc::tcp_address{"127.0.0.1", 1}, loopback_too = ipc::tcp_address{"::1", 2};
  const ipc::address far = ipc::tcp_address{"203.0.113.1", 3}, far_too = ipc::tcp_address{"203.0.113.2", 4};
  EXPECT_EQ(by_distance({far, file, loopback, far_too, loopback_too, other_file}, nullptr),
            (std::vector<ipc::address>{other_file, file, loopback_too, loopback, far_too, far}));
  EXPECT_EQ(by_distance({far}, nullptr), (std::vector<ipc::address>{far}));
  EXPECT_EQ(by_distance({file, far}, &far), (std::vector<ipc::address>{far})) << "a file that another machine knows is not here";
  EXPECT_EQ(by_distance({file}, &far), (std::vector<ipc::address>{}));
  EXPECT_EQ(by_distance({loopback, far}, &far_too), (std::vector<ipc::address>{far})) << "nor is a loopback address";
  EXPECT_EQ(by_distance({file, far}, &loopback), (std::vector<ipc::address>{file, far}));
}

}  // namespace get_root_test
