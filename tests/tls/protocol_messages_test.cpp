// SPDX-License-Identifier: Apache-2.0
//
// What the protocol says in between: new keys and tickets, while nobody sends, or while one side says nothing else.

#include <array>

#include "tls_test.hpp"

namespace tractor::test {
namespace {

using namespace std::chrono_literals;
using sc::task;
using ::testing::AllOf;
using ::testing::HasSubstr;

TRACTOR_TEST(tls_protocol, key_updates_are_answered_while_the_sender_is_clogged) {
  tls_pair pair = secure(sc::open_memory_streams(1000));
  co_await agree(pair);
  const std::string there = pattern(200'000, 3), back = pattern(200'000, 4);
  co_await sc::open_nursery([&](sc::nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { co_await send_text(*pair.server, back); });
    co_await testing::wait_all_tasks_blocked();

    // When: the client, which has not received anything, asks for new keys and goes on.
    n.start_soon([&]() -> task<> {
      for (std::size_t at = 0; at < there.size(); at += 20'000) {
        pair.client->update_keys();
        co_await send_text(*pair.client, std::string_view(there).substr(at, 20'000));
      }
      pair.client->send_eof();
    });
    EXPECT_TRUE(co_await receive_all(*pair.server) == there);
    std::string got;
    while (got.size() < back.size()) got += co_await receive_text(*pair.client);
    EXPECT_TRUE(got == back);
  });
}

TRACTOR_TEST(tls_protocol, peer_that_asks_and_does_not_listen_is_not_received_from_until_it_does) {
  // Given: a server whose answers to requests for new keys are long.
  constexpr std::size_t answer_bytes = 4096, requests = 50;
  static_assert(requests * answer_bytes > tls::outgoing_bytes_max);
  pair_options options;
  SSL_CTX_set_block_padding(options.server.state().ssl.get(), answer_bytes);
  tls_pair pair = secure(sc::open_memory_streams(1000), options);
  co_await agree(pair);
  std::size_t received = 0;
  co_await sc::open_nursery([&](sc::nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      for (std::size_t i = 0; i < requests; ++i) {
        pair.client->update_keys();
        co_await send_text(*pair.client, "x");
      }
    });
    n.start_soon([&]() -> task<> {
      while (received < requests) received += (co_await receive_text(*pair.server)).size();
      pair.server->send_eof();
    });
    co_await testing::wait_all_tasks_blocked();
    EXPECT_LT(received, tls::outgoing_bytes_max / answer_bytes + 2);

    EXPECT_EQ(co_await receive_text(*pair.client), "");
  });
  EXPECT_EQ(received, requests);
}

// A server without a stream, which says what a stream never would: new keys, without asking for the other side's, as often as it is told
// to. Its records are long, so that few of them make many bytes.
class talkative_server {
 public:
  explicit talkative_server(std::unique_ptr<sc::memory_stream> transport)
      : transport_(std::move(transport)), ssl_(SSL_new(context_.state().ssl.get())), in_(BIO_new(BIO_s_mem())), out_(BIO_new(BIO_s_mem())) {
    SSL_set_bio(ssl_.get(), in_, out_);
    SSL_set_accept_state(ssl_.get());
    EXPECT_EQ(SSL_set_block_padding(ssl_.get(), 4096), 1);
  }

  task<> handshake() {
    while (SSL_do_handshake(ssl_.get()) != 1) {
      co_await flush();
      const std::string more = co_await receive_text(*transport_);
      BIO_write(in_, more.data(), static_cast<int>(more.size()));
    }
    co_await flush();
  }
  task<> renew_keys(std::size_t bytes) {
    while (BIO_ctrl_pending(out_) < bytes)
      EXPECT_TRUE(SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1 && SSL_do_handshake(ssl_.get()) == 1);
    co_await flush();
  }
  task<> send(std::string_view text) {
    EXPECT_EQ(SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())), static_cast<int>(text.size()));
    co_await flush();
  }

 private:
  task<> flush() {
    std::string bytes(BIO_ctrl_pending(out_), '\0');
    if (!bytes.empty()) BIO_read(out_, bytes.data(), static_cast<int>(bytes.size()));
    co_await send_text(*transport_, bytes);
  }

  tls::context context_ = localhost_server();
  std::unique_ptr<sc::memory_stream> transport_;
  tls::detail::ssl_ptr ssl_;
  BIO* in_;  // the SSL owns both
  BIO* out_;
};

struct talkative_pair {
  std::unique_ptr<tls::stream> client;
  std::unique_ptr<talkative_server> server;
};

task<talkative_pair> open_talkative_pair() {
  auto [near, far] = sc::open_memory_streams(2 * tls::silent_bytes_max);  // so that nobody has to wait
  talkative_pair made{std::make_unique<tls::stream>(std::move(near), trusting_client(), tls::stream_options{.server_name = "localhost"}),
                      std::make_unique<talkative_server>(std::move(far))};
  co_await sc::open_nursery([&](sc::nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { co_await made.server->handshake(); });
    co_await made.client->do_handshake();
  });
  co_return made;
}

TRACTOR_TEST(tls_protocol, peer_that_says_nothing_but_new_keys_is_refused) {
  talkative_pair pair = co_await open_talkative_pair();
  co_await pair.server->renew_keys(tls::silent_bytes_max + tls::ciphertext_chunk_bytes);

  std::array<std::byte, 1> room;
  EXPECT_EQ(pair.client->try_receive(room).errno_value, EPROTO) << "within one call, which ends";
  const std::string first = co_await error_from<tls::tls_error>([&] { return receive_text(*pair.client); });
  EXPECT_THAT(first, AllOf(HasSubstr("'localhost'"), HasSubstr("more than 262144 bytes"), HasSubstr("silent_bytes_max")));
  EXPECT_EQ(co_await error_from<tls::tls_error>([&] { return send_text(*pair.client, "x"); }), first);
}

TRACTOR_TEST(tls_protocol, peer_that_says_nothing_but_new_keys_does_not_hold_up_aclose) {
  talkative_pair pair = co_await open_talkative_pair();
  const auto began = sc::current_time();
  co_await sc::open_nursery([&](sc::nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { co_await pair.client->aclose(); });
    co_await testing::wait_all_tasks_blocked();
    co_await pair.server->renew_keys(tls::silent_bytes_max + tls::ciphertext_chunk_bytes);
  });
  EXPECT_EQ(sc::current_time(), began) << "no longer than it takes to see that";
}

TRACTOR_TEST(tls_protocol, new_keys_as_many_as_there_is_data_in_between_are_no_fault) {
  talkative_pair pair = co_await open_talkative_pair();
  for (const std::string each : {"one", "two", "three"}) {
    co_await pair.server->renew_keys(tls::silent_bytes_max - tls::ciphertext_chunk_bytes);
    co_await pair.server->send(each);
    EXPECT_EQ(co_await receive_text(*pair.client), each);
  }
}

TRACTOR_TEST(tls_protocol, new_keys_as_many_as_data_is_sent_in_between_are_no_fault) {
  talkative_pair pair = co_await open_talkative_pair();
  for (int i = 0; i < 3; ++i) {
    co_await pair.server->renew_keys(tls::silent_bytes_max - tls::ciphertext_chunk_bytes);
    EXPECT_FALSE(co_await sc::move_on_after(1s, [&]() -> task<> { static_cast<void>(co_await receive_text(*pair.client)); }));
    co_await send_text(*pair.client, "x");
  }
  co_await pair.server->send("still there");
  EXPECT_EQ(co_await receive_text(*pair.client), "still there");
}

}  // namespace
}  // namespace tractor::test
