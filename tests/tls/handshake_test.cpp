// SPDX-License-Identifier: Apache-2.0
//
// Who is let in and who is not, and what is said about it.

#include <openssl/conf.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tls_test.hpp"

namespace tractor::test {
namespace {

using sc::task;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

struct both_errors {
  std::string client;
  std::string server;
};

// What each side says to a handshake, and to receiving a byte of the other one after it.
template <class ClientError = tls::handshake_error, class ServerError = tls::handshake_error>
task<both_errors> refused(pair_options options) {
  tls_pair pair = open_pair(std::move(options));
  both_errors said;
  co_await sc::open_nursery([&](sc::nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      said.server = co_await error_from<ServerError>([&] { return pair.server->do_handshake(); });
      pair.server->close();
    });
    said.client = co_await error_from<ClientError>([&]() -> task<> {
      co_await pair.client->do_handshake();
      static_cast<void>(co_await receive_text(*pair.client));
    });
  });
  co_return said;
}

tls::context server_with(const identity& who) { return localhost_server({.chain = who.chain, .key = who.key}); }

TRACTOR_TEST(tls_handshake, both_sides_know_what_was_agreed) {
  tls_pair pair = open_pair({.client = trusting_client({.alpn = {"h2", "http/1.1"}}), .server = localhost_server({.alpn = {"http/1.1"}})});
  EXPECT_EQ(pair.client->version(), std::nullopt);
  EXPECT_EQ(pair.client->peer_certificate(), std::nullopt);

  co_await agree(pair);

  EXPECT_EQ(pair.client->version(), tls::protocol_version::tls1_3);
  EXPECT_EQ(pair.client->selected_alpn(), "http/1.1");
  EXPECT_EQ(pair.server->selected_alpn(), "http/1.1");
  EXPECT_EQ(pair.server->server_name(), "localhost");
  EXPECT_EQ(pair.server->peer_certificate(), std::nullopt);
  const auto certificate = pair.client->peer_certificate();
  TRACTOR_REQUIRE(certificate.has_value());
  EXPECT_EQ(certificate->subject, "CN=a server");
  EXPECT_EQ(certificate->issuer, "CN=authority of the tests");
  EXPECT_THAT(certificate->names, ::testing::ElementsAre("localhost", "127.0.0.1"));
  EXPECT_EQ(certificate->sha256.size(), 64u);
}

TRACTOR_TEST(tls_handshake, is_done_once_by_all_who_need_it) {
  tls_pair pair = open_pair();
  co_await sc::open_nursery([&](sc::nursery& n) -> task<> {
    for (tls::stream* each : {pair.client.get(), pair.server.get()}) {
      n.start_soon([each]() -> task<> { co_await send_text(*each, "hello"); });
      n.start_soon([each]() -> task<> { EXPECT_EQ(co_await receive_text(*each), "hello"); });
      n.start_soon([each]() -> task<> { co_await each->do_handshake(); });
      n.start_soon([each]() -> task<> { co_await each->do_handshake(); });
    }
    co_return;
  });
  co_await pair.client->do_handshake();
}

TRACTOR_TEST(tls_handshake, no_alpn_in_common_is_refused) {
  const auto said = co_await refused({.client = trusting_client({.alpn = {"h2"}}), .server = localhost_server({.alpn = {"http/1.1"}})});
  EXPECT_THAT(said.client, AllOf(HasSubstr("'localhost'"), HasSubstr("no application protocol"), HasSubstr("said by the peer")));
  EXPECT_THAT(said.server, HasSubstr("no application protocol"));
}

TRACTOR_TEST(tls_handshake, client_without_alpn_is_served) {
  tls_pair pair = open_pair({.server = localhost_server({.alpn = {"http/1.1"}})});
  co_await agree(pair);
  EXPECT_EQ(pair.server->selected_alpn(), "");
}

TRACTOR_TEST(tls_handshake, no_version_in_common_is_refused) {
  pair_options options{.server = localhost_server({.version_min = tls::protocol_version::tls1_3})};
  SSL_CTX_set_max_proto_version(options.client.state().ssl.get(), TLS1_2_VERSION);
  EXPECT_THAT((co_await refused(options)).client, HasSubstr("protocol version"));
}

TRACTOR_TEST(tls_handshake, certificate_for_another_host_is_refused_with_both_names) {
  const auto said = co_await refused<tls::certificate_error>({.client_stream = {.server_name = "example.org"}});
  EXPECT_EQ(said.client,
            "the certificate of 'example.org' was refused: certificate verify failed: hostname mismatch: expected example.org, the "
            "certificate is for localhost, 127.0.0.1");
  EXPECT_THAT(said.server, AllOf(HasSubstr("alert"), HasSubstr("said by the peer")));
}

TRACTOR_TEST(tls_handshake, certificate_for_another_address_is_refused) {
  const auto said = co_await refused<tls::certificate_error>({.client_stream = {.server_name = "127.0.0.2"}});
  EXPECT_THAT(said.client, AllOf(HasSubstr("IP address mismatch"), HasSubstr("expected 127.0.0.2")));
}

TRACTOR_TEST(tls_handshake, address_in_the_certificate_and_absolute_name_are_accepted) {
  for (const auto& [name, told] : {std::pair("127.0.0.1", ""), std::pair("localhost.", "localhost")}) {
    tls_pair pair = open_pair({.client_stream = {.server_name = name}});
    co_await agree(pair);
    EXPECT_EQ(pair.server->server_name(), told) << "SNI is for names";
  }
}

TRACTOR_TEST(tls_handshake, name_that_stands_in_the_subject_alone_is_refused) {
  const auto said = co_await refused<tls::certificate_error>({.server = server_with(authority().sign({.common_name = "localhost"}))});
  EXPECT_THAT(said.client, HasSubstr("hostname mismatch: expected localhost, the certificate is for 'CN=localhost'"));
}

TRACTOR_TEST(tls_handshake, subject_that_could_fool_a_reader_is_escaped_and_bounded) {
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

TRACTOR_TEST(tls_handshake, unknown_authority_is_refused) {
  const certificate_authority stranger("a stranger");
  const auto said =
      co_await refused<tls::certificate_error>({.server = server_with(stranger.sign({.common_name = "x", .names = {"DNS:localhost"}}))});
  EXPECT_THAT(said.client,
              AllOf(HasSubstr("certificate verify failed: unable to get local issuer certificate"), HasSubstr("CN=a stranger")));
}

TRACTOR_TEST(tls_handshake, what_the_system_does_not_trust_is_refused) {
  const auto said = co_await refused<tls::certificate_error>({.client = tls::context::client()});
  EXPECT_THAT(said.client, HasSubstr("certificate verify failed"));
}

TRACTOR_TEST(tls_handshake, expired_certificate_is_refused) {
  const auto old = authority().sign({.common_name = "old", .names = {"DNS:localhost"}, .expired = true});
  const auto said = co_await refused<tls::certificate_error>({.server = server_with(old)});
  EXPECT_THAT(said.client, AllOf(HasSubstr("certificate has expired"), HasSubstr("CN=old")));
}

TRACTOR_TEST(tls_handshake, verify_none_takes_anybody) {
  const certificate_authority stranger("a stranger");
  tls_pair pair = open_pair({.client = tls::context::client({.server = tls::verify::none}),
                             .server = server_with(stranger.sign({.expired = true})),
                             .client_stream = {}});
  co_await agree(pair);
  EXPECT_EQ(pair.client->version(), tls::protocol_version::tls1_3);
}

TRACTOR_TEST(tls_handshake, client_with_a_certificate_is_known_to_the_server) {
  const identity me = authority().sign({.common_name = "a client"});
  const auto strict = localhost_server({.clients = tls::client_certificates::required, .trust = {authority().certificate()}});
  tls_pair pair = open_pair({.client = trusting_client({.chain = me.chain, .key = me.key}), .server = strict});
  co_await agree(pair);
  TRACTOR_REQUIRE(pair.server->peer_certificate().has_value());
  EXPECT_EQ(pair.server->peer_certificate()->subject, "CN=a client");
}

TRACTOR_TEST(tls_handshake, client_without_a_certificate_is_refused_where_one_is_required) {
  const auto strict = localhost_server({.clients = tls::client_certificates::required, .trust = {authority().certificate()}});
  const auto said = co_await refused<tls::tls_error>({.server = strict});
  EXPECT_THAT(said.server, HasSubstr("peer did not return a certificate"));
  EXPECT_THAT(said.client, AllOf(HasSubstr("certificate required"), HasSubstr("said by the peer")));
}

TRACTOR_TEST(tls_handshake, client_with_a_strange_certificate_is_refused) {
  const certificate_authority stranger("a stranger");
  const identity me = stranger.sign({.common_name = "a client"});
  const auto strict = localhost_server({.clients = tls::client_certificates::required, .trust = {authority().certificate()}});
  const auto said = co_await refused<tls::tls_error, tls::certificate_error>(
      {.client = trusting_client({.chain = me.chain, .key = me.key}), .server = strict});
  EXPECT_THAT(said.server, HasSubstr("CN=a client"));
  EXPECT_THAT(said.client, HasSubstr("said by the peer"));
}

TRACTOR_TEST(tls_handshake, garbage_is_a_handshake_error_again_and_again) {
  auto [near, far] = sc::open_memory_streams();
  tls::stream server(std::move(near), localhost_server());
  co_await send_text(*far, "GET / HTTP/1.0\r\n\r\n");
  const std::string first = co_await error_from<tls::handshake_error>([&] { return server.do_handshake(); });
  EXPECT_THAT(first, AllOf(HasSubstr("'the peer'"), HasSubstr("http request")));
  EXPECT_EQ(co_await error_from<tls::handshake_error>([&] { return receive_text(server); }), first);
  EXPECT_EQ(co_await error_from<tls::handshake_error>([&] { return send_text(server, "x"); }), first);
  EXPECT_EQ(co_await error_from<sc::broken_resource_error>([&] { return server.do_handshake(); }), first);
}

TRACTOR_TEST(tls_handshake, peer_that_goes_is_a_disconnect) {
  auto [near, far] = sc::open_memory_streams();
  tls::stream client(std::move(near), trusting_client(), {.server_name = "localhost"});
  co_await sc::open_nursery([&](sc::nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      try {
        co_await client.do_handshake();
        ADD_FAILURE() << "there was nobody to agree with";
      } catch (const tls::handshake_error& gone) {
        EXPECT_EQ(gone.category(), error_category::disconnected);
        EXPECT_THAT(gone.what(), HasSubstr("in the middle"));
      }
    });
    co_await testing::wait_all_tasks_blocked();
    far->close();
  });
}

// --- contexts ---

std::string context_refusal(const std::function<void()>& make) {
  try {
    make();
  } catch (const error& refused) {
    return refused.what();
  }
  return "nothing";
}

TEST(tls_context, what_cannot_be_used_is_named) {
  const identity other = authority().sign({.common_name = "other"});
  const auto server = [](tls::pem chain, tls::pem key) {
    return context_refusal([&] { static_cast<void>(tls::context::server({.chain = chain, .key = key})); });
  };
  EXPECT_THAT(server(tls::pem::file("/none/chain.pem"), other.key), AllOf(HasSubstr("'/none/chain.pem'"), HasSubstr("ENOENT")));
  EXPECT_THAT(server(tls::pem::text("nothing"), other.key), HasSubstr("cannot read certificates from a PEM text: no start line"));
  EXPECT_THAT(server(other.chain, localhost_identity().key), HasSubstr("does not go with"));
  EXPECT_THAT(server(other.chain, key_of_another_kind()), HasSubstr("does not go with"));
  EXPECT_THAT(server(other.chain, tls::pem::text("nothing")), HasSubstr("private key"));
  EXPECT_THAT(server(other.chain, {}), HasSubstr("one is missing"));
  EXPECT_THAT(server({}, {}), HasSubstr("needs a certificate"));
  EXPECT_THAT(context_refusal([&] { static_cast<void>(localhost_server({.clients = tls::client_certificates::required})); }),
              HasSubstr("nobody is trusted"));
  EXPECT_THAT(context_refusal([&] { static_cast<void>(trusting_client({.alpn = {""}})); }), HasSubstr("1 to 255"));
}

TEST(tls_context, files_are_read) {
  const auto folder = std::filesystem::temp_directory_path() / ("tractor-tls-test-" + std::to_string(getpid()));
  std::filesystem::create_directory(folder);
  const auto write = [&](const char* name, const tls::pem& what) {
    std::ofstream(folder / name) << what.blocks();
    return tls::pem::file(folder / name);
  };
  const auto chain = write("chain.pem", localhost_identity().chain), key = write("key.pem", localhost_identity().key),
             trust = write("trust.pem", authority().certificate());
  const pair_options options{.client = tls::context::client({.trust = {trust}}),
                             .server = tls::context::server({.chain = chain, .key = key})};
  std::filesystem::remove_all(folder);

  testing::run_test([&]() -> task<> {
    tls_pair pair = open_pair(options);
    co_await agree(pair);
  });
}

TEST(tls_context, later_minimum_of_the_system_is_kept) {
  // Given: a configuration of OpenSSL, loaded behind the system's own.
  const auto before = localhost_server();
  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("tractor-tls-test-" + std::to_string(getpid()) + "-openssl.cnf");
  std::ofstream(file) << "openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = here\n[here]\nMinProtocol = TLSv1.3\n";
  ASSERT_EQ(CONF_modules_load_file(file.c_str(), nullptr, 0), 1);
  std::filesystem::remove(file);

  const auto asks_for_less = localhost_server({.version_min = tls::protocol_version::tls1_2});
  CONF_modules_finish();

  EXPECT_EQ(SSL_CTX_get_min_proto_version(asks_for_less.state().ssl.get()), TLS1_3_VERSION);
  EXPECT_EQ(SSL_CTX_get_min_proto_version(localhost_server().state().ssl.get()), TLS1_2_VERSION);
}

TEST(tls_context, stream_needs_a_name_to_verify_and_a_transport) {
  const auto make = [](std::unique_ptr<sc::byte_stream> transport, std::string name) {
    return context_refusal([&] { tls::stream(std::move(transport), trusting_client(), {.server_name = name}); });
  };
  EXPECT_THAT(make(sc::open_memory_streams().first, ""), HasSubstr("verify::none"));
  EXPECT_THAT(make(sc::open_memory_streams().first, std::string("a\0b", 3)), HasSubstr("'a\\x00b' is no host name"));
  EXPECT_THAT(make(sc::open_memory_streams().first, ".example.org"), HasSubstr("'.example.org' is no host name"));
  EXPECT_THAT(make(nullptr, "localhost"), HasSubstr("no transport"));
}

}  // namespace
}  // namespace tractor::test
