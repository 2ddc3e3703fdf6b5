// SPDX-License-Identifier: Apache-2.0
//
// Datagrams over loopback, of both families where this machine has both.

#include "tractor/sc/udp_socket.hpp"

#include <sys/syscall.h>

#include "refused_call.hpp"
#include "socket_test.hpp"
#include "tractor/sc/errors.hpp"

namespace tractor::test {
namespace {

std::string text_of(std::span<const std::byte> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

struct kind {
  const char* name;
  sc::address_family family;
  const char* loopback;
  const char* loopback_text;  // before ":port"
  std::size_t bytes_max;
  friend void PrintTo(const kind& which, std::ostream* out) { *out << which.name; }
};

class udp_socket_test : public socket_test, public ::testing::WithParamInterface<kind> {
 protected:
  void SetUp() override {
    socket_test::SetUp();
    try {
      static_cast<void>(bound());
    } catch (const os_error& refused) {
      GTEST_SKIP() << "this machine has no such loopback: " << refused.what();
    }
  }
  [[nodiscard]] static std::unique_ptr<sc::udp_socket> unbound() { return std::make_unique<sc::udp_socket>(GetParam().family); }
  [[nodiscard]] static std::unique_ptr<sc::udp_socket> bound() {
    auto made = unbound();
    made->bind({.host = GetParam().loopback, .port = 0});
    return made;
  }
  // Where nobody receives: the port of a socket that is gone.
  [[nodiscard]] static sc::ip_endpoint vacant() { return bound()->local_endpoint(); }
  [[nodiscard]] static std::string text(const sc::ip_endpoint& at) {
    return std::string(GetParam().loopback_text) + ":" + std::to_string(at.port);
  }
  [[nodiscard]] static sc::task<std::string> receive(sc::udp_socket& socket) {
    std::vector<std::byte> buffer(sc::datagram_bytes_max);
    const auto got = co_await socket.receive_from(buffer);
    co_return text_of(std::span(buffer).first(got.bytes));
  }
};

INSTANTIATE_TEST_SUITE_P(families, udp_socket_test,
                         ::testing::Values(kind{"ipv4", sc::address_family::ipv4, "127.0.0.1", "127.0.0.1", sc::datagram_bytes_max_ipv4},
                                           kind{"ipv6", sc::address_family::ipv6, "::1", "[::1]", sc::datagram_bytes_max}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(udp_socket_test, datagrams_arrive_whole_with_the_address_of_the_sender) {
  sc::run([]() -> sc::task<> {
    const auto here = bound(), there = bound();
    std::vector<std::byte> buffer(100);

    co_await here->send_to(bytes_of("one"), there->local_endpoint());
    co_await here->send_to(bytes_of("number two"), there->local_endpoint());

    const auto first = co_await there->receive_from(buffer);
    EXPECT_EQ(text_of(std::span(buffer).first(first.bytes)), "one");
    EXPECT_EQ(first.from, here->local_endpoint());
    EXPECT_FALSE(first.truncated);
    EXPECT_EQ(co_await receive(*there), "number two");
  });
}

TEST_P(udp_socket_test, receive_that_waits_is_woken_by_each_datagram) {
  sc::run([]() -> sc::task<> {
    const auto here = bound(), there = bound();
    std::vector<std::string> got;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> {
        while (got.size() < 3) got.push_back(co_await receive(*there));
      });
      for (const char* each : {"a", "b", "c"}) {
        co_await let_others_wait();
        co_await here->send_to(bytes_of(each), there->local_endpoint());
      }
    });
    EXPECT_EQ(got, (std::vector<std::string>{"a", "b", "c"}));
  });
}

TEST_P(udp_socket_test, datagram_longer_than_the_buffer_is_truncated_and_says_so) {
  sc::run([]() -> sc::task<> {
    const auto here = bound(), there = bound();
    std::vector<std::byte> buffer(4);

    co_await here->send_to(bytes_of("abcdef"), there->local_endpoint());
    co_await here->send_to(bytes_of("next"), there->local_endpoint());

    const auto cut = co_await there->receive_from(buffer);
    EXPECT_EQ(text_of(buffer), "abcd");
    EXPECT_TRUE(cut.truncated);
    const auto next = co_await there->receive_from(buffer);
    EXPECT_EQ(text_of(buffer), "next");
    EXPECT_FALSE(next.truncated);
  });
}

TEST_P(udp_socket_test, empty_datagram_arrives_as_one) {
  sc::run([]() -> sc::task<> {
    const auto here = bound(), there = bound();
    std::vector<std::byte> buffer(4);

    co_await here->send_to({}, there->local_endpoint());

    const auto got = co_await there->receive_from(buffer);
    EXPECT_EQ(got.bytes, 0u);
    EXPECT_EQ(got.from, here->local_endpoint());
    EXPECT_FALSE(got.truncated);
  });
}

TEST_P(udp_socket_test, longest_datagram_arrives_and_a_longer_one_is_refused_with_its_length) {
  sc::run([]() -> sc::task<> {
    const auto here = bound(), there = bound();
    const auto longest = pattern(GetParam().bytes_max);
    const auto too_long = pattern(GetParam().bytes_max + 1);
    std::vector<std::byte> buffer(sc::datagram_bytes_max);

    co_await here->send_to(longest, there->local_endpoint());
    const auto refused = co_await error_of<os_error>([&] { return here->send_to(too_long, there->local_endpoint()); });

    const auto got = co_await there->receive_from(buffer);
    buffer.resize(got.bytes);
    EXPECT_EQ(buffer, longest);
    EXPECT_EQ(refused, "send_to(" + text(there->local_endpoint()) + "): a datagram of " + std::to_string(too_long.size()) +
                           " bytes: Message too long [EMSGSIZE]");
  });
}

TEST_P(udp_socket_test, connected_socket_sends_to_its_peer_and_hears_it_alone) {
  sc::run([]() -> sc::task<> {
    const auto here = bound(), peer = bound(), stranger = bound();
    EXPECT_EQ(here->remote_endpoint(), std::nullopt);
    here->connect(peer->local_endpoint());
    EXPECT_EQ(here->remote_endpoint(), peer->local_endpoint());

    co_await here->send(bytes_of("question"));
    EXPECT_EQ(co_await receive(*peer), "question");
    co_await stranger->send_to(bytes_of("noise"), here->local_endpoint());
    co_await peer->send_to(bytes_of("answer"), here->local_endpoint());

    EXPECT_EQ(co_await receive(*here), "answer");
  });
}

TEST_P(udp_socket_test, socket_gets_an_address_with_its_first_send) {
  sc::run([]() -> sc::task<> {
    const auto here = unbound(), there = bound();
    EXPECT_EQ(here->local_endpoint().port, 0);

    co_await here->send_to(bytes_of("x"), there->local_endpoint());

    EXPECT_NE(here->local_endpoint().port, 0);
  });
}

TEST_P(udp_socket_test, peer_that_is_not_there_is_told_by_a_later_call_and_the_socket_stays_good) {
  sc::run([]() -> sc::task<> {
    const auto here = bound(), there = bound();
    here->connect(vacant());
    co_await here->send(bytes_of("anybody?"));
    wait_until_readable(here->fd());

    EXPECT_EQ(co_await error_of<os_error>([&]() -> sc::task<> { static_cast<void>(co_await receive(*here)); }),
              "receive_from(): Connection refused [ECONNREFUSED]");

    here->connect(there->local_endpoint());
    co_await here->send(bytes_of("you"));
    EXPECT_EQ(co_await receive(*there), "you");
    co_await there->send_to(bytes_of("me"), here->local_endpoint());
    EXPECT_EQ(co_await receive(*here), "me");
  });
}

TEST_P(udp_socket_test, address_that_is_taken_is_an_error_that_names_it) {
  const auto first = bound();
  const auto at = first->local_endpoint();
  try {
    unbound()->bind(at);
    ADD_FAILURE() << "two sockets have the address";
  } catch (const os_error& failed) {
    EXPECT_EQ(failed.message(), "bind(" + text(at) + "): Address already in use [EADDRINUSE]");
  }
}

TEST_P(udp_socket_test, send_without_a_peer_is_an_error) {
  sc::run([]() -> sc::task<> {
    const auto here = bound();

    EXPECT_EQ(co_await error_of<os_error>([&] { return here->send(bytes_of("x")); }),
              "send(): Destination address required [EDESTADDRREQ]");
  });
}

TEST_P(udp_socket_test, cancel_of_a_receive_loses_no_datagram) {
  sc::run([]() -> sc::task<> {
    const auto here = bound(), there = bound();
    sc::cancel_scope waiting, late;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { EXPECT_FALSE(co_await waiting.run([&] { return receive(*there); })); });
      co_await let_others_wait();
      waiting.cancel("enough");
    });
    co_await here->send_to(bytes_of("kept"), there->local_endpoint());
    wait_until_readable(there->fd());
    late.cancel("before it began");
    EXPECT_FALSE(co_await late.run([&] { return receive(*there); }));

    EXPECT_EQ(co_await receive(*there), "kept");
  });
}

TEST_P(udp_socket_test, send_in_a_cancelled_scope_sends_nothing) {
  sc::run([]() -> sc::task<> {
    const auto here = bound(), there = bound();
    sc::cancel_scope scope;
    scope.cancel("before it began");
    const auto to = there->local_endpoint();

    EXPECT_FALSE(co_await scope.run([&] { return here->send_to(bytes_of("lost"), to); }));

    co_await here->send_to(bytes_of("sent"), to);
    EXPECT_EQ(co_await receive(*there), "sent");
  });
}

TEST_P(udp_socket_test, second_receive_at_a_time_is_refused) {
  sc::run([]() -> sc::task<> {
    const auto socket = bound();
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { static_cast<void>(co_await receive(*socket)); });
      co_await let_others_wait();
      EXPECT_NE(co_await error_of<sc::busy_resource_error>([&]() -> sc::task<> { static_cast<void>(co_await receive(*socket)); }), "");
      n.cancel("done");
    });
  });
}

TEST_P(udp_socket_test, close_wakes_the_receive_that_waits_and_refuses_later_calls) {
  sc::run([]() -> sc::task<> {
    const auto socket = bound();
    const auto at = socket->local_endpoint();
    std::string receiving;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> {
        receiving = co_await error_of<sc::closed_resource_error>([&]() -> sc::task<> { static_cast<void>(co_await receive(*socket)); });
      });
      co_await let_others_wait();
      socket->close();
      socket->close();
    });
    EXPECT_EQ(receiving, "receive_from(): the socket was closed on this side");
    EXPECT_TRUE(socket->closed());
    EXPECT_NE(co_await error_of<sc::closed_resource_error>([&] { return socket->send_to(bytes_of("x"), at); }), "");
    EXPECT_THROW(static_cast<void>(socket->local_endpoint()), sc::closed_resource_error);
    EXPECT_THROW(socket->bind(at), sc::closed_resource_error);
  });
}

TEST(udp_socket, address_that_is_no_literal_or_of_the_other_family_is_an_error) {
  sc::run([]() -> sc::task<> {
    sc::udp_socket socket(sc::address_family::ipv4);

    EXPECT_TRUE((co_await error_of<os_error>([&] { return socket.send_to({}, {.host = "localhost", .port = 1}); })).contains("EINVAL"));
    EXPECT_EQ(co_await error_of<os_error>([&] { return socket.send_to({}, {.host = "::1", .port = 1}); }),
              "send_to([::1]:1): Address family not supported by protocol [EAFNOSUPPORT]");
    EXPECT_THROW(std::make_unique<sc::udp_socket>(sc::address_family::any), usage_error);
  });
}

// A system whose buffer is full and stays full: each sender waits for its turn or for room. For a process of its own.
void send_without_room() {
  std::string first, second;
  bool cancelled = false;
  sc::run([&]() -> sc::task<> {
    sc::udp_socket socket(sc::address_family::ipv4);
    sc_test::refuse_system_call(SYS_sendto, EAGAIN);
    const auto send = [&] { return socket.send_to(bytes_of("x"), {.host = "127.0.0.1", .port = 9}); };
    sc::cancel_scope scope;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { cancelled = !co_await scope.run(send); });
      co_await let_others_wait();
      scope.cancel("no room");
    });
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { first = co_await error_of<sc::closed_resource_error>(send); });
      n.start_soon([&]() -> sc::task<> { second = co_await error_of<sc::closed_resource_error>(send); });
      co_await let_others_wait();
      socket.close();
    });
  });
  const std::string closed = "send_to(127.0.0.1:9): the socket was closed on this side";
  std::_Exit(cancelled && first == closed && second == closed ? 0 : 1);
}

TEST(udp_socket_death_test, senders_without_room_wait_and_are_woken_by_cancel_and_close) {
  EXPECT_EXIT(send_without_room(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace tractor::test
