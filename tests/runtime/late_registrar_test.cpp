// SPDX-License-Identifier: Apache-2.0
//
// A registry that TRACTOR_REGISTRY names, and whose registrar comes later than who wants to use it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <stdio.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "find_actor_endpoints.hpp"
#include "programs.hpp"
#include "raw_peer.hpp"
#include "runtime_test.hpp"
#include "tests/ipc/own_network.hpp"
#include "tractor/runtime/detail/directory.hpp"
#include "tractor/tractor.hpp"

namespace late_registrar_test {

using namespace runtime_test;
using namespace find_actor_test;
namespace fs = std::filesystem;
namespace ipc = tractor::ipc;
namespace sc = tractor::sc;

// The registry is to be below a file that is no directory: nobody is there, and nobody can be, as at the address of another machine.
class late_registrar : public ::runtime_test::runtime_test {
 protected:
  void SetUp() override {
    process_fixture::SetUp();
    place_ = left_behind().temporary_directory() + "/place";
    std::ofstream(place_) << "in the way";
    use_registry_in(place_);
  }
  void TearDown() override {
    ::unsetenv("TRACTOR_REGISTRY");
    fs::remove_all(place_);
    process_fixture::TearDown();
  }
  static void use_registry_in(const std::string& directory) {
    ::setenv("TRACTOR_REGISTRY", ("/unix" + directory + "/registry.sock").c_str(), 1);
  }
  // At no moment is there nothing of either name.
  void exchange_with(const std::string& other) const {
    ASSERT_EQ(0, ::renameat2(AT_FDCWD, place_.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE));
  }
  static actor_options serving() { return {.enable_modules = {"find_actor_test"}}; }
  std::string place_;
};

// The arguments of register_actor.
struct registration {
  tractor::uid uid;
  tractor::msg::wire_address addr;
};

bool is_registrar() { return tractor::current_actor().directory().is_registrar(); }

// S-BOOT-4
TEST_F(late_registrar, is_joined_when_it_comes) {
  const std::string elsewhere = left_behind().temporary_directory() + "/elsewhere";
  use_registry_in(elsewhere);
  std::optional<program> other(std::in_place, "serving:other", start_method::forkserver);
  use_registry_in(place_);
  testing::internal::CaptureStderr();
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_THAT(said, testing::StartsWith("tractor: the tree of 'root' has no registry yet, and nobody finds its actors by name until it "
                                          "has one: no registrar answers at /unix" +
                                          place_ + "/registry.sock, and this root cannot be it: "));
    co_await an.start_actor("mine", serving());
    std::string late;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { late = co_await ask_name_when_there("other.worker"); });
      co_await sc::sleep(std::chrono::milliseconds(20));  // it has asked, where nobody is
      exchange_with(elsewhere);
    });
    EXPECT_EQ("other.worker", late);
    const auto mine_is_found = [](std::optional<portal> worker) -> sc::task<> {
      RT_REQUIRE(worker);
      EXPECT_EQ("mine", co_await worker->run<&ask_name_when_there>("mine"));
    };
    co_await tractor::find_actor("other.worker", mine_is_found);
    EXPECT_FALSE(is_registrar());
    co_await an.cancel();
  });
  exchange_with(elsewhere);
  other->release();
  EXPECT_EQ("exit status 0", other->wait());
  fs::remove_all(elsewhere);
}

// S-BOOT-4, S-BOOT-7
TEST_F(late_registrar, is_the_root_itself_as_soon_as_it_can) {
  testing::internal::CaptureStderr();
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    testing::internal::GetCapturedStderr();
    auto mine = co_await an.start_actor("mine", serving());
    co_await an.start_actor("other", serving());
    EXPECT_FALSE(is_registrar());
    fs::remove(place_);
    while (!is_registrar()) co_await sc::sleep(std::chrono::milliseconds(1));
    EXPECT_EQ("other", co_await mine.run<&ask_name>("other"));
    co_await an.cancel();
  });
}

// --- a network that comes later ---

constexpr const char* beyond = "/ip4/10.77.0.1/tcp/1616";

class late_network : public ::runtime_test::runtime_test {
 protected:
  void SetUp() override {
    process_fixture::SetUp();
    if (!network_.why_not().empty()) GTEST_SKIP() << network_.why_not();
    ::setenv("TRACTOR_REGISTRY", beyond, 1);
  }
  void TearDown() override {
    ::unsetenv("TRACTOR_REGISTRY");
    process_fixture::TearDown();
  }
  // Runs `body` in a root that has found no network; what it says of that is not shown.
  static void run_root(std::vector<ipc::address> bind_addrs, const std::function<sc::task<>()>& body) {
    testing::internal::CaptureStderr();
    run([&] { return tractor::open_root_actor(body, {.bind_addrs = std::move(bind_addrs), .handle_signals = false, .insecure = true}); });
    EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr("has no registry yet"));
  }

 private:
  ipc_test::own_network network_{false};
};

// Gives where an actor says, to the registrar that this is, that it is reached.
sc::task<std::string> registered_address(std::unique_ptr<sc::byte_stream> stream) {
  raw::raw_peer registrar(std::move(stream));
  registrar.channel().send([](tractor::msg::buffer& out) {
    tractor::msg::encode_aid(out, {.name = "registrar", .uuid = "1", .pid = 1, .is_registrar = true, .is_probe = false});
  });
  while (const auto message = co_await registrar.channel().receive())
    if (const auto* request = std::get_if<tractor::msg::start>(&*message))
      if (request->func == "register_actor")
        co_return ipc::address::from_wire(tractor::msg::decode<registration>(request->kwargs, {}, "kwargs").addr).text();
  co_return "nothing";
}

// S-BOOT-6: where it listens is looked up again.
TEST_F(late_network, root_listens_there_when_it_has_joined_the_registrar) {
  run_root({}, []() -> sc::task<> {
    TRACTOR_REQUIRE(ipc_test::own_network::add_address());
    const auto registrar = ipc::listen(ipc::address::parse(beyond), {.insecure = true});
    const std::string told = co_await registered_address((co_await registrar->accept()).stream);
    EXPECT_THAT(told, testing::MatchesRegex("/ip4/10\\.77\\.0\\.1/tcp/[0-9]+"));
    EXPECT_THAT(tractor::accept_addresses(), testing::Contains(ipc::address::parse(told)));
  });
}

TEST_F(late_network, of_a_kind_that_this_machine_does_not_have_harms_nobody) {
  std::ofstream("/proc/sys/net/ipv6/conf/all/disable_ipv6") << 1;  // of the network of the test
  ::setenv("TRACTOR_REGISTRY", "/ip6/::1/tcp/1616", 1);
  run_root({}, []() -> sc::task<> {
    co_await tractor::open_nursery([](actor_nursery& an) -> sc::task<> {
      auto worker = co_await an.start_actor("worker", {.enable_modules = {"find_actor_test"}});
      EXPECT_EQ("worker", co_await worker.run<&own_name>());
      const auto error = co_await catch_as<tractor::runtime_failure>([] { return tractor::query_actor("worker"); });
      RT_REQUIRE(error);
      EXPECT_THAT(error->what(), testing::HasSubstr("(none has come since this tree began: no registrar answers at /ip6/::1/tcp/1616, "
                                                    "and this root cannot be it: "));
      co_await an.cancel();
    });
  });
}

// S-BOOT-7: what it is to listen at does not stand in its own way.
TEST_F(late_network, root_that_is_to_listen_at_the_address_is_the_registrar_when_there_is_one) {
  run_root({ipc::address::parse("/ip4/0.0.0.0/tcp/1616")}, []() -> sc::task<> {
    EXPECT_FALSE(is_registrar());
    TRACTOR_REQUIRE(ipc_test::own_network::add_address());
    while (!is_registrar()) co_await sc::sleep(std::chrono::milliseconds(1));
    EXPECT_THAT(tractor::accept_addresses(), testing::Contains(ipc::address::parse("/ip4/0.0.0.0/tcp/1616")));
    EXPECT_TRUE(co_await tractor::query_actor("root"));
  });
}

}  // namespace late_registrar_test
