// SPDX-License-Identifier: Apache-2.0
//
// What only the network does to a TLS stream: resets, and ends that have to come in time.

#include <sys/socket.h>

#include "tls_test.hpp"
#include "tractor/testing/process_fixture.hpp"

namespace tractor::test {
namespace {

using sc::nursery;
using sc::task;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class tls_tcp : public testing::process_fixture {};

using tcp_pair = std::pair<std::unique_ptr<sc::socket_stream>, std::unique_ptr<sc::socket_stream>>;

task<tcp_pair> connect_pair() {
  const auto listener = sc::listen_tcp("127.0.0.1", 0);
  auto near = co_await sc::connect_tcp("127.0.0.1", listener->local_endpoint()->port);
  auto far = co_await listener->accept();
  co_return tcp_pair(std::move(near), std::move(far));
}

// Closes the connection the hard way.
void reset(sc::socket_stream& socket) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  EXPECT_EQ(setsockopt(socket.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
  socket.close();
}

TEST_F(tls_tcp, reset_is_an_error_of_the_connection_and_no_end) {
  sc::run([]() -> task<> {
    for (const bool https_compatible : {false, true}) {
      tcp_pair sockets = co_await connect_pair();
      sc::socket_stream& of_server = *sockets.second;
      tls_pair pair = secure(std::move(sockets), {.client_stream = {.server_name = "localhost", .https_compatible = https_compatible}});
      co_await agree(pair);
      co_await sc::open_nursery([&](nursery& n) -> task<> {
        n.start_soon([&]() -> task<> {
          for (int i = 0; i < 2; ++i)
            EXPECT_THAT(co_await error_from<sc::broken_resource_error>([&] { return receive_text(*pair.client); }),
                        AllOf(HasSubstr("receive"), HasSubstr("[ECONNRESET]"), Not(HasSubstr("another error"))));
        });
        co_await testing::wait_all_tasks_blocked();
        reset(of_server);
      });
      EXPECT_THAT(co_await error_from<sc::broken_resource_error>([&] { return send_text(*pair.client, "x"); }),
                  Not(HasSubstr("another error")));
      co_await pair.client->aclose();
    }
  });
}

TEST_F(tls_tcp, reset_in_the_handshake_is_an_error_of_the_connection) {
  sc::run([]() -> task<> {
    tcp_pair sockets = co_await connect_pair();
    tls::stream client(std::move(sockets.first), trusting_client(), {.server_name = "localhost"});
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      n.start_soon([&]() -> task<> {
        EXPECT_THAT(co_await error_from<sc::broken_resource_error>([&] { return client.do_handshake(); }),
                    AllOf(HasSubstr("do_handshake()"), HasSubstr("[ECONNRESET]"), Not(HasSubstr("another error"))));
      });
      EXPECT_NE(co_await receive_text(*sockets.second), "") << "it has begun";
      reset(*sockets.second);
    });
  });
}

// Closed at once, it would answer with a reset to what comes then.
TEST_F(tls_tcp, aclose_takes_what_the_peer_still_sends) {
  sc::virtual_clock stands_still(false);  // so that no bound of time is met with
  sc::run({.clock = &stands_still}, []() -> task<> {
    tls_pair pair = secure(co_await connect_pair());
    co_await agree(pair);
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      n.start_soon([&]() -> task<> {
        co_await send_text(*pair.server, "last words");
        co_await pair.server->aclose();
      });
      EXPECT_EQ(co_await receive_all(*pair.client), "last words");
      EXPECT_FALSE(pair.server->closed());
      for (std::size_t sent = 0; sent < tls::aclose_drain_bytes_max / 2; sent += 1000)
        co_await send_text(*pair.client, std::string(1000, 'x'));
      co_await pair.client->aclose();
    });
    EXPECT_TRUE(pair.server->closed());
  });
}

TEST_F(tls_tcp, open_that_is_cancelled_in_its_handshake_leaves_nothing_behind) {
  sc::run([]() -> task<> {
    const auto listener = sc::listen_tcp("127.0.0.1", 0);
    const std::uint16_t port = listener->local_endpoint()->port;
    std::unique_ptr<sc::socket_stream> silent;
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      n.start_soon([&]() -> task<> {
        static_cast<void>(co_await tls::open_tls_over_tcp_stream("127.0.0.1", port, trusting_client()));
        ADD_FAILURE() << "there was nobody to agree with";
      });
      silent = co_await listener->accept();
      EXPECT_NE(co_await receive_text(*silent), "") << "it has begun";
      n.cancel("while it waits for an answer");
    });
    EXPECT_EQ(co_await receive_text(*silent), "") << "it has closed its connection";
  });
}

}  // namespace
}  // namespace tractor::test
