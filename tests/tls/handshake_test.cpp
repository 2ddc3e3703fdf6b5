// SPDX-License-Identifier: Apache-2.0
//
// What both sides agree on, and who does not get that far.

#include "tls_test.hpp"

namespace tractor::test {
namespace {

using sc::task;
using ::testing::AllOf;
using ::testing::HasSubstr;

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

// HelloRequest is a message of four zeros that a client skips, however many come.
TRACTOR_TEST(tls_handshake, peer_that_never_comes_to_the_point_is_refused) {
  auto [near, far] = sc::open_memory_streams();
  tls::stream client(std::move(near), trusting_client(), {.server_name = "localhost"});
  std::string said;
  std::size_t sent = 0;
  co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
    n.start_soon([&]() -> sc::task<> {
      said = co_await error_from<tls::tls_error>([&] { return client.do_handshake(); });
      client.close();
    });
    const std::string record = std::string("\x16\x03\x03\x10\x00", 5) + std::string(4096, '\0');
    try {
      for (; sent < 4 * tls::silent_bytes_max; sent += record.size()) co_await send_text(*far, record);
    } catch (const sc::broken_resource_error&) {
    }
  });
  EXPECT_THAT(said, ::testing::HasSubstr("silent_bytes_max"));
  EXPECT_LT(sent, 2 * tls::silent_bytes_max);
}

}  // namespace
}  // namespace tractor::test
