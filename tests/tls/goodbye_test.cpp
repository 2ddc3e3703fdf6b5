// SPDX-License-Identifier: Apache-2.0
//
// close_notify: that it gets out behind whatever was in its way, that the peer can read it, and that it is not said of what is cut off.

#include <array>
#include <functional>

#include "split_ticket.hpp"
#include "tls_test.hpp"

namespace tractor::test {
namespace {

using namespace std::chrono_literals;
using sc::task;
using ::testing::HasSubstr;

TRACTOR_TEST(tls_goodbye, aclose_reads_on_until_the_peer_ends_its_side) {
  tls_pair pair = secure(sc::open_memory_streams(1000));
  co_await agree(pair);
  const auto began = sc::current_time();
  co_await sc::open_nursery([&](sc::nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { co_await pair.client->aclose(); });
    EXPECT_EQ(co_await receive_all(*pair.server), "");
    co_await send_text(*pair.server, std::string(100'000, 'x'));
    EXPECT_FALSE(pair.client->closed());
    co_await pair.server->aclose();
  });
  EXPECT_TRUE(pair.client->closed());
  EXPECT_EQ(sc::current_time(), began) << "no longer than that";
}

TRACTOR_TEST(tls_goodbye, aclose_waits_for_a_silent_peer_as_long_as_its_bound) {
  tls_pair pair = open_pair();
  co_await agree(pair);
  const auto began = sc::current_time();
  co_await pair.client->aclose();
  EXPECT_EQ(sc::current_time() - began, tls::aclose_drain_within);
  EXPECT_TRUE(pair.client->closed());
}

TRACTOR_TEST(tls_goodbye, aclose_reads_from_a_peer_that_goes_on_as_much_as_its_bound) {
  tls_pair pair = open_pair();
  co_await agree(pair);
  const auto began = sc::current_time();
  co_await sc::open_nursery([&](sc::nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      EXPECT_THROW(co_await send_text(*pair.server, std::string(2 * tls::aclose_drain_bytes_max, 'x')), sc::broken_resource_error);
    });
    co_await pair.client->aclose();
  });
  EXPECT_EQ(sc::current_time(), began);
}

TRACTOR_TEST(tls_goodbye, goodbye_comes_behind_new_keys) {
  const std::vector<std::function<task<>(tls::stream&)>> endings{
      [](tls::stream& stream) -> task<> { co_await stream.aclose(); },
      [](tls::stream& stream) -> task<> { static_cast<void>(co_await stream.unwrap()); },
      [](tls::stream& stream) -> task<> {
        stream.send_eof();
        co_return;
      },
      [](tls::stream& stream) -> task<> {
        stream.close();
        co_return;
      }};
  for (const auto& end : endings) {
    tls_pair pair = open_pair();
    co_await agree(pair);
    co_await sc::open_nursery([&](sc::nursery& n) -> task<> {
      n.start_soon([&]() -> task<> {
        co_await send_text(*pair.client, "last words");
        pair.client->update_keys();
        co_await end(*pair.client);
      });
      EXPECT_EQ(co_await receive_all(*pair.server), "last words");
      pair.server->send_eof();
    });
  }
}

TRACTOR_TEST(tls_goodbye, goodbye_waits_for_the_rest_of_a_ticket) {
  for (const bool half_close : {false, true}) {
    split_ticket with = co_await open_with_split_ticket();
    co_await send_text(*with.client_side, with.first_record);
    EXPECT_FALSE(co_await sc::move_on_after(1s, [&]() -> task<> { static_cast<void>(co_await receive_text(*with.pair.client)); }));
    co_await sc::open_nursery([&](sc::nursery& n) -> task<> {
      n.start_soon([&]() -> task<> {
        if (!half_close) co_return co_await with.pair.client->aclose();
        with.pair.client->send_eof();
        EXPECT_EQ(co_await receive_text(*with.pair.client), "");
      });
      co_await testing::wait_all_tasks_blocked();
      EXPECT_FALSE(with.pair.client->closed());

      co_await send_text(*with.client_side, with.rest);
      co_await pass_on(*with.client_side, *with.server_side);
      EXPECT_EQ(co_await receive_text(*with.pair.server), "");
      with.pair.server->send_eof();
      co_await pass_on(*with.server_side, *with.client_side);
    });
  }
}

// What has left is whole records, and none of them is at hand when the send is given up.
TRACTOR_TEST(tls_goodbye, send_given_up_between_its_records_is_cut_off) {
  split_ticket with = co_await open_with_split_ticket();
  const std::string text(20'000, 'x');
  const sc::io_result first = with.pair.client->try_send(bytes_of(text));
  EXPECT_EQ(first.bytes, tls::record_bytes_max);
  co_await send_text(*with.client_side, with.first_record);
  std::array<std::byte, 1> nothing;
  EXPECT_TRUE(with.pair.client->try_receive(nothing).would_block());
  EXPECT_TRUE(with.pair.client->try_send(bytes_of(text).subspan(first.bytes)).would_block()) << "before the rest of the ticket";
  with.pair.client->set_writer(nullptr);

  co_await send_text(*with.client_side, with.rest);
  co_await sc::open_nursery([&](sc::nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { co_await with.pair.client->aclose(); });
    co_await pass_on(*with.client_side, *with.server_side);
    with.server_side->send_eof();
    EXPECT_THAT(co_await error_from<tls::truncated_error>([&] { return receive_all(*with.pair.server); }),
                HasSubstr("without close_notify"));
  });
}

TRACTOR_TEST(tls_goodbye, stream_that_is_destroyed_on_the_way_out_of_an_error_has_no_end_in_good_order) {
  tls_pair pair = open_pair();
  co_await agree(pair);
  EXPECT_FALSE(co_await sc::move_on_after(1s, [&]() -> task<> {
    const auto sender = std::move(pair.client);
    co_await send_text(*sender, "first half");
    co_await sc::sleep(1h);
    co_await send_text(*sender, "second half");
  }));
  EXPECT_EQ(co_await receive_text(*pair.server), "first half");
  EXPECT_THROW(static_cast<void>(co_await receive_text(*pair.server)), tls::truncated_error);
}

}  // namespace
}  // namespace tractor::test
