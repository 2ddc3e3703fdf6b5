// SPDX-License-Identifier: Apache-2.0
//
// Who is let in and who is not, and what is said about it.

#include "tls_test.hpp"

namespace tractor::test {
namespace {

using sc::task;
using ::testing::AllOf;
using ::testing::HasSubstr;

// --- names ---

// What a client that asks for `name` says to a server whose certificate is for `names`; empty when it takes it.
task<std::string> refusal_of(std::vector<std::string> names, std::string name) {
  const identity who = authority().sign({.common_name = "x", .names = std::move(names)});
  const auto said = co_await refused<tls::certificate_error, tls::tls_error>(
      {.server = server_with(who), .client_stream = {.server_name = std::move(name), .https_compatible = true}});
  co_return said.client == "no error" ? "" : said.client;
}

TRACTOR_TEST(tls_certificate, wildcard_stands_for_one_label) {
  const std::vector<std::string> names{"DNS:*.example.org"};
  EXPECT_EQ(co_await refusal_of(names, "www.example.org"), "");
  EXPECT_EQ(co_await refusal_of(names, "WWW.Example.Org."), "");
  EXPECT_THAT(co_await refusal_of(names, "a.b.example.org"), HasSubstr("expected a.b.example.org, the certificate is for *.example.org"));
  EXPECT_THAT(co_await refusal_of(names, "example.org"), HasSubstr("hostname mismatch"));
}

TRACTOR_TEST(tls_certificate, wildcard_is_the_whole_first_label_of_a_name) {
  EXPECT_THAT(co_await refusal_of({"DNS:w*.example.org"}, "www.example.org"), HasSubstr("hostname mismatch"));
  EXPECT_THAT(co_await refusal_of({"DNS:www.*.org"}, "www.example.org"), HasSubstr("hostname mismatch"));
  EXPECT_THAT(co_await refusal_of({"DNS:*.0.0.1"}, "127.0.0.1"), HasSubstr("IP address mismatch"));
}

TRACTOR_TEST(tls_certificate, ipv6_address_is_compared_as_an_address) {
  const std::vector<std::string> names{"IP:2001:db8::1"};
  EXPECT_EQ(co_await refusal_of(names, "2001:db8::1"), "");
  EXPECT_EQ(co_await refusal_of(names, "2001:0DB8:0:0:0:0:0:1"), "");
  EXPECT_THAT(co_await refusal_of(names, "2001:db8::2"),
              HasSubstr("IP address mismatch: expected 2001:db8::2, the certificate is for 2001:0db8:0000:0000:0000:0000:0000:0001"));
  EXPECT_THAT(co_await refusal_of({"DNS:2001:db8::1"}, "2001:db8::1"), HasSubstr("IP address mismatch")) << "it is no host name";
}

TRACTOR_TEST(tls_certificate, certificate_for_another_host_is_refused_with_both_names) {
  const auto said = co_await refused<tls::certificate_error>({.client_stream = {.server_name = "example.org"}});
  EXPECT_EQ(said.client,
            "the certificate of 'example.org' was refused: certificate verify failed: hostname mismatch: expected example.org, the "
            "certificate is for localhost, 127.0.0.1");
  EXPECT_THAT(said.server, AllOf(HasSubstr("alert"), HasSubstr("said by the peer")));
}

TRACTOR_TEST(tls_certificate, certificate_for_another_address_is_refused) {
  const auto said = co_await refused<tls::certificate_error>({.client_stream = {.server_name = "127.0.0.2"}});
  EXPECT_THAT(said.client, AllOf(HasSubstr("IP address mismatch"), HasSubstr("expected 127.0.0.2")));
}

TRACTOR_TEST(tls_certificate, address_in_the_certificate_and_absolute_name_are_accepted) {
  for (const auto& [name, told] : {std::pair("127.0.0.1", ""), std::pair("localhost.", "localhost")}) {
    tls_pair pair = open_pair({.client_stream = {.server_name = name}});
    co_await agree(pair);
    EXPECT_EQ(pair.server->server_name(), told) << "SNI is for names";
  }
}

TRACTOR_TEST(tls_certificate, name_that_stands_in_the_subject_alone_is_refused) {
  const auto said = co_await refused<tls::certificate_error>({.server = server_with(authority().sign({.common_name = "localhost"}))});
  EXPECT_THAT(said.client, HasSubstr("hostname mismatch: expected localhost, the certificate is for 'CN=localhost'"));
}

TRACTOR_TEST(tls_certificate, subject_that_could_fool_a_reader_is_escaped_and_bounded) {
  const auto subject_shown = [](const std::string& common_name) -> task<std::string> {
    tls_pair pair = open_pair({.client = tls::context::client({.server = tls::verify::none}),
                               .server = server_with(authority().sign({.common_name = common_name}))});
    co_await agree(pair);
    const auto shown = pair.client->peer_certificate();
    co_return shown ? shown->subject : "no certificate";
  };
  EXPECT_EQ(co_await subject_shown("M\u00fcller\u009b\u202e' was\n"), "CN=M\\C3\\BCller\\C2\\9B\\E2\\80\\AE\\27 was\\0A");
  std::string long_name;
  for (int i = 0; i < 60; ++i) long_name += "\u202e";
  EXPECT_EQ((co_await subject_shown(long_name)).size(), 256 + std::string_view("…").size());
}

// --- authorities ---

TRACTOR_TEST(tls_certificate, unknown_authority_is_refused) {
  const certificate_authority stranger("a stranger");
  const auto said =
      co_await refused<tls::certificate_error>({.server = server_with(stranger.sign({.common_name = "x", .names = {"DNS:localhost"}}))});
  EXPECT_THAT(said.client,
              AllOf(HasSubstr("certificate verify failed: unable to get local issuer certificate"), HasSubstr("CN=a stranger")));
}

TRACTOR_TEST(tls_certificate, what_the_system_does_not_trust_is_refused) {
  const auto said = co_await refused<tls::certificate_error>({.client = tls::context::client()});
  EXPECT_THAT(said.client, HasSubstr("certificate verify failed"));
}

TRACTOR_TEST(tls_certificate, chain_leads_to_the_authority) {
  const certificate_authority between("in between", authority());
  const identity who = between.sign({.common_name = "at its end", .names = {"DNS:localhost"}});

  tls_pair pair = open_pair({.server = localhost_server({.chain = joined(who.chain, between.certificate()), .key = who.key})});
  co_await agree(pair);
  TRACTOR_REQUIRE(pair.client->peer_certificate().has_value());
  EXPECT_EQ(pair.client->peer_certificate()->subject, "CN=at its end");
  EXPECT_EQ(pair.client->peer_certificate()->issuer, "CN=in between");

  const auto said = co_await refused<tls::certificate_error>({.server = server_with(who)});
  EXPECT_THAT(said.client, AllOf(HasSubstr("unable to get local issuer certificate"), HasSubstr("issued by 'CN=in between'")));
}

TRACTOR_TEST(tls_certificate, chain_of_a_client_leads_to_the_authority) {
  const certificate_authority between("in between", authority());
  const identity me = between.sign({.common_name = "a client"});
  const auto strict = localhost_server({.clients = tls::client_certificates::required, .trust = {authority().certificate()}});
  tls_pair pair =
      open_pair({.client = trusting_client({.chain = joined(me.chain, between.certificate()), .key = me.key}), .server = strict});
  co_await agree(pair);
  TRACTOR_REQUIRE(pair.server->peer_certificate().has_value());
  EXPECT_EQ(pair.server->peer_certificate()->subject, "CN=a client");
}

// --- time and purpose ---

TRACTOR_TEST(tls_certificate, expired_certificate_is_refused) {
  const auto old = authority().sign({.common_name = "old", .names = {"DNS:localhost"}, .expired = true});
  const auto said = co_await refused<tls::certificate_error>({.server = server_with(old)});
  EXPECT_THAT(said.client, AllOf(HasSubstr("certificate has expired"), HasSubstr("CN=old")));
}

TRACTOR_TEST(tls_certificate, one_that_is_not_valid_yet_is_refused) {
  const auto early = authority().sign({.common_name = "early", .names = {"DNS:localhost"}, .not_yet_valid = true});
  const auto said = co_await refused<tls::certificate_error>({.server = server_with(early)});
  EXPECT_THAT(said.client, AllOf(HasSubstr("certificate is not yet valid"), HasSubstr("CN=early")));
}

TRACTOR_TEST(tls_certificate, one_for_another_purpose_is_refused) {
  const auto for_clients = authority().sign({.common_name = "c", .names = {"DNS:localhost"}, .extended_key_usage = "clientAuth"});
  const auto for_servers = authority().sign({.common_name = "s", .names = {"DNS:localhost"}, .extended_key_usage = "serverAuth"});
  const auto as_server = co_await refused<tls::certificate_error>({.server = server_with(for_clients)});
  EXPECT_THAT(as_server.client, AllOf(HasSubstr("certificate purpose"), HasSubstr("CN=c")));

  const auto strict = localhost_server({.clients = tls::client_certificates::required, .trust = {authority().certificate()}});
  const auto as_client = co_await refused<tls::tls_error, tls::certificate_error>(
      {.client = trusting_client({.chain = for_servers.chain, .key = for_servers.key}), .server = strict});
  EXPECT_THAT(as_client.server, AllOf(HasSubstr("certificate purpose"), HasSubstr("CN=s")));

  tls_pair pair = open_pair({.client = trusting_client({.chain = for_clients.chain, .key = for_clients.key}),
                             .server = localhost_server({.chain = for_servers.chain,
                                                         .key = for_servers.key,
                                                         .clients = tls::client_certificates::required,
                                                         .trust = {authority().certificate()}})});
  co_await agree(pair);
}

TRACTOR_TEST(tls_certificate, verify_none_takes_anybody) {
  const certificate_authority stranger("a stranger");
  tls_pair pair = open_pair({.client = tls::context::client({.server = tls::verify::none}),
                             .server = server_with(stranger.sign({.expired = true})),
                             .client_stream = {}});
  co_await agree(pair);
  EXPECT_EQ(pair.client->version(), tls::protocol_version::tls1_3);
}

// --- of clients ---

TRACTOR_TEST(tls_certificate, client_with_a_certificate_is_known_to_the_server) {
  const identity me = authority().sign({.common_name = "a client"});
  const auto strict = localhost_server({.clients = tls::client_certificates::required, .trust = {authority().certificate()}});
  tls_pair pair = open_pair({.client = trusting_client({.chain = me.chain, .key = me.key}), .server = strict});
  co_await agree(pair);
  TRACTOR_REQUIRE(pair.server->peer_certificate().has_value());
  EXPECT_EQ(pair.server->peer_certificate()->subject, "CN=a client");
}

TRACTOR_TEST(tls_certificate, client_without_a_certificate_is_refused_where_one_is_required) {
  const auto strict = localhost_server({.clients = tls::client_certificates::required, .trust = {authority().certificate()}});
  const auto said = co_await refused<tls::tls_error>({.server = strict});
  EXPECT_THAT(said.server, HasSubstr("peer did not return a certificate"));
  EXPECT_THAT(said.client, AllOf(HasSubstr("certificate required"), HasSubstr("said by the peer")));
}

TRACTOR_TEST(tls_certificate, client_with_a_strange_certificate_is_refused) {
  const certificate_authority stranger("a stranger");
  const identity me = stranger.sign({.common_name = "a client"});
  const auto strict = localhost_server({.clients = tls::client_certificates::required, .trust = {authority().certificate()}});
  const auto said = co_await refused<tls::tls_error, tls::certificate_error>(
      {.client = trusting_client({.chain = me.chain, .key = me.key}), .server = strict});
  EXPECT_THAT(said.server, HasSubstr("CN=a client"));
  EXPECT_THAT(said.client, HasSubstr("said by the peer"));
}

}  // namespace
}  // namespace tractor::test
