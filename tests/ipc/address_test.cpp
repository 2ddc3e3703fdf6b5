// SPDX-License-Identifier: Apache-2.0

#include "tractor/ipc/address.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unordered_set>

namespace tractor::ipc {
namespace {

using ::testing::HasSubstr;

template <class Body>
std::string error_from(Body body) {
  try {
    static_cast<void>(body());
  } catch (const error& thrown) {
    return thrown.what();
  }
  return "";
}

address tcp(std::string host, std::uint16_t port) { return tcp_address{.host = std::move(host), .port = port}; }
address uds(std::string dir, std::string file) { return uds_address{.dir = std::move(dir), .file = std::move(file)}; }

// S-TCP-1
TEST(address, tcp_host_is_an_ip_literal) {
  EXPECT_EQ(tcp("127.0.0.1", 80).tcp()->host, "127.0.0.1");
  EXPECT_EQ(tcp("::1", 0).tcp()->port, 0);
  for (const std::string& host : std::initializer_list<std::string>{"localhost", "", "127.0.0.1 ", "1.2.3", "::g"})
    EXPECT_THAT(error_from([&] { return tcp(host, 1); }), HasSubstr("'" + host + "'")) << host;
  EXPECT_NE(error_from([] { return tcp(std::string("127.0.0.1\0x", 11), 1); }), "");
}

// S-UDS-1
TEST(address, uds_is_an_absolute_directory_and_a_file_name) {
  EXPECT_EQ(uds("/run/x", "a@1.sock").uds()->path(), "/run/x/a@1.sock");
  EXPECT_EQ(uds("/", "a").uds()->path(), "/a");
  for (const std::string& dir : std::initializer_list<std::string>{"", "run", "./run"})
    EXPECT_THAT(error_from([&] { return uds(dir, "a"); }), HasSubstr("absolute path")) << dir;
  for (const std::string& file : {std::string(), std::string("."), std::string(".."), std::string("a/b"), std::string("a\0b", 3)})
    EXPECT_THAT(error_from([&] { return uds("/run", file); }), HasSubstr("file name")) << file;
}

TEST(address, in_process_name_is_one_component) {
  EXPECT_EQ(address(inproc_address{"root"}).transport(), transport::inproc);
  EXPECT_NE(error_from([] { return address(inproc_address{""}); }), "");
  EXPECT_NE(error_from([] { return address(inproc_address{"a/b"}); }), "");
}

// S-TCP-1
TEST(address, equality_and_hash_are_by_value) {
  std::unordered_set<address> all{tcp("127.0.0.1", 1), tcp("127.0.0.1", 2), uds("/a", "b"), inproc_address{"b"}};
  EXPECT_EQ(all.size(), 4u);
  EXPECT_TRUE(all.contains(tcp("127.0.0.1", 2)));
  EXPECT_FALSE(all.contains(tcp("127.0.0.1", 3)));
  EXPECT_NE(uds("/a", "b"), uds("/a", "c"));
}

TEST(address, loopback_is_told_from_what_others_reach) {
  for (const char* host : {"127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"}) EXPECT_TRUE(tcp(host, 1).tcp()->is_loopback()) << host;
  for (const char* host : {"0.0.0.0", "::", "10.0.0.1", "128.0.0.1", "::ffff:10.0.0.1", "fe80::1"})
    EXPECT_FALSE(tcp(host, 1).tcp()->is_loopback()) << host;
}

// S-TCP-3: which of them may be listened at without a word is the listener's business.
TEST(address, hosts_of_every_scope_and_ports_up_to_65535_are_valid) {
  for (const char* host : {"8.8.8.8", "0.0.0.0", "240.0.0.1", "224.0.0.1", "169.254.1.1", "2001:4860:4860::8888", "::", "::1", "ff02::1",
                           "fe80::1", "fe80::1%eth0"}) {
    const address where = tcp(host, 65535);
    EXPECT_EQ(where.tcp()->host, host);
    EXPECT_EQ(address::parse(where.text()), where) << "it can be given to others";
    EXPECT_EQ(address::from_wire(where.wire()), where) << host;
  }
  for (const char* host : {"fe80::1%", "fe80::1%a/b", "1.2.3.4%eth0", "%eth0"})
    EXPECT_THAT(error_from([&] { return tcp(host, 1); }), HasSubstr("literal")) << host;
  EXPECT_NE(error_from([] { return address::parse("/ip6/::1/tcp/65536"); }), "");
  EXPECT_NE(error_from([] { return address::from_wire({"::1", std::int64_t{65536}}); }), "");
}

// S-TPT-5, S-FRM-12
TEST(address, transports_have_keys_and_an_unknown_one_lists_them) {
  for (const transport known : {transport::uds, transport::tcp, transport::inproc}) EXPECT_EQ(transport_named(key_of(known)), known);
  EXPECT_EQ(error_from([] { return transport_named("quic"); }), "there is no transport 'quic'; there are uds, tcp and inproc");
}

// S-MAD-1, S-MAD-2, S-MAD-5
TEST(address, text_form_round_trips) {
  const std::pair<address, const char*> cases[] = {
      {tcp("127.0.0.1", 1616), "/ip4/127.0.0.1/tcp/1616"},
      {tcp("::1", 0), "/ip6/::1/tcp/0"},
      {uds("/run/user/0/tractor", "registry@1616.sock"), "/unix/run/user/0/tractor/registry@1616.sock"},
      {uds("/", "x"), "/unix/x"},
      {inproc_address{"root"}, "/inproc/root"},
      {dns_address{.host = "example.org", .port = 80}, "/dns/example.org/tcp/80"},
      {dns_address{.host = "a-b_c.d", .port = 0, .family = sc::address_family::ipv4}, "/dns4/a-b_c.d/tcp/0"},
      {dns_address{.host = "localhost", .port = 65535, .family = sc::address_family::ipv6}, "/dns6/localhost/tcp/65535"},
  };
  for (const auto& [where, text] : cases) {
    EXPECT_EQ(where.text(), text);
    EXPECT_EQ(address::parse(text), where) << text;
  }
}

// S-MAD-4
TEST(address, text_form_tolerates_slashes_and_leading_zeros) {
  EXPECT_EQ(address::parse("//ip4/127.0.0.1/tcp/0080/"), tcp("127.0.0.1", 80));
  EXPECT_EQ(address::parse("/unix/a/b/"), uds("/a", "b"));
}

// S-MAD-1, S-MAD-3, S-MAD-4: not even by the other name of a transport.
TEST(address, text_that_is_no_address_is_refused_with_the_reason) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "does not begin with '/'"},
      {"ip4/127.0.0.1/tcp/1", "does not begin with '/'"},
      {"/", "it is empty"},
      {"/ip4", "'' is no literal of ip4"},
      {"/ip4/127.0.0.1", "a port is missing"},
      {"/ip4/127.0.0.1/tcp", "'' is no port"},
      {"/ip4/127.0.0.1/udp/1", "the protocols ip4 and 'udp' do not make an address"},
      {"/ip4/::1/tcp/1", "'::1' is no literal of ip4"},
      {"/ip6/127.0.0.1/tcp/1", "'127.0.0.1' is no literal of ip6"},
      {"/ip4/127.0.0.1/tcp/65536", "'65536' is no port, 0 to 65535"},
      {"/ip4/127.0.0.1/tcp/-1", "'-1' is no port"},
      {"/ip4/127.0.0.1/tcp/1/ws", "'ws' follows the port"},
      {"/tcp/1", "begins with the protocol 'tcp'"},
      {"/dns/localhost", "a port is missing"},
      {"/dns4/localhost/tcp/70000", "'70000' is no port, 0 to 65535"},
      {"/dns6/localhost/udp/1", "the protocols dns6 and 'udp' do not make an address"},
      {"/dns//tcp/1", "'' is no host name"},
      {"/dns/a b/tcp/1", "'a b' is no host name"},
      {"/dns/127.0.0.1/tcp/1", "'127.0.0.1' is an IPv4 literal, not a name"},
      {"/dns/::1/tcp/1", "'::1' is no host name"},
      {"/dnsaddr/localhost/tcp/1", "begins with the protocol 'dnsaddr'"},
      {"/uds/tmp/x", "begins with the protocol 'uds'"},
      {"/unix", "the path is empty"},
      {"/unix//x", "the path is empty"},
  };
  for (const auto& [text, reason] : cases) {
    const std::string message = error_from([&] { return address::parse(text); });
    EXPECT_THAT(message, HasSubstr(reason)) << text;
    EXPECT_THAT(message, HasSubstr("'" + std::string(text) + "'"));
  }
}

// S-ADR-1, S-ADR-2
TEST(address, wire_form_is_a_pair_told_apart_by_its_second_element) {
  const msg::wire_address on_tcp{"127.0.0.1", std::int64_t{1616}}, on_uds{"/run/x", std::string("a@1.sock")};
  EXPECT_EQ(tcp("127.0.0.1", 1616).wire(), on_tcp);
  EXPECT_EQ(uds("/run/x", "a@1.sock").wire(), on_uds);
  EXPECT_EQ(address::from_wire(on_tcp), tcp("127.0.0.1", 1616));
  EXPECT_EQ(address::from_wire(on_uds), uds("/run/x", "a@1.sock"));
  EXPECT_EQ(address::from_wire(address(inproc_address{"root"}).wire()), address(inproc_address{"root"}));
}

// S-TCP-1
TEST(address, name_does_not_travel) {
  const address where = dns_address{.host = "localhost", .port = 1};
  EXPECT_EQ(where.transport(), transport::tcp);
  EXPECT_THAT(error_from([&] { return where.wire(); }), HasSubstr("/dns/localhost/tcp/1 is a name"));
  EXPECT_THAT(error_from([] { return address(dns_address{.host = std::string(254, 'x'), .port = 1}); }), HasSubstr("at most 253"));
}

// S-ADR-3
TEST(address, wire_pair_that_is_no_address_is_refused) {
  EXPECT_EQ(error_from([] { return address::from_wire({"127.0.0.1", std::int64_t{65536}}); }), "a TCP port is 0 to 65535, not 65536");
  EXPECT_EQ(error_from([] { return address::from_wire({"127.0.0.1", std::int64_t{-1}}); }), "a TCP port is 0 to 65535, not -1");
  EXPECT_NE(error_from([] { return address::from_wire({"localhost", std::int64_t{1}}); }), "");
  EXPECT_NE(error_from([] { return address::from_wire({"127.0.0.1", std::string("1")}); }), "") << "the second element makes it UDS";
}

// S-ADR-2
TEST(address, messages_carry_addresses_as_arrays_of_two) {
  msg::buffer out;
  msg::encode(out, std::vector<address>{tcp("127.0.0.1", 1616), uds("/run/x", "a")});
  const auto plain = msg::decode<std::vector<msg::wire_address>>(out.view());
  EXPECT_EQ(plain.at(0), tcp("127.0.0.1", 1616).wire());
  EXPECT_EQ(plain.at(1), uds("/run/x", "a").wire());
  EXPECT_EQ(msg::decode<std::vector<address>>(out.view()), (std::vector<address>{tcp("127.0.0.1", 1616), uds("/run/x", "a")}));
}

TEST(address, message_with_a_wrong_address_names_the_place) {
  msg::buffer out;
  msg::encode(out, std::vector<msg::wire_address>{{"127.0.0.1", std::int64_t{1}}, {"localhost", std::int64_t{1}}});
  EXPECT_THAT(error_from([&] { return msg::decode<std::vector<address>>(out.view(), {}, "reg_addrs"); }),
              ::testing::AllOf(HasSubstr("reg_addrs[1]"), HasSubstr("'localhost'")));
}

}  // namespace
}  // namespace tractor::ipc
