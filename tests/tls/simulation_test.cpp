// SPDX-License-Identifier: Apache-2.0
//
// TLS servers and their clients in one run, over memory and on a virtual clock: what a real server does in half a minute takes no time.

#include <functional>
#include <stdexcept>
#include <vector>

#include "tls_test.hpp"
#include "tractor/testing/check_listener.hpp"

namespace tractor::test {
namespace {

using namespace std::chrono_literals;
using sc::nursery;
using sc::task;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

task<> echo(tls::stream& stream) {
  for (std::string text; !(text = co_await receive_text(stream)).empty();) co_await send_text(stream, text);
}

task<std::unique_ptr<tls::stream>> connect_to(sc::memory_listener& door) {
  co_return std::make_unique<tls::stream>(co_await door.connect(), trusting_client(), tls::stream_options{.server_name = "localhost"});
}

// Serves with TLS at a memory_listener while `body` runs, then cancels the server. Gives why clients were refused.
task<std::vector<std::string>> with_server(tls::tls_handler handler, std::function<task<>(sc::memory_listener& door)> body,
                                           tls::serve_tls_listeners_options options = {}) {
  std::vector<std::string> refused;
  options.on_refused = [&](const error& why) { refused.emplace_back(why.what()); };
  sc::memory_listener door;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&] { return tls::serve_tls_over_listeners(handler, localhost_server(), {door}, options); });
    co_await body(door);
    n.cancel("the test is over");
  });
  co_return refused;
}

TRACTOR_TEST(tls_simulation, serves_clients) {
  const auto refused = co_await with_server(echo, [](sc::memory_listener& door) -> task<> {
    const auto client = co_await connect_to(door);
    co_await send_text(*client, "echo");
    EXPECT_EQ(co_await receive_text(*client), "echo");
    client->send_eof();
    EXPECT_EQ(co_await receive_text(*client), "") << "the handler returned, and the server said goodbye";
  });
  EXPECT_TRUE(refused.empty());
}

TRACTOR_TEST(tls_simulation, many_clients_at_a_time_are_kept_apart) {
  static_cast<void>(co_await with_server(echo, [](sc::memory_listener& door) -> task<> {
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      for (int i = 0; i < 4; ++i)
        n.start_soon([&door, i]() -> task<> {
          const auto client = co_await connect_to(door);
          for (int round = 0; round < 3; ++round) {
            const std::string word = std::to_string(i) + "/" + std::to_string(round);
            co_await send_text(*client, word);
            EXPECT_EQ(co_await receive_text(*client), word);
          }
          co_await client->aclose();
        });
      co_return;
    });
  }));
}

TRACTOR_TEST(tls_simulation, silent_client_is_dropped_when_the_time_for_the_handshake_is_over) {
  const auto refused = co_await with_server(echo, [](sc::memory_listener& door) -> task<> {
    const auto before = sc::current_time();
    const auto silent = co_await door.connect();
    EXPECT_EQ(co_await receive_text(*silent), "");
    EXPECT_EQ(sc::current_time() - before, 30s);
  });
  EXPECT_EQ(refused.size(), 1u);
}

TRACTOR_TEST(tls_simulation, who_speaks_something_else_is_dropped_and_others_are_served) {
  const auto refused = co_await with_server(echo, [](sc::memory_listener& door) -> task<> {
    const auto scanner = co_await door.connect();
    co_await send_text(*scanner, "GET / HTTP/1.0\r\n\r\n");
    while (!(co_await receive_text(*scanner)).empty()) continue;

    const auto client = co_await connect_to(door);
    co_await send_text(*client, "still there");
    EXPECT_EQ(co_await receive_text(*client), "still there");
    co_await client->aclose();
  });
  EXPECT_THAT(refused, ElementsAre(AllOf(HasSubstr("'the peer'"), HasSubstr("http request"))));
}

TRACTOR_TEST(tls_simulation, client_that_does_not_end_its_side_holds_up_the_end_of_its_handler_for_so_long_only) {
  sc::time_point returned{}, ended{};
  const auto greet = [&](tls::stream& stream) -> task<> {
    co_await send_text(stream, "hello");
    returned = sc::current_time();
  };
  sc::memory_listener door;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await tls::serve_tls_over_listeners(greet, localhost_server(), {door}, {.goodbye_within = 300ms});
      ended = sc::current_time();
    });
    const auto client = co_await connect_to(door);
    EXPECT_EQ(co_await receive_text(*client), "hello");
    door.close();
    co_await sc::sleep(1h);
  });
  EXPECT_EQ(ended - returned, 300ms);
}

TRACTOR_TEST(tls_simulation, context_of_a_client_is_a_usage_error) {
  sc::memory_listener door;
  EXPECT_THROW(co_await tls::serve_tls_over_listeners(echo, trusting_client(), {door}), usage_error);
}

// --- tls::listener as a listener like another ---

struct secured_door {
  std::unique_ptr<tls::listener> listener;
  sc::memory_listener* door;
};

secured_door open_secured_door() {
  auto door = std::make_unique<sc::memory_listener>();
  sc::memory_listener* const there = door.get();
  return {std::make_unique<tls::listener>(std::move(door), localhost_server()), there};
}

TRACTOR_TEST(tls_listener, keeps_the_contract) {
  co_await testing::check_listener([]() -> task<std::unique_ptr<tls::listener>> { co_return open_secured_door().listener; },
                                   [](tls::listener& to) { return connect_to(static_cast<sc::memory_listener&>(to.transport())); });
}

task<> greet(sc::byte_stream& stream) { co_await send_text(stream, "hello"); }

TRACTOR_TEST(tls_listener, is_served_beside_plain_ones) {
  const auto [secured, door] = open_secured_door();
  sc::memory_listener plain;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon(sc::serve_listeners, greet, sc::listener_references{*secured, plain});
    const auto in_the_clear = co_await plain.connect();
    const auto client = co_await connect_to(*door);
    EXPECT_EQ(co_await receive_text(*in_the_clear), "hello");
    EXPECT_EQ(co_await receive_all(*client), "hello") << "the handler returned, and goodbye was said";
    n.cancel("the test is over");
  });
  EXPECT_TRUE(secured->closed() && door->closed());
}

TRACTOR_TEST(tls_listener, stream_of_a_handler_that_fails_ends_without_goodbye) {
  const auto [secured, door] = open_secured_door();
  const auto faulty = [](sc::byte_stream& stream) -> task<> {
    co_await send_text(stream, "half of");
    throw std::runtime_error("the handler failed");
  };
  const auto client = co_await connect_to(*door);
  std::string got, end;
  const auto both = [&]() -> task<> {
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      n.start_soon([&]() -> task<> {
        co_await sc::shielded([&]() -> task<> {
          got = co_await receive_text(*client);
          end = co_await error_from<tls::truncated_error>([&] { return receive_text(*client); });
        });
      });
      co_await sc::serve_listeners(faulty, {*secured});
    });
  };
  EXPECT_EQ(co_await error_from<std::runtime_error>(both), "the handler failed");
  EXPECT_EQ(got, "half of");
  EXPECT_THAT(end, HasSubstr("localhost"));
}

TRACTOR_TEST(tls_listener, over_memory_has_no_socket_to_tell_of) {
  const auto [secured, door] = open_secured_door();
  EXPECT_EQ(&secured->transport(), door);
  EXPECT_THROW(static_cast<void>(secured->plain()), usage_error);
  co_return;
}

}  // namespace
}  // namespace tractor::test
