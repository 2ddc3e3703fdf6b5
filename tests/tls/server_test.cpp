// SPDX-License-Identifier: Apache-2.0
//
// TLS over TCP: listeners, servers and clients over real sockets.

#include "tls_test.hpp"

#include "tractor/testing/process_fixture.hpp"

namespace tractor::test {
namespace {

using namespace std::chrono_literals;
using sc::nursery;
using sc::task;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class tls_server : public testing::process_fixture {};

task<> echo(tls::stream& stream) {
  for (std::string text; !(text = co_await receive_text(stream)).empty();) co_await send_text(stream, text);
}

// Runs an echo server, and `body` with its port; then cancels the server. Gives why clients were refused.
std::vector<std::string> with_server(std::function<task<>(std::uint16_t port)> body, tls::serve_tls_options options = {}) {
  std::vector<std::string> refused;
  options.on_refused = [&](const error& why) { refused.emplace_back(why.what()); };
  sc::run([&]() -> task<> {
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      const auto listeners = co_await n.start<sc::served_listeners>(tls::serve_tls_over_tcp, echo, localhost_server(), options);
      co_await body(listeners.at(0)->local_endpoint()->port);
      n.cancel("the test is over");
    });
  });
  return refused;
}

TEST_F(tls_server, serves_clients_that_come_by_name) {
  const auto refused = with_server([](std::uint16_t port) -> task<> {
    const auto client = co_await tls::open_tls_over_tcp_stream("localhost", port, trusting_client());
    EXPECT_EQ(client->version(), tls::protocol_version::tls1_3) << "the handshake is done";
    co_await send_text(*client, "echo");
    EXPECT_EQ(co_await receive_text(*client), "echo");
    client->send_eof();
    EXPECT_EQ(co_await receive_text(*client), "") << "the handler returned, and the server said goodbye";
  });
  EXPECT_TRUE(refused.empty());
}

TEST_F(tls_server, drops_who_does_not_agree_and_goes_on) {
  const auto refused = with_server([](std::uint16_t port) -> task<> {
    const auto scanner = co_await sc::connect_tcp("127.0.0.1", port);
    co_await send_text(*scanner, "GET / HTTP/1.0\r\n\r\n");
    while (!(co_await receive_text(*scanner)).empty()) continue;

    const auto client = co_await tls::open_tls_over_tcp_stream("127.0.0.1", port, trusting_client());
    co_await send_text(*client, "still there");
    EXPECT_EQ(co_await receive_text(*client), "still there");
    co_await client->aclose();
  });
  EXPECT_THAT(refused, ElementsAre(AllOf(HasSubstr("'127.0.0.1 port "), HasSubstr("http request"))));
}

TEST_F(tls_server, drops_who_is_silent) {
  const auto refused = with_server(
      [](std::uint16_t port) -> task<> {
        const auto silent = co_await sc::connect_tcp("127.0.0.1", port);
        EXPECT_EQ(co_await receive_text(*silent), "");
      },
      {.handshake_within = 20ms});
  EXPECT_EQ(refused.size(), 1u);
}

TEST_F(tls_server, certificate_of_another_host_is_refused_by_the_client) {
  static_cast<void>(with_server([](std::uint16_t port) -> task<> {
    EXPECT_THAT(co_await error_from<tls::certificate_error>(
                    [&] { return tls::open_tls_over_tcp_stream("127.0.0.1", port, trusting_client(), {.server_name = "example.org"}); }),
                HasSubstr("expected example.org"));
  }));
}

TEST_F(tls_server, listener_accepts_without_a_handshake) {
  sc::run([]() -> task<> {
    tls::listener listener(sc::listen_tcp("127.0.0.1", 0), localhost_server());
    const std::uint16_t port = listener.plain().local_endpoint()->port;
    const auto silent = co_await sc::connect_tcp("127.0.0.1", port);
    const auto of_silent = co_await listener.accept();

    co_await sc::open_nursery([&](nursery& n) -> task<> {
      n.start_soon([&]() -> task<> {
        const auto client = co_await tls::open_tls_over_tcp_stream("localhost", port, trusting_client());
        co_await send_text(*client, "hello");
        co_await client->aclose();
      });
      const auto stream = co_await listener.accept();
      EXPECT_EQ(co_await receive_all(*stream), "hello");
    });
    listener.close();
    EXPECT_TRUE(listener.closed());
    EXPECT_THROW(static_cast<void>(co_await listener.accept()), sc::closed_resource_error);
  });
}

TEST_F(tls_server, contexts_of_the_wrong_side_are_usage_errors) {
  EXPECT_THROW(tls::listener(sc::listen_tcp("127.0.0.1", 0), trusting_client()), usage_error);
  EXPECT_THROW(tls::listener(nullptr, localhost_server()), usage_error);
  sc::run([]() -> task<> {
    EXPECT_THROW(co_await tls::serve_tls_over_tcp(echo, trusting_client()), usage_error);
    EXPECT_THROW(static_cast<void>(co_await tls::open_tls_over_tcp_stream("localhost", 1, localhost_server())), usage_error);
  });
}

}  // namespace
}  // namespace tractor::test
