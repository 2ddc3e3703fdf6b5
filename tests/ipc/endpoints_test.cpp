// SPDX-License-Identifier: Apache-2.0

#include "tractor/ipc/endpoints.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tractor/msg/codec.hpp"

namespace tractor::ipc {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> names_of(const endpoint_table& table) {
  std::vector<std::string> names;
  for (const auto& [name, addresses] : table) names.push_back(name);
  return names;
}

// S-MAD-6
TEST(endpoints, table_keeps_its_names_and_their_addresses_in_order) {
  const auto table = parse_endpoints({
      {"registry", {"/ip4/127.0.0.1/tcp/1616"}},
      {"feed", {"/unix/run/x/feed.sock", "/ip6/::1/tcp/7000", "/ip4/10.0.0.1/tcp/7000"}},
      {"archive", {}},
  });

  EXPECT_THAT(names_of(table), ElementsAre("registry", "feed", "archive"));
  EXPECT_THAT(*table.find("registry"), ElementsAre(address(tcp_address{.host = "127.0.0.1", .port = 1616})));
  EXPECT_THAT(*table.find("feed"),
              ElementsAre(address(uds_address{.dir = "/run/x", .file = "feed.sock"}), address(tcp_address{.host = "::1", .port = 7000}),
                          address(tcp_address{.host = "10.0.0.1", .port = 7000})));
  EXPECT_THAT(*table.find("archive"), IsEmpty());
  EXPECT_TRUE(parse_endpoints({}).empty());
}

// S-MAD-6
TEST(endpoints, address_that_is_none_is_an_error_that_names_its_endpoint) {
  try {
    static_cast<void>(parse_endpoints({{"good", {"/unix/run/x"}}, {"bad", {"/ip4/127.0.0.1/tcp/1", "/tcp/1"}}}));
    ADD_FAILURE() << "it was parsed";
  } catch (const address_error& wrong) {
    EXPECT_THAT(wrong.message(), HasSubstr("endpoint 'bad': the address '/tcp/1' is not"));
  }
}

TEST(endpoints, table_travels_as_a_map) {
  const auto table = parse_endpoints({{"b", {"/unix/run/b"}}, {"a", {}}});
  msg::buffer out;
  msg::encode(out, table);
  const auto same = msg::decode<endpoint_table>(out.view());
  EXPECT_THAT(names_of(same), ElementsAre("b", "a"));
  EXPECT_EQ(*same.find("b"), *table.find("b"));
}

}  // namespace
}  // namespace tractor::ipc
