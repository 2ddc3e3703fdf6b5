// SPDX-License-Identifier: Apache-2.0
//
// How a TLS stream ends: in good order, cut off, and by going on without TLS.

#include "split_ticket.hpp"
#include "tls_test.hpp"
#include "tractor/testing/lockstep_stream.hpp"

namespace tractor::test {
namespace {

using namespace std::chrono_literals;
using sc::task;
using ::testing::HasSubstr;

TRACTOR_TEST(tls_end, aclose_is_the_end_for_the_peer_and_what_was_sent_comes_before_it) {
  tls_pair pair = secure(testing::open_lockstep_streams());
  co_await sc::open_nursery([&](sc::nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await send_text(*pair.client, "last words");
      co_await pair.client->aclose();
      co_await pair.client->aclose();
    });
    EXPECT_EQ(co_await receive_all(*pair.server), "last words");
  });
  EXPECT_TRUE(pair.client->closed());
  EXPECT_EQ(co_await receive_text(*pair.server), "") << "the end stays the end";
}

TRACTOR_TEST(tls_end, aclose_of_a_stream_that_never_agreed_closes) {
  tls_pair pair = open_pair();
  co_await pair.client->aclose();
  EXPECT_TRUE(pair.client->closed());
  EXPECT_THROW(co_await pair.client->do_handshake(), sc::closed_resource_error);
}

TRACTOR_TEST(tls_end, aclose_that_cannot_say_goodbye_is_cancelled_and_closes) {
  tls_pair pair = secure(testing::open_lockstep_streams());
  co_await agree(pair);
  EXPECT_FALSE(co_await sc::move_on_after(1s, [&] { return pair.client->aclose(); }));
  EXPECT_TRUE(pair.client->closed());
}

TRACTOR_TEST(tls_end, transport_that_ends_alone_has_truncated_the_stream) {
  tls_pair pair = open_pair();
  co_await agree(pair);
  co_await send_text(*pair.client, "half of");
  pair.client->transport()->close();
  EXPECT_EQ(co_await receive_text(*pair.server), "half of");
  for (int i = 0; i < 2; ++i)
    EXPECT_THAT(co_await error_from<tls::truncated_error>([&] { return receive_text(*pair.server); }), HasSubstr("without close_notify"));
}

TRACTOR_TEST(tls_end, transport_that_ends_alone_is_an_end_when_https_compatible) {
  tls_pair pair = open_pair({.server_stream = {.https_compatible = true}});
  co_await agree(pair);
  co_await send_text(*pair.client, "all");
  pair.client->transport()->close();
  EXPECT_EQ(co_await receive_all(*pair.server), "all");
  EXPECT_EQ(co_await receive_text(*pair.server), "");
}

TRACTOR_TEST(tls_end, sending_goes_on_after_a_transport_that_ended_alone_when_https_compatible) {
  tls_pair pair = open_pair({.server_stream = {.https_compatible = true}});
  co_await agree(pair);
  co_await send_text(*pair.client, "request");
  pair.client->transport()->send_eof();
  EXPECT_EQ(co_await receive_all(*pair.server), "request");

  co_await send_text(*pair.server, "response");
  co_await pair.server->aclose();
  EXPECT_EQ(co_await receive_all(*pair.client), "response");
}

// A receiver may take that for the end; a sender would have to wait for the rest for ever.
TRACTOR_TEST(tls_end, transport_that_ends_within_a_message_of_the_protocol_is_none_for_a_sender) {
  split_ticket with = co_await open_with_split_ticket({.server_name = "localhost", .https_compatible = true});
  co_await send_text(*with.client_side, with.first_record);
  with.client_side->send_eof();
  EXPECT_EQ(co_await receive_text(*with.pair.client), "");

  for (int i = 0; i < 2; ++i)
    EXPECT_THAT(co_await error_from<tls::truncated_error>([&] { return send_text(*with.pair.client, "x"); }),
                HasSubstr("without close_notify"));
  co_await with.pair.client->aclose();
  EXPECT_TRUE(with.pair.client->closed());
}

TRACTOR_TEST(tls_end, transport_that_ends_while_a_sender_waits_for_the_rest_of_a_message_is_none_for_it) {
  for (const bool https_compatible : {false, true}) {
    split_ticket with = co_await open_with_split_ticket({.server_name = "localhost", .https_compatible = https_compatible});
    co_await send_text(*with.client_side, with.first_record);
    EXPECT_FALSE(co_await sc::move_on_after(1s, [&]() -> task<> { static_cast<void>(co_await receive_text(*with.pair.client)); }));
    co_await sc::open_nursery([&](sc::nursery& n) -> task<> {
      n.start_soon([&]() -> task<> {
        EXPECT_THAT(co_await error_from<tls::truncated_error>([&] { return send_text(*with.pair.client, "x"); }),
                    HasSubstr("without close_notify"));
      });
      co_await testing::wait_all_tasks_blocked();
      with.client_side->send_eof();
    });
  }
}

TRACTOR_TEST(tls_end, changed_record_is_an_error_for_both) {
  auto [near, far] = sc::open_memory_streams();
  auto [attacked, server_side] = sc::open_memory_streams();
  tls_pair pair = secure(std::pair(std::move(near), std::move(server_side)));
  // Given: somebody in between, who changes nothing until both have agreed.
  bool attack = false;
  sc::byte_stream &left = *far, &right = *attacked;
  const auto relay = [&attack](sc::byte_stream& from, sc::byte_stream& to) -> task<> {
    for (std::string text; !(text = co_await receive_text(from)).empty();) {
      if (attack) text.back() = static_cast<char>(text.back() ^ 1);
      co_await send_text(to, text);
    }
  };
  co_await sc::open_nursery([&](sc::nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { co_await relay(left, right); });
    n.start_soon([&]() -> task<> { co_await relay(right, left); });
    co_await agree(pair);
    co_await testing::wait_all_tasks_blocked();

    attack = true;
    co_await send_text(*pair.client, "pay 10");
    EXPECT_THAT(co_await error_from<tls::tls_error>([&] { return receive_text(*pair.server); }), HasSubstr("bad record mac"));
    EXPECT_THAT(co_await error_from<tls::tls_error>([&] { return send_text(*pair.server, "x"); }), HasSubstr("bad record mac"));
    n.cancel();
  });
}

TRACTOR_TEST(tls_end, unwrap_gives_both_transports_back_and_loses_nothing) {
  tls_pair pair = open_pair();
  co_await agree(pair);
  tls::stream::unwrapped client, server;
  co_await sc::open_nursery([&](sc::nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      client = co_await pair.client->unwrap();
      co_await send_text(*client.transport, "in the clear");
    });
    co_await testing::wait_all_tasks_blocked();
    server = co_await pair.server->unwrap();
  });
  EXPECT_TRUE(pair.client->closed());
  EXPECT_THROW(co_await send_text(*pair.client, "x"), sc::closed_resource_error);
  EXPECT_TRUE(server.trailing.empty()) << "it asked for no more than the end";
  EXPECT_EQ(co_await receive_text(*server.transport), "in the clear");
  EXPECT_TRUE(client.transport != nullptr && client.trailing.empty());
}

TRACTOR_TEST(tls_end, unwrap_gives_what_came_behind_the_end) {
  tls_pair pair = open_pair();
  co_await agree(pair);
  pair.client->send_eof();
  co_await send_text(*pair.client->transport(), "already in the clear");
  const auto server = co_await pair.server->unwrap();
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(server.trailing.data()), server.trailing.size()), "already in the clear");
}

TRACTOR_TEST(tls_end, unwrap_is_cancelled_and_done_later) {
  tls_pair pair = open_pair();
  co_await agree(pair);
  EXPECT_FALSE(co_await sc::move_on_after(1s, [&]() -> task<> { static_cast<void>(co_await pair.client->unwrap()); }));
  pair.server->send_eof();
  EXPECT_NE((co_await pair.client->unwrap()).transport, nullptr);
}

TRACTOR_TEST(tls_end, one_of_two_unwraps_gets_the_transport) {
  tls_pair pair = open_pair();
  co_await agree(pair);
  pair.server->send_eof();
  int got = 0, refused = 0;
  co_await sc::open_nursery([&](sc::nursery& n) -> task<> {
    for (int i = 0; i < 2; ++i) {
      n.start_soon([&]() -> task<> {
        try {
          if ((co_await pair.client->unwrap()).transport != nullptr) ++got;
        } catch (const sc::closed_resource_error&) {
          ++refused;
        } catch (const sc::busy_resource_error&) {
          ++refused;
        }
      });
    }
    co_return;
  });
  EXPECT_EQ(got, 1);
  EXPECT_EQ(refused, 1);
}

TRACTOR_TEST(tls_end, unwrap_refuses_a_peer_that_goes_on) {
  tls_pair pair = open_pair();
  co_await agree(pair);
  co_await send_text(*pair.server, "but");
  EXPECT_THAT(co_await error_from<tls::tls_error>([&] { return pair.client->unwrap(); }), HasSubstr("goes on sending"));
}

TRACTOR_TEST(tls_end, unwrap_refuses_a_stream_with_a_hole) {
  tls_pair pair = secure(sc::open_memory_streams(1000));
  co_await agree(pair);
  EXPECT_FALSE(co_await sc::move_on_after(1s, [&]() -> task<> { co_await send_text(*pair.client, std::string(10'000, 'x')); }));
  EXPECT_THAT(co_await error_from<tls::tls_error>([&] { return pair.client->unwrap(); }), HasSubstr("left a hole"));
}

TRACTOR_TEST(tls_end, close_while_a_task_sends_is_no_end_in_good_order) {
  tls_pair pair = secure(sc::open_memory_streams(1000));
  co_await agree(pair);
  co_await sc::open_nursery([&](sc::nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { EXPECT_THROW(co_await send_text(*pair.client, std::string(10'000, 'x')), sc::closed_resource_error); });
    co_await testing::wait_all_tasks_blocked();
    pair.client->close();
    EXPECT_THROW(static_cast<void>(co_await receive_all(*pair.server)), tls::truncated_error);
  });
}

TRACTOR_TEST(tls_end, errors_of_the_transport_pass_through) {
  tls_pair pair = open_pair();
  co_await agree(pair);
  pair.server->transport()->close();
  EXPECT_THAT(co_await error_from<sc::broken_resource_error>([&] { return send_text(*pair.client, "x"); }),
              HasSubstr("the peer is gone [EPIPE]"));
}

TRACTOR_TEST(tls_end, eof_before_the_handshake_comes_behind_it) {
  tls_pair pair = open_pair();
  pair.client->send_eof();
  co_await sc::open_nursery([&](sc::nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      EXPECT_EQ(co_await receive_all(*pair.server), "");
      co_await send_text(*pair.server, "answer");
    });
    EXPECT_EQ(co_await receive_text(*pair.client), "answer");
  });
}

TRACTOR_TEST(tls_end, may_be_destroyed_when_closed_though_the_tasks_that_waited_have_yet_to_go_on) {
  tls_pair pair = open_pair();
  int closed = 0;
  co_await sc::open_nursery([&](sc::nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      EXPECT_THROW(static_cast<void>(co_await receive_text(*pair.client)), sc::closed_resource_error);
      ++closed;
    });
    co_await testing::wait_all_tasks_blocked();
    pair.client->close();
    pair.client.reset();
  });
  EXPECT_EQ(closed, 1);
}

}  // namespace
}  // namespace tractor::test
