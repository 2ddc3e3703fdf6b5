// SPDX-License-Identifier: Apache-2.0
//
// What every pair of connected byte streams must do, whatever is between them.

#include <functional>
#include <memory>
#include <random>

#include "socket_test.hpp"
#include "tractor/sc/errors.hpp"

namespace tractor::test {
namespace {

using stream_pair = std::pair<std::unique_ptr<sc::socket_stream>, std::unique_ptr<sc::socket_stream>>;

struct transport {
  const char* name;
  std::function<sc::task<stream_pair>(std::string path)> connect;
  friend void PrintTo(const transport& which, std::ostream* out) { *out << which.name; }
};

sc::task<stream_pair> by_socketpair(std::string) { co_return sc::open_socketpair(); }

sc::task<stream_pair> by_unix(std::string path) {
  auto listener = sc::listen_unix(path);
  auto client = co_await sc::connect_unix(path);
  auto server = co_await listener->accept();
  co_return stream_pair(std::move(client), std::move(server));
}

sc::task<stream_pair> by_tcp(std::string) {
  auto listener = sc::listen_tcp("127.0.0.1", 0);
  auto client = co_await sc::connect_tcp("127.0.0.1", listener->local_endpoint()->port);
  auto server = co_await listener->accept();
  co_return stream_pair(std::move(client), std::move(server));
}

class stream_conformance : public socket_test, public ::testing::WithParamInterface<transport> {
 protected:
  // Runs `body(ours, theirs)` with a connected pair.
  void with_pair(std::function<sc::task<>(sc::socket_stream&, sc::socket_stream&)> body, sc::run_options options = {}) {
    sc::run(options, [&]() -> sc::task<> {
      auto [ours, theirs] = co_await GetParam().connect(file("s.sock"));
      co_await body(*ours, *theirs);
    });
  }
};

INSTANTIATE_TEST_SUITE_P(sockets, stream_conformance,
                         ::testing::Values(transport{"socketpair", by_socketpair}, transport{"unix_socket", by_unix},
                                           transport{"tcp", by_tcp}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(stream_conformance, bytes_sent_arrive_in_order_both_ways) {
  with_pair([](auto& ours, auto& theirs) -> sc::task<> {
    co_await ours.send_all(bytes_of("ping"));
    co_await theirs.send_all(bytes_of("pong"));

    EXPECT_EQ(co_await receive_text(theirs), "ping");
    EXPECT_EQ(co_await receive_text(ours), "pong");
  });
}

TEST_P(stream_conformance, receive_that_waits_is_woken_by_data) {
  with_pair([](auto& ours, auto& theirs) -> sc::task<> {
    std::string got;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { got = co_await receive_text(theirs); });
      co_await let_others_wait();
      EXPECT_EQ(got, "");

      co_await ours.send_all(bytes_of("now"));
    });
    EXPECT_EQ(got, "now");
  });
}

TEST_P(stream_conformance, receive_into_a_small_buffer_takes_the_rest_later) {
  with_pair([](auto& ours, auto& theirs) -> sc::task<> {
    co_await ours.send_all(bytes_of("abcdefg"));

    EXPECT_EQ(co_await receive_text(theirs, 3), "abc");
    EXPECT_EQ(co_await receive_text(theirs, 3), "def");
    EXPECT_EQ(co_await receive_text(theirs, 3), "g");
  });
}

TEST_P(stream_conformance, send_of_nothing_sends_nothing) {
  with_pair([](auto& ours, auto& theirs) -> sc::task<> {
    co_await ours.send_all({});
    co_await ours.send_all(bytes_of("x"));

    EXPECT_EQ(co_await receive_text(theirs), "x");
  });
}

TEST_P(stream_conformance, half_close_ends_one_direction_only) {
  with_pair([](auto& ours, auto& theirs) -> sc::task<> {
    co_await ours.send_all(bytes_of("question"));
    ours.send_eof();
    ours.send_eof();

    EXPECT_EQ(co_await receive_text(theirs), "question");
    EXPECT_EQ(co_await receive_text(theirs), "");
    EXPECT_EQ(co_await receive_text(theirs), "") << "the end stays the end";
    co_await theirs.send_all(bytes_of("answer"));
    EXPECT_EQ(co_await receive_text(ours), "answer");
  });
}

TEST_P(stream_conformance, send_after_own_eof_is_refused) {
  with_pair([](auto& ours, auto&) -> sc::task<> {
    ours.send_eof();

    EXPECT_NE(co_await error_of<sc::closed_resource_error>([&]() -> sc::task<> { co_await ours.send_all(bytes_of("x")); }), "");
  });
}

// The end must not be lost when it arrives together with the last data, which a short read takes.
TEST_P(stream_conformance, eof_right_behind_data_is_seen_by_a_receiver_that_waited) {
  with_pair([](auto& ours, auto& theirs) -> sc::task<> {
    std::vector<std::byte> got;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { got = co_await receive_all(theirs, 64); });
      co_await let_others_wait();
      co_await ours.send_all(bytes_of("last words"));
      ours.close();
    });
    EXPECT_EQ(got.size(), 10u);
  });
}

TEST_P(stream_conformance, eof_that_comes_after_a_short_read_wakes_the_receiver) {
  with_pair([](auto& ours, auto& theirs) -> sc::task<> {
    std::vector<std::byte> got;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { got = co_await receive_all(theirs, 64); });
      co_await let_others_wait();
      co_await ours.send_all(bytes_of("last words"));
      while (got.empty() && theirs.fd() >= 0 && n.task_count() > 0) {
        // The receiver has read and waits again once nothing is left in the socket.
        std::byte probe[1];
        if (::recv(theirs.fd(), probe, 1, MSG_PEEK) < 0) break;
        co_await let_others_wait();
      }
      co_await let_others_wait();
      ours.close();
    });
    EXPECT_EQ(got.size(), 10u);
  });
}

TEST_P(stream_conformance, eof_behind_data_is_seen_by_a_stream_that_never_waited) {
  with_pair([](auto& ours, auto& theirs) -> sc::task<> {
    co_await ours.send_all(bytes_of("all"));
    ours.close();

    EXPECT_EQ(co_await receive_text(theirs), "all");
    EXPECT_EQ(co_await receive_text(theirs), "");
  });
}

TEST_P(stream_conformance, large_transfers_cross_in_both_directions_at_once) {
  with_pair([](auto& ours, auto& theirs) -> sc::task<> {
    constexpr std::size_t size = 6 << 20;
    const auto there = pattern(size), back = pattern(size, 12345);
    std::vector<std::byte> got_there, got_back;
    const auto send = [](sc::socket_stream& stream, const std::vector<std::byte>& what) -> sc::task<> {
      co_await stream.send_all(what);
      stream.send_eof();
    };
    const auto receive = [](sc::socket_stream& stream, std::vector<std::byte>& into) -> sc::task<> { into = co_await receive_all(stream); };

    co_await sc::open_nursery([&](sc::nursery& n) {
      n.start_soon(send, std::ref(ours), std::cref(there));
      n.start_soon(send, std::ref(theirs), std::cref(back));
      n.start_soon(receive, std::ref(ours), std::ref(got_back));
      n.start_soon(receive, std::ref(theirs), std::ref(got_there));
    });

    EXPECT_TRUE(got_there == there);
    EXPECT_TRUE(got_back == back);
  });
}

TEST_P(stream_conformance, send_waits_while_the_peer_does_not_read) {
  with_pair([](auto& ours, auto& theirs) -> sc::task<> {
    const auto much = pattern(8 << 20);
    bool sent = false;
    std::vector<std::byte> got;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> {
        co_await ours.send_all(much);
        sent = true;
        ours.close();
      });
      co_await let_others_wait();
      EXPECT_FALSE(sent);
      got = co_await receive_all(theirs);
    });
    EXPECT_TRUE(sent);
    EXPECT_TRUE(got == much);
  });
}

TEST_P(stream_conformance, many_small_messages_arrive_whole_and_in_order) {
  with_pair([](auto& ours, auto& theirs) -> sc::task<> {
    constexpr std::size_t messages = 20'000, size = 64;
    std::vector<std::byte> got;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { got = co_await receive_all(theirs, 1000); });
      for (std::size_t i = 0; i < messages; ++i) co_await ours.send_all(pattern(size, i * size));
      ours.close();
    });
    EXPECT_TRUE(got == pattern(messages * size));
  });
}

TEST_P(stream_conformance, ping_pong_alternates) {
  with_pair([](auto& ours, auto& theirs) -> sc::task<> {
    constexpr int rounds = 2'000;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> {
        for (int i = 0; i < rounds; ++i) co_await theirs.send_all(bytes_of(co_await receive_text(theirs)));
      });
      for (int i = 0; i < rounds; ++i) {
        const std::string word = std::to_string(i);
        co_await ours.send_all(bytes_of(word));
        EXPECT_EQ(co_await receive_text(ours), word);
      }
    });
  });
}

TEST_P(stream_conformance, cancel_of_a_receive_that_waits_loses_nothing) {
  with_pair([](auto& ours, auto& theirs) -> sc::task<> {
    sc::cancel_scope scope;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { EXPECT_FALSE(co_await scope.run([&] { return receive_text(theirs); })); });
      co_await let_others_wait();
      scope.cancel("enough");
    });
    co_await ours.send_all(bytes_of("still here"));

    EXPECT_EQ(co_await receive_text(theirs), "still here");
  });
}

TEST_P(stream_conformance, receive_in_a_cancelled_scope_takes_nothing) {
  with_pair([](auto& ours, auto& theirs) -> sc::task<> {
    co_await ours.send_all(bytes_of("kept"));
    sc::cancel_scope scope;
    scope.cancel("before it began");

    EXPECT_FALSE(co_await scope.run([&] { return receive_text(theirs); }));
    EXPECT_EQ(co_await receive_text(theirs), "kept");
  });
}

// Cancels race with arriving data; every byte arrives exactly once, in order.
TEST_P(stream_conformance, receives_cancelled_at_random_moments_lose_nothing) {
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  const auto body = [seed](sc::socket_stream& ours, sc::socket_stream& theirs) -> sc::task<> {
    constexpr std::size_t total = 40'000;
    std::mt19937_64 random(seed);
    std::vector<std::byte> got;
    bool ended = false;
    sc::cancel_scope* current = nullptr;
    const auto pause = [&]() -> sc::task<> {
      for (auto steps = random() % 4; steps > 0; --steps) co_await sc::checkpoint();
    };

    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> {
        for (std::size_t sent = 0; sent < total;) {
          const std::size_t size = std::min<std::size_t>(1 + random() % 200, total - sent);
          co_await ours.send_all(pattern(size, sent));
          sent += size;
          co_await pause();
        }
        ours.send_eof();
      });
      n.start_soon([&]() -> sc::task<> {
        while (!ended) {
          if (current != nullptr) current->cancel("a random moment");
          co_await pause();
          co_await sc::checkpoint();
        }
      });
      std::byte buffer[150];
      while (!ended) {
        sc::cancel_scope scope;
        current = &scope;
        const auto bytes = co_await scope.run([&]() -> sc::task<std::size_t> { co_return co_await theirs.receive_some(buffer); });
        current = nullptr;
        if (!bytes) continue;
        ended = *bytes == 0;
        got.insert(got.end(), buffer, buffer + *bytes);
      }
    });
    EXPECT_TRUE(got == pattern(total));
  };
  with_pair(body, {.seed = seed});
}

TEST_P(stream_conformance, cancel_of_a_send_that_waits_leaves_a_clean_prefix) {
  with_pair([](auto& ours, auto& theirs) -> sc::task<> {
    const auto much = pattern(8 << 20);
    sc::cancel_scope scope;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { EXPECT_FALSE(co_await scope.run([&]() -> sc::task<> { co_await ours.send_all(much); })); });
      co_await let_others_wait();
      scope.cancel("enough");
    });
    std::vector<std::byte> got;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { got = co_await receive_all(theirs); });
      co_await ours.send_all(bytes_of("END"));
      ours.close();
    });

    EXPECT_GT(got.size(), 3u);
    EXPECT_LT(got.size(), much.size());
    const std::vector<std::byte> sent(got.begin(), got.end() - 3);
    EXPECT_TRUE(std::equal(sent.begin(), sent.end(), much.begin()));
    EXPECT_EQ(std::memcmp(got.data() + sent.size(), "END", 3), 0) << "what was sent after the cancelled send follows the prefix";
  });
}

TEST_P(stream_conformance, close_wakes_the_receiver_and_the_sender) {
  with_pair([](auto& ours, auto&) -> sc::task<> {
    const auto much = pattern(8 << 20);
    std::string receiving, sending;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { receiving = co_await error_of<sc::closed_resource_error>([&] { return receive_text(ours); }); });
      n.start_soon([&]() -> sc::task<> {
        sending = co_await error_of<sc::closed_resource_error>([&]() -> sc::task<> { co_await ours.send_all(much); });
      });
      co_await let_others_wait();
      ours.close();
      ours.close();
    });
    EXPECT_EQ(receiving, "receive_some(): the stream was closed on this side");
    EXPECT_EQ(sending, "send_all(): the stream was closed on this side");
  });
}

TEST_P(stream_conformance, use_of_a_closed_stream_is_refused) {
  with_pair([](auto& ours, auto&) -> sc::task<> {
    ours.close();

    EXPECT_TRUE(ours.closed());
    EXPECT_EQ(ours.fd(), -1);
    EXPECT_NE(co_await error_of<sc::closed_resource_error>([&] { return receive_text(ours); }), "");
    EXPECT_NE(co_await error_of<sc::closed_resource_error>([&]() -> sc::task<> { co_await ours.send_all(bytes_of("x")); }), "");
    EXPECT_THROW(ours.send_eof(), sc::closed_resource_error);
    EXPECT_THROW(static_cast<void>(ours.credentials()), sc::closed_resource_error);
  });
}

TEST_P(stream_conformance, second_receiver_and_second_sender_are_refused) {
  with_pair([](auto& ours, auto&) -> sc::task<> {
    const auto much = pattern(8 << 20);
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { co_await receive_text(ours); });
      n.start_soon([&]() -> sc::task<> { co_await ours.send_all(much); });
      co_await let_others_wait();

      EXPECT_NE(co_await error_of<sc::busy_resource_error>([&] { return receive_text(ours); }), "");
      EXPECT_NE(co_await error_of<sc::busy_resource_error>([&]() -> sc::task<> { co_await ours.send_all(bytes_of("x")); }), "");
      EXPECT_THROW(ours.send_eof(), sc::busy_resource_error);
      n.cancel("done");
    });
  });
}

TEST_P(stream_conformance, may_be_destroyed_when_it_was_closed_though_the_tasks_that_waited_in_it_have_yet_to_go_on) {
  sc::run([&]() -> sc::task<> {
    auto [ours, theirs] = co_await GetParam().connect(file("s.sock"));
    const auto much = pattern(8 << 20);
    std::string receiving, sending;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { receiving = co_await error_of<sc::closed_resource_error>([&] { return receive_text(*ours); }); });
      n.start_soon([&]() -> sc::task<> {
        sending = co_await error_of<sc::closed_resource_error>([&]() -> sc::task<> { co_await ours->send_all(much); });
      });
      co_await let_others_wait();
      ours->close();
      // Nobody is in its way any more.
      EXPECT_NE(co_await error_of<sc::closed_resource_error>([&] { return receive_text(*ours); }), "");
      ours.reset();
    });
    EXPECT_NE(receiving, "");
    EXPECT_NE(sending, "");
  });
}

TEST_P(stream_conformance, may_be_destroyed_when_who_waited_in_it_was_cancelled_but_has_yet_to_go_on) {
  sc::run([&]() -> sc::task<> {
    auto [ours, theirs] = co_await GetParam().connect(file("s.sock"));
    const auto much = pattern(8 << 20);
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { co_await receive_text(*ours); });
      n.start_soon([&]() -> sc::task<> { co_await ours->send_all(much); });
      co_await let_others_wait();
      n.cancel("done");
      ours.reset();
    });
    EXPECT_EQ(ours, nullptr);
  });
}

TEST_P(stream_conformance, may_be_received_from_when_who_waited_in_it_was_cancelled_but_has_yet_to_go_on) {
  with_pair([](auto& ours, auto& theirs) -> sc::task<> {
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { co_await receive_text(ours); });
      co_await let_others_wait();
      n.cancel("done");
      EXPECT_EQ(theirs.try_send(bytes_of("x")).bytes, 1u);
      co_await sc::shielded([&]() -> sc::task<> { EXPECT_EQ(co_await receive_text(ours), "x"); });
    });
  });
}

TEST_P(stream_conformance, peer_that_closes_while_a_sender_waits_breaks_it) {
  with_pair([](auto& ours, auto& theirs) -> sc::task<> {
    const auto much = pattern(8 << 20);
    std::string sending;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> {
        sending = co_await error_of<sc::broken_resource_error>([&]() -> sc::task<> { co_await ours.send_all(much); });
      });
      co_await let_others_wait();
      theirs.close();
    });
    EXPECT_NE(sending, "");
  });
}

// A peer that closes with unread data resets the connection: what it sent before arrives, then an error, not an end.
TEST_P(stream_conformance, reset_is_an_error_after_the_data_and_stays_one) {
  with_pair([](auto& ours, auto& theirs) -> sc::task<> {
    co_await theirs.send_all(bytes_of("before"));
    co_await ours.send_all(bytes_of("never read"));
    wait_until_readable(theirs.fd());
    theirs.close();

    EXPECT_EQ(co_await receive_text(ours), "before");
    const auto receive = [&] { return receive_text(ours); };
    EXPECT_EQ(co_await error_of<sc::broken_resource_error>(receive), "receive_some(): the peer is gone [ECONNRESET]");
    EXPECT_EQ(co_await error_of<sc::broken_resource_error>(receive), "receive_some(): the peer is gone [ECONNRESET]");
  });
}

TEST_P(stream_conformance, reset_that_a_send_noticed_is_not_an_end_for_the_receiver) {
  with_pair([](auto& ours, auto& theirs) -> sc::task<> {
    co_await ours.send_all(bytes_of("never read"));
    wait_until_readable(theirs.fd());
    theirs.close();
    wait_until_hung_up(ours.fd());

    const auto sending = co_await error_of<sc::broken_resource_error>([&]() -> sc::task<> { co_await ours.send_all(bytes_of("x")); });
    EXPECT_NE(sending, "");
    EXPECT_NE(co_await error_of<sc::broken_resource_error>([&] { return receive_text(ours); }), "");
  });
}

TEST_P(stream_conformance, reset_wakes_a_receiver_that_waits) {
  with_pair([](auto& ours, auto& theirs) -> sc::task<> {
    std::string receiving;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { receiving = co_await error_of<sc::broken_resource_error>([&] { return receive_text(ours); }); });
      co_await let_others_wait();
      co_await ours.send_all(bytes_of("never read"));
      wait_until_readable(theirs.fd());
      theirs.close();
    });
    EXPECT_NE(receiving, "");
  });
}

}  // namespace
}  // namespace tractor::test
