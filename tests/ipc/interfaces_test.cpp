// SPDX-License-Identifier: Apache-2.0

#include "tractor/ipc/interfaces.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "own_network.hpp"

namespace ipc_test {
namespace {

using testing::ElementsAre;
using tractor::ipc::address;
using tractor::ipc::distance;
using tractor::ipc::distance_to;
using tractor::ipc::hosts_beside;
using tractor::ipc::tcp_address;

address tcp(const char* host) { return tcp_address{.host = host, .port = 1616}; }

class interfaces : public testing::Test {
 protected:
  void SetUp() override {
    if (!network.why_not().empty()) GTEST_SKIP() << network.why_not();
  }
  own_network network;
};

// S-DSC-8
TEST_F(interfaces, loopback_and_the_addresses_of_this_machine_are_near) {
  EXPECT_EQ(distance::here, distance_to(address::parse("/unix/tmp/x.sock")));
  for (const char* near : {"127.0.0.1", "127.1.2.3", "::1", "0.0.0.0", "::", own_host})
    EXPECT_EQ(distance::this_machine, distance_to(tcp(near))) << near;
  for (const char* far : {beyond_own_host, "192.0.2.1", "2001:db8::1", "fe80::1%nowhere"})
    EXPECT_EQ(distance::elsewhere, distance_to(tcp(far))) << far;
}

TEST_F(interfaces, who_comes_to_an_address_reaches_this_machine_by_these) {
  EXPECT_THAT(hosts_beside(address::parse("/unix/tmp/x.sock")), ElementsAre("127.0.0.1", "::1"));
  EXPECT_THAT(hosts_beside(tcp("127.0.0.1")), ElementsAre("127.0.0.1", "::1"));
  EXPECT_THAT(hosts_beside(tcp(own_host)), ElementsAre(own_host));
  EXPECT_THAT(hosts_beside(tcp(beyond_own_host)), ElementsAre(own_host));
  EXPECT_THAT(hosts_beside(tcp("0.0.0.0")), ElementsAre(own_host));
  EXPECT_THAT(hosts_beside(tcp("192.0.2.1")), ElementsAre()) << "there is no way there";
  EXPECT_THAT(hosts_beside(tcp("fe80::1%nowhere")), ElementsAre());
}

}  // namespace
}  // namespace ipc_test
