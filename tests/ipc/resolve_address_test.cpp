// SPDX-License-Identifier: Apache-2.0
//
// Addresses by name: "localhost", which every system knows.

#include "tractor/ipc/resolve_address.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sc/socket_test.hpp"
#include "tractor/ipc/listener.hpp"
#include "tractor/sc/run.hpp"

namespace tractor::ipc {
namespace {

using ::testing::HasSubstr;

address by_name(std::uint16_t port) { return dns_address{.host = "localhost", .port = port, .family = sc::address_family::ipv4}; }

TEST(resolve_address, name_becomes_an_address_and_others_stay) {
  sc::run([]() -> sc::task<> {
    const address here = tcp_address{.host = "127.0.0.1", .port = 80};
    EXPECT_EQ(co_await resolve_address(by_name(80)), here);
    EXPECT_EQ(co_await resolve_address(here), here);
    const address file = uds_address{.dir = "/run", .file = "x"};
    EXPECT_EQ(co_await resolve_addresses({file, by_name(80)}), (std::vector<address>{file, here}));
  });
}

// One that is not known harms nobody, as long as another one is.
TEST(resolve_address, name_without_an_address_is_left_out_where_one_is_enough) {
  sc::run([]() -> sc::task<> {
    const address nowhere = dns_address{.host = "nowhere.invalid", .port = 1};  // RFC 6761
    const address here = tcp_address{.host = "127.0.0.1", .port = 80};
    EXPECT_EQ(co_await resolve_known_addresses({nowhere, by_name(80)}), (std::vector<address>{here}));
    EXPECT_NE(co_await test::error_of<sc::resolve_error>([&] { return resolve_known_addresses({nowhere}); }), "");
    EXPECT_NE(co_await test::error_of<sc::resolve_error>([&] { return resolve_addresses({here, nowhere}); }), "");
  });
}

TEST(resolve_address, connection_is_made_by_name) {
  sc::run([]() -> sc::task<> {
    const auto listener = listen(co_await resolve_address(by_name(0)));
    const auto stream = co_await connect(by_name(listener->local().tcp()->port));
    EXPECT_EQ((co_await listener->accept()).peer.tcp()->host, "127.0.0.1");
  });
}

// As an address would: whoever looks for a registrar there must be able to tell that there is none.
TEST(resolve_address, refused_connection_by_name_is_an_os_error) {
  sc::run([]() -> sc::task<> {
    std::uint16_t port = 0;
    {
      const auto listener = listen(co_await resolve_address(by_name(0)));
      port = listener->local().tcp()->port;
    }
    try {
      static_cast<void>(co_await connect(by_name(port)));
      ADD_FAILURE() << "nobody listens there";
    } catch (const os_error& refused) {
      EXPECT_EQ(refused.errno_value(), ECONNREFUSED);
      EXPECT_THAT(refused.what(), HasSubstr("connect(/dns4/localhost/tcp/" + std::to_string(port) + ")"));
    }
  });
}

TEST(resolve_address, listening_at_a_name_is_refused_with_what_to_do) {
  try {
    static_cast<void>(listen(by_name(0)));
    ADD_FAILURE() << "a name is no place";
  } catch (const usage_error& refused) {
    EXPECT_THAT(refused.what(), HasSubstr("ipc::resolve_address()"));
  }
}

}  // namespace
}  // namespace tractor::ipc
