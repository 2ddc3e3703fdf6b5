// SPDX-License-Identifier: Apache-2.0
//
// Addresses of hosts: numbers here, names by the system in a thread. Asks nobody on the network.

#include "tractor/sc/resolve.hpp"

#include <netdb.h>

#include <set>

#include "sc_test.hpp"
#include "tractor/sc/to_thread.hpp"

namespace {

using namespace sc_test;

task<std::optional<sc::resolve_error>> error_of(std::string host, std::string service, sc::resolve_options options = {}) {
  try {
    static_cast<void>(co_await sc::resolve(host, service, options));
  } catch (const sc::resolve_error& failed) {
    co_return failed;
  }
  co_return std::nullopt;
}

TRACTOR_TEST(resolve, numeric_addresses_need_no_thread) {
  const auto v4 = co_await sc::resolve("127.0.0.1", "80");
  const auto v6 = co_await sc::resolve("::1", "0");

  EXPECT_EQ(v4, (std::vector<sc::ip_endpoint>{{.host = "127.0.0.1", .port = 80}}));
  EXPECT_EQ(v6, (std::vector<sc::ip_endpoint>{{.host = "::1", .port = 0}}));
  EXPECT_FALSE(sc::runner::current()->has_external());
}

TRACTOR_TEST(resolve, numeric_address_is_a_checkpoint_all_the_same) {
  sc::cancel_scope scope;
  scope.cancel("before it began");

  EXPECT_FALSE(co_await scope.run([] { return sc::resolve("127.0.0.1", "80"); }));
}

TRACTOR_TEST(resolve, name_of_this_host_gives_loopback_addresses_once_each) {
  const auto found = co_await sc::resolve("localhost", "80");

  TRACTOR_REQUIRE(!found.empty());
  std::set<std::string> hosts;
  for (const auto& each : found) {
    EXPECT_EQ(each.port, 80);
    EXPECT_TRUE(hosts.insert(each.host).second) << each.host << " came twice";
    EXPECT_TRUE(each.host == "::1" || each.host.starts_with("127.")) << each.host;
  }
}

TRACTOR_TEST(resolve, family_limits_the_answer) {
  const auto found = co_await sc::resolve("localhost", "80", {.family = sc::address_family::ipv4});

  for (const auto& each : found) EXPECT_TRUE(each.host.starts_with("127.")) << each.host;
}

TRACTOR_TEST(resolve, literal_of_the_other_family_is_an_error) {
  const auto v4 = co_await error_of("127.0.0.1", "80", {.family = sc::address_family::ipv6});
  const auto v6 = co_await error_of("::1", "80", {.family = sc::address_family::ipv4});

  TRACTOR_REQUIRE(v4 && v6);
  EXPECT_EQ(v4->code(), EAI_ADDRFAMILY);
  EXPECT_EQ(v6->message(), "resolve(::1, 80): Address family for hostname not supported [EAI_ADDRFAMILY]");
}

TRACTOR_TEST(resolve, unknown_service_is_an_error_that_names_it) {
  const auto failed = co_await error_of("127.0.0.1", "no-such-service");

  TRACTOR_REQUIRE(failed);
  EXPECT_EQ(failed->code(), EAI_SERVICE);
  EXPECT_EQ(failed->message(), "resolve(127.0.0.1, no-such-service): Servname not supported for ai_socktype [EAI_SERVICE]");
  EXPECT_EQ(failed->category(), tractor::error_category::failed);
}

// The system's own function takes 65616 for 80.
TRACTOR_TEST(resolve, number_that_is_no_port_is_an_error) {
  for (const char* service : {"65536", "65616", "99999999999999999999"}) {
    const auto failed = co_await error_of("127.0.0.1", service);
    TRACTOR_REQUIRE(failed);
    EXPECT_TRUE(contains(failed->message(), "a port is a number up to 65535")) << failed->message();
  }
}

TRACTOR_TEST(resolve, hosts_that_are_none_are_refused_without_asking) {
  const auto empty = co_await error_of("", "80");
  const auto with_nul = co_await error_of(std::string("a\0b", 3), "80");
  const auto too_long = co_await error_of(std::string(254, 'a'), "80");

  TRACTOR_REQUIRE(empty && with_nul && too_long);
  EXPECT_TRUE(contains(empty->message(), "the host is empty"));
  EXPECT_TRUE(contains(with_nul->message(), "the host has a NUL byte"));
  EXPECT_TRUE(contains(too_long->message(), "the host has 254 bytes, a name may have 253"));
  EXPECT_FALSE(sc::runner::current()->has_external());
}

TRACTOR_TEST(resolve, temporary_failures_are_of_the_category_that_says_try_later) {
  EXPECT_EQ(sc::resolve_error("", EAI_AGAIN).category(), tractor::error_category::overloaded);
  EXPECT_EQ(sc::resolve_error("", EAI_NONAME).category(), tractor::error_category::failed);
  co_return;
}

TRACTOR_TEST(resolve, lookups_are_bounded_by_the_limiter_given) {
  sc::capacity_limiter none(0);

  EXPECT_FALSE(co_await sc::move_on_after(1s, [&] { return sc::resolve("localhost", "80", {.limiter = &none}); }));
}

}  // namespace
