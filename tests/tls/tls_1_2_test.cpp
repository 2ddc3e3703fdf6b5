// SPDX-License-Identifier: Apache-2.0
//
// How a stream of TLS 1.2 ends: as one of TLS 1.3 does.

#include "tls_test.hpp"

namespace tractor::test {
namespace {

using sc::task;
using ::testing::HasSubstr;

// Of a client that speaks 1.2 only.
task<tls_pair> open_agreed_pair(bool https_compatible = false) {
  pair_options options{.server_stream = {.https_compatible = https_compatible}};
  SSL_CTX_set_max_proto_version(options.client.state().ssl.get(), TLS1_2_VERSION);
  tls_pair pair = open_pair(options);
  co_await agree(pair);
  EXPECT_EQ(pair.client->version(), tls::protocol_version::tls1_2);
  co_return pair;
}

TRACTOR_TEST(tls_1_2, aclose_is_the_end_for_the_peer) {
  tls_pair pair = co_await open_agreed_pair();
  co_await sc::open_nursery([&](sc::nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await send_text(*pair.client, "last words");
      co_await pair.client->aclose();
    });
    EXPECT_EQ(co_await receive_all(*pair.server), "last words");
    co_await pair.server->aclose();
  });
  EXPECT_EQ(pair.client->closed() && pair.server->closed(), true);
}

TRACTOR_TEST(tls_1_2, sending_goes_on_after_the_end_of_the_peer) {
  tls_pair pair = co_await open_agreed_pair();
  co_await send_text(*pair.client, "request");
  pair.client->send_eof();
  EXPECT_EQ(co_await receive_all(*pair.server), "request");
  co_await send_text(*pair.server, "response");
  pair.server->send_eof();
  EXPECT_EQ(co_await receive_all(*pair.client), "response");
}

TRACTOR_TEST(tls_1_2, transport_that_ends_alone_has_truncated_the_stream) {
  tls_pair pair = co_await open_agreed_pair();
  co_await send_text(*pair.client, "half of");
  pair.client->transport()->close();
  EXPECT_EQ(co_await receive_text(*pair.server), "half of");
  for (int i = 0; i < 2; ++i)
    EXPECT_THAT(co_await error_from<tls::truncated_error>([&] { return receive_text(*pair.server); }), HasSubstr("without close_notify"));
}

TRACTOR_TEST(tls_1_2, transport_that_ends_alone_is_an_end_when_https_compatible_and_sending_goes_on) {
  tls_pair pair = co_await open_agreed_pair(true);
  co_await send_text(*pair.client, "all");
  pair.client->transport()->send_eof();
  EXPECT_EQ(co_await receive_all(*pair.server), "all");
  co_await send_text(*pair.server, "response");
  EXPECT_EQ(co_await receive_text(*pair.client), "response");
}

TRACTOR_TEST(tls_1_2, unwrap_gives_both_transports_back_and_loses_nothing) {
  tls_pair pair = co_await open_agreed_pair();
  tls::stream::unwrapped client, server;
  co_await sc::open_nursery([&](sc::nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { client = co_await pair.client->unwrap(); });
    server = co_await pair.server->unwrap();
  });
  EXPECT_TRUE(client.trailing.empty() && server.trailing.empty());
  co_await send_text(*client.transport, "in the clear");
  EXPECT_EQ(co_await receive_text(*server.transport), "in the clear");
}

TRACTOR_TEST(tls_1_2, unwrap_gives_what_came_behind_the_end) {
  tls_pair pair = co_await open_agreed_pair();
  pair.client->send_eof();
  co_await send_text(*pair.client->transport(), "already in the clear");
  const auto server = co_await pair.server->unwrap();
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(server.trailing.data()), server.trailing.size()), "already in the clear");
}

TRACTOR_TEST(tls_1_2, new_keys_are_not_asked_for) {
  tls_pair pair = co_await open_agreed_pair();
  pair.client->update_keys();
  co_await send_text(*pair.client, "with the old ones");
  EXPECT_EQ(co_await receive_text(*pair.server), "with the old ones");
}

}  // namespace
}  // namespace tractor::test
