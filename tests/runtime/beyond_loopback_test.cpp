// SPDX-License-Identifier: Apache-2.0
//
// Trees whose registry is at an address that other machines reach: where their actors listen, and what others are told of it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "find_actor_endpoints.hpp"
#include "runtime/registration.hpp"
#include "runtime_test.hpp"
#include "tests/ipc/own_network.hpp"
#include "tractor/ipc/tree_secret.hpp"
#include "tractor/runtime/detail/directory.hpp"

namespace beyond_loopback_test {

using namespace runtime_test;
namespace ipc = tractor::ipc;
using find_actor_test::ask_name;
using ipc_test::beyond_own_host;
using ipc_test::own_host;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using addresses = std::vector<ipc::address>;

sc::task<int> listen_later(std::string host) {
  co_return tractor::listen_on(ipc::tcp_address{.host = std::move(host), .port = 0}).tcp()->port;
}
TRACTOR_MODULE(beyond_loopback_test) { mod.def<&listen_later>("listen_later", "host"); }

ipc::address any_port(const char* host) { return ipc::tcp_address{.host = host, .port = 0}; }

// The hosts of those by TCP; a port 0 would be no address.
std::vector<std::string> tcp_hosts(const addresses& addrs) {
  std::vector<std::string> hosts;
  for (const auto& where : addrs)
    if (where.tcp() != nullptr) hosts.push_back(where.tcp()->port != 0 ? where.tcp()->host : "without a port");
  return hosts;
}
sc::task<std::vector<std::string>> registered_tcp_hosts(std::string name) {
  co_return tcp_hosts((co_await tractor::query_actor(std::move(name))).value_or(addresses()));
}

class beyond_loopback : public ::runtime_test::runtime_test {
 protected:
  void SetUp() override {
    runtime_test::SetUp();
    if (!network_.why_not().empty()) GTEST_SKIP() << network_.why_not();
  }
  static actor_options serving(addresses bind = {}) {
    return {.enable_modules = {"find_actor_test", "beyond_loopback_test"}, .bind_addrs = std::move(bind)};
  }
  // A tree with a secret whose registry is there.
  static void run_tree(const char* registry_host, const std::function<sc::task<>(actor_nursery&)>& body) {
    run([&]() -> sc::task<> {
      co_await tractor::open_nursery(body, tractor::root_options{.registry_addrs = addresses{any_port(registry_host)},
                                                                 .secret = ipc::tree_secret("the secret of this tree")});
    });
  }

 private:
  ipc_test::own_network network_;
};

// S-BOOT-6, S-BOOT-7
TEST_F(beyond_loopback, actors_of_a_tree_with_a_secret_listen_beside_the_registry) {
  run_tree(own_host, [](actor_nursery& an) -> sc::task<> {
    co_await an.start_actor("a", serving());
    auto b = co_await an.start_actor("b", serving());
    EXPECT_THAT(co_await registered_tcp_hosts("a"), ElementsAre(own_host));
    EXPECT_EQ("a", co_await b.run<&ask_name>("a"));
    EXPECT_THAT(tcp_hosts(tractor::accept_addresses()), ElementsAre(own_host)) << "the registrar is at the registry's address";
    co_await an.cancel();
  });
}

// S-BOOT-6
TEST_F(beyond_loopback, where_an_actor_listens_follows_from_where_the_registry_is) {
  const auto chosen = [](std::optional<ipc::tree_secret> secret, const ipc::address& registry) {
    addresses bind;
    run([&]() -> sc::task<> {
      co_await tractor::open_root_actor(
          [&]() -> sc::task<> {
            bind = tractor::detail::default_bind_addrs(tractor::current_actor(), {registry});
            co_return;
          },
          {.registry_addrs = addresses(), .secret = secret});
    });
    return bind;
  };
  const ipc::tree_secret secret("the secret of this tree");
  EXPECT_THAT(chosen(secret, any_port(own_host)), ElementsAre(any_port(own_host)));
  EXPECT_THAT(chosen(secret, any_port(beyond_own_host)), ElementsAre(any_port(own_host)));
  EXPECT_THAT(chosen(secret, any_port("0.0.0.0")), ElementsAre(any_port("0.0.0.0")));
  EXPECT_THAT(chosen(secret, any_port("192.0.2.1")), IsEmpty()) << "there is no way there";
  EXPECT_THAT(chosen(std::nullopt, any_port(beyond_own_host)), IsEmpty());
  EXPECT_THAT(chosen(std::nullopt, any_port("127.0.0.1")), ElementsAre(any_port("127.0.0.1")));
}

// What means something else on another machine is not told there.
TEST_F(beyond_loopback, what_is_told_follows_from_where_the_registry_is) {
  const auto told = [](const ipc::address& bound, const char* registry) {
    return tractor::detail::addresses_to_tell(bound, {any_port(registry)});
  };
  const ipc::address file = ipc::uds_address{.dir = "/run", .file = "a.sock"};
  for (const auto& here : {file, any_port("127.0.0.1"), any_port("::1")}) {
    EXPECT_THAT(told(here, "127.0.0.1"), ElementsAre(here));
    EXPECT_THAT(told(here, own_host), ElementsAre(here));
    EXPECT_THAT(told(here, beyond_own_host), IsEmpty());
  }
  EXPECT_THAT(told(any_port(own_host), beyond_own_host), ElementsAre(any_port(own_host)));
  EXPECT_THAT(told(any_port("0.0.0.0"), beyond_own_host), ElementsAre(any_port(own_host)));
  EXPECT_THAT(told(any_port("::"), beyond_own_host), IsEmpty()) << "by IPv4 nobody comes to it";
  EXPECT_THAT(told(any_port("::"), "127.0.0.1"), ElementsAre(any_port("::1")));
}

// S-BOOT-7: an interface of its own address is one that a listener at all of them has.
TEST_F(beyond_loopback, registrar_may_listen_at_all_interfaces) {
  run([&]() -> sc::task<> {
    const ipc::address everywhere = ipc::tcp_address{.host = "0.0.0.0", .port = 1616};
    co_await tractor::open_root_actor(
        [&]() -> sc::task<> {
          EXPECT_THAT(tcp_hosts(tractor::accept_addresses()), ElementsAre("0.0.0.0"));
          EXPECT_THAT(co_await registered_tcp_hosts("root"), ElementsAre(own_host));
        },
        {.bind_addrs = {everywhere},
         .registry_addrs = addresses{ipc::tcp_address{.host = own_host, .port = 1616}},
         .secret = ipc::tree_secret("the secret of this tree")});
  });
}

TEST_F(beyond_loopback, root_says_for_all_actors_who_reaches_them) {
  testing::internal::CaptureStderr();
  run_tree(own_host, [](actor_nursery& an) -> sc::task<> {
    co_await an.start_actor("a", serving());
    co_await an.start_actor("b", serving({any_port("0.0.0.0")}));
    co_await an.cancel();
  });
  const auto said = testing::internal::GetCapturedStderr();
  EXPECT_THAT(said,
              HasSubstr("actors of the tree of 'root' listen where other machines reach them, and the tree's secret proves who connects"));
  EXPECT_THAT(said, ::testing::Not(HasSubstr("actor 'a' listens"))) << "as the root has said";
  EXPECT_THAT(said, HasSubstr("actor 'b' listens at /ip4/0.0.0.0/tcp/")) << "which somebody has told it";
}

// An address that means another machine to each who reads it is not told.
TEST_F(beyond_loopback, wildcard_is_registered_as_the_addresses_that_lead_here) {
  for (const auto& [registry, told] : {std::pair(own_host, own_host), std::pair("127.0.0.1", "127.0.0.1"), std::pair("0.0.0.0", own_host)})
    run_tree(registry, [told](actor_nursery& an) -> sc::task<> {
      co_await an.start_actor("a", serving({any_port("0.0.0.0")}));
      EXPECT_THAT(co_await registered_tcp_hosts("a"), ElementsAre(told));
      EXPECT_EQ("a", co_await ask_name("a"));
      EXPECT_THAT(co_await registered_tcp_hosts("root"), ElementsAre(told));
      co_await an.cancel();
    });
}

TEST_F(beyond_loopback, address_that_comes_later_is_registered_too) {
  run_tree("127.0.0.1", [](actor_nursery& an) -> sc::task<> {
    auto a = co_await an.start_actor("a", serving());
    EXPECT_THAT(co_await registered_tcp_hosts("a"), ElementsAre("127.0.0.1"));
    const int port = co_await a.run<&listen_later>(own_host);
    const auto addrs = co_await tractor::query_actor("a");
    RT_REQUIRE(addrs);
    EXPECT_THAT(*addrs, ::testing::Contains(ipc::address(ipc::tcp_address{.host = own_host, .port = static_cast<std::uint16_t>(port)})));

    co_await listen_later("0.0.0.0");  // this actor, the registrar
    EXPECT_THAT(co_await registered_tcp_hosts("root"), ElementsAre("127.0.0.1", "127.0.0.1"));
    co_await an.cancel();
  });
}

}  // namespace beyond_loopback_test
