// SPDX-License-Identifier: Apache-2.0
//
// TLS streams as byte streams: the contract, both directions at once, ends and cancels.

#include "tractor/tls/stream.hpp"

#include "tls_test.hpp"
#include "tractor/sc/socket_stream.hpp"
#include "tractor/testing/check_streams.hpp"
#include "tractor/testing/lockstep_stream.hpp"
#include "tractor/testing/process_fixture.hpp"

namespace tractor::test {
namespace {

using namespace std::chrono_literals;
namespace kit = tractor::testing;
using sc::nursery;
using sc::task;
using ::testing::HasSubstr;

// A pair that has agreed, or does so as it goes.
template <class Open>
kit::stream_maker maker(Open open, bool agree_first, bool https_compatible) {
  return [=]() -> task<kit::stream_pair> {
    tls_pair pair = secure(open(), {.client_stream = {.server_name = "localhost", .https_compatible = https_compatible},
                                    .server_stream = {.https_compatible = https_compatible}});
    if (agree_first) co_await agree(pair);
    co_return kit::stream_pair(std::move(pair.client), std::move(pair.server));
  };
}

auto memory = [] { return sc::open_memory_streams(); };

TRACTOR_TEST(tls_stream, over_memory_keeps_the_contract) { co_await kit::check_half_closeable_stream(maker(memory, true, false)); }

TRACTOR_TEST(tls_stream, over_memory_without_handshake_first_keeps_the_contract) {
  co_await kit::check_two_way_stream(maker(memory, false, true));
}

// close() cannot wait for room to say goodbye in, so these ends come without it.
TRACTOR_TEST(tls_stream, over_short_memory_keeps_the_contract) {
  for (const std::size_t buffer_bytes : {100u})
    co_await kit::check_two_way_stream(maker([=] { return sc::open_memory_streams(buffer_bytes); }, true, true));
}

TRACTOR_TEST(tls_stream, over_lockstep_keeps_the_contract) {
  co_await kit::check_two_way_stream(maker([] { return kit::open_lockstep_streams(); }, true, true));
}

TEST(tls_stream, over_sockets_keeps_the_contract) {
  sc::run([]() -> task<> { co_await kit::check_half_closeable_stream(maker([] { return sc::open_socketpair(); }, true, false)); });
}

// --- both directions at once ---

constexpr std::size_t megabytes = 4 << 20;

task<> exchange_megabytes(tls_pair pair) {
  const std::string there = pattern(megabytes, 1), back = pattern(megabytes, 2);
  std::string got_there, got_back;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await send_text(*pair.client, there);
      pair.client->send_eof();
    });
    n.start_soon([&]() -> task<> {
      co_await send_text(*pair.server, back);
      pair.server->send_eof();
    });
    n.start_soon([&]() -> task<> { got_there = co_await receive_all(*pair.server); });
    got_back = co_await receive_all(*pair.client);
  });
  EXPECT_TRUE(got_there == there);
  EXPECT_TRUE(got_back == back);
}

TRACTOR_TEST(tls_stream, megabytes_go_both_ways_at_once) { co_await exchange_megabytes(open_pair()); }

TRACTOR_TEST(tls_stream, megabytes_go_both_ways_through_a_short_transport) {
  co_await exchange_megabytes(secure(sc::open_memory_streams(1000)));
}

TRACTOR_TEST(tls_stream, megabytes_go_both_ways_with_tls_1_2) {
  // Given: a client that speaks 1.2 only.
  pair_options options;
  SSL_CTX_set_max_proto_version(options.client.state().ssl.get(), TLS1_2_VERSION);
  tls_pair pair = open_pair(options);
  co_await agree(pair);
  EXPECT_EQ(pair.client->version(), tls::protocol_version::tls1_2);
  EXPECT_EQ(pair.server->version(), tls::protocol_version::tls1_2);

  co_await exchange_megabytes(std::move(pair));
}

TEST(tls_stream, megabytes_go_both_ways_over_sockets) {
  sc::run([]() -> task<> { co_await exchange_megabytes(secure(sc::open_socketpair())); });
}

TRACTOR_TEST(tls_stream, goes_through_another_tls_stream) {
  tls_pair outer = open_pair();
  co_await exchange_megabytes(secure(std::pair(std::move(outer.client), std::move(outer.server))));
}

// A response comes only when the request got through, whoever of those that wait makes the handshake.
TRACTOR_TEST(tls_stream, request_and_response_through_another_tls_stream_by_tasks_that_wait_for_the_handshake) {
  for (const std::size_t buffer_bytes : {100u, 64u * 1024}) {
    for (const int order : {0, 1, 2, 3}) {
      tls_pair outer = secure(sc::open_memory_streams(buffer_bytes));
      if (order < 2) co_await agree(outer);
      tls_pair pair = secure(std::pair(std::move(outer.client), std::move(outer.server)));
      const auto send = [&]() -> task<> { co_await send_text(*pair.client, "request"); };
      const auto receive = [&]() -> task<> { EXPECT_EQ(co_await receive_text(*pair.client), "response"); };
      const auto answer = [&]() -> task<> {
        EXPECT_EQ(co_await receive_text(*pair.server), "request");
        co_await send_text(*pair.server, "response");
      };

      EXPECT_TRUE(co_await sc::move_on_after(1s,
                                             [&]() -> task<> {
                                               co_await sc::open_nursery([&](nursery& n) -> task<> {
                                                 order % 2 == 0 ? n.start_soon(send) : n.start_soon(receive);
                                                 co_await kit::wait_all_tasks_blocked();
                                                 order % 2 == 0 ? n.start_soon(receive) : n.start_soon(send);
                                                 co_await kit::wait_all_tasks_blocked();
                                                 n.start_soon(answer);
                                                 n.start_soon([&]() -> task<> { co_await pair.server->do_handshake(); });
                                               });
                                             }))
          << buffer_bytes << " bytes, order " << order;
    }
  }
}

// --- one task at a time ---

TRACTOR_TEST(tls_stream, second_task_of_a_direction_is_refused) {
  tls_pair pair = secure(sc::open_memory_streams(1000));
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { static_cast<void>(co_await receive_text(*pair.client)); });
    n.start_soon([&]() -> task<> { co_await send_text(*pair.client, "first"); });
    co_await kit::wait_all_tasks_blocked();
    EXPECT_THROW(static_cast<void>(co_await receive_text(*pair.client)), sc::busy_resource_error);
    EXPECT_THROW(co_await send_text(*pair.client, "second"), sc::busy_resource_error);
    EXPECT_THROW(pair.client->send_eof(), sc::busy_resource_error);
    n.cancel();
  });
}

// --- cancelled ---

TRACTOR_TEST(tls_stream, cancelled_receive_loses_nothing) {
  tls_pair pair = open_pair();
  co_await agree(pair);
  EXPECT_FALSE(co_await sc::move_on_after(1s, [&]() -> task<> { static_cast<void>(co_await receive_text(*pair.server)); }));
  co_await send_text(*pair.client, "kept");
  EXPECT_EQ(co_await receive_text(*pair.server), "kept");
}

TRACTOR_TEST(tls_stream, cancelled_send_leaves_whole_records_and_an_end_that_is_none) {
  tls_pair pair = secure(sc::open_memory_streams(1000));
  co_await agree(pair);
  EXPECT_FALSE(co_await sc::move_on_after(1s, [&]() -> task<> { co_await send_text(*pair.client, std::string(100'000, 'x')); }));

  std::string got;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await send_text(*pair.client, "more");
      co_await pair.client->aclose();
    });
    EXPECT_THAT(co_await error_from<tls::truncated_error>([&]() -> task<> {
                  for (std::string next; !(next = co_await receive_text(*pair.server)).empty();) got += next;
                }),
                HasSubstr("without close_notify"));
  });
  EXPECT_THAT(got, ::testing::EndsWith("xmore"));
  EXPECT_LT(got.size(), 50'000u);
}

TRACTOR_TEST(tls_stream, handshake_with_a_silent_peer_is_cancelled_and_done_later) {
  tls_pair pair = open_pair();
  EXPECT_FALSE(co_await sc::move_on_after(1h, [&]() -> task<> { co_await pair.client->do_handshake(); }));
  EXPECT_FALSE(co_await sc::move_on_after(1h, [&]() -> task<> { co_await send_text(*pair.client, "never"); }));
  EXPECT_FALSE(co_await sc::move_on_after(1h, [&]() -> task<> { static_cast<void>(co_await receive_text(*pair.client)); }));
  EXPECT_EQ(pair.client->version(), std::nullopt);

  co_await agree(pair);
  co_await send_text(*pair.client, "at last");
  EXPECT_EQ(co_await receive_text(*pair.server), "at last");
}

TRACTOR_TEST(tls_stream, handshake_that_is_done_waits_for_nothing) {
  tls_pair pair = secure(sc::open_memory_streams(1000));
  co_await agree(pair);
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { co_await send_text(*pair.client, std::string(10'000, 'x')); });
    co_await kit::wait_all_tasks_blocked();
    co_await pair.client->do_handshake();
    n.cancel();
  });
}

TRACTOR_TEST(tls_stream, calls_are_checkpoints) {
  tls_pair pair = open_pair();
  co_await agree(pair);
  co_await kit::assert_checkpoints([&] { return pair.client->do_handshake(); });
  EXPECT_FALSE(pair.client->closed());
  co_await kit::assert_checkpoints([&] { return pair.client->aclose(); });
  EXPECT_TRUE(pair.client->closed()) << "cancelled or not";
}

TRACTOR_TEST(tls_stream, server_that_only_sends_and_client_that_only_receives_need_nothing_more) {
  tls_pair pair = secure(kit::open_lockstep_streams());
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { co_await send_text(*pair.server, "hello"); });
    EXPECT_EQ(co_await receive_text(*pair.client), "hello");
  });
}

}  // namespace
}  // namespace tractor::test
