// SPDX-License-Identifier: Apache-2.0
//
// Servers over listeners of any kind: in memory on a virtual clock, and mixed with sockets.

#include <stdexcept>

#include "socket_test.hpp"
#include "tractor/sc/sc.hpp"
#include "tractor/testing/test.hpp"

namespace tractor::test {
namespace {

using namespace std::chrono_literals;
using sc::nursery;
using sc::task;

inline auto settle() { return sc::sleep(1ns); }

task<> echo(sc::byte_stream& stream) {
  for (std::string text; !(text = co_await receive_text(stream)).empty();) co_await stream.send_all(bytes_of(text));
}

// Serves at `door` while `body` runs, then cancels the server.
task<> with_server(sc::memory_listener& door, sc::stream_handler handler, std::function<task<>()> body, sc::serve_options options = {}) {
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon(sc::serve_listeners, handler, sc::listener_references{door}, options);
    co_await body();
    n.cancel("the test is over");
  });
}

TRACTOR_TEST(serve_listeners, serves_in_memory) {
  sc::memory_listener door;
  co_await with_server(door, echo, [&]() -> task<> {
    std::vector<std::unique_ptr<sc::memory_stream>> clients;
    for (int i = 0; i < 5; ++i) clients.push_back(co_await door.connect());
    for (const auto& each : clients) co_await each->send_all(bytes_of("hello"));
    for (const auto& each : clients) EXPECT_EQ(co_await receive_text(*each), "hello");
  });
  EXPECT_TRUE(door.closed());
}

TRACTOR_TEST(serve_listeners, who_connects_before_the_server_is_there_is_served_later) {
  sc::memory_listener door;
  const auto client = co_await door.connect();
  co_await client->send_all(bytes_of("early"));
  co_await with_server(door, echo, [&]() -> task<> { EXPECT_EQ(co_await receive_text(*client), "early"); });
}

TRACTOR_TEST(serve_listeners, bound_of_connections_makes_the_next_one_wait) {
  const auto slow = [](sc::byte_stream& stream) -> task<> {
    co_await sc::sleep(1h);
    co_await stream.send_all(bytes_of("done"));
  };
  sc::memory_listener door;
  co_await with_server(door, slow,
                       [&]() -> task<> {
                         const auto before = sc::current_time();
                         const auto first = co_await door.connect();
                         const auto second = co_await door.connect();
                         EXPECT_EQ(co_await receive_text(*second), "done");
                         EXPECT_EQ(sc::current_time() - before, 2h);
                       },
                       {.connections_max = 1});
}

TRACTOR_TEST(serve_listeners, bound_below_the_number_of_listeners_starves_none) {
  sc::memory_listener first, second;
  std::size_t at_once = 0, most = 0;
  const auto busy = [&](sc::byte_stream& stream) -> task<> {
    most = std::max(most, ++at_once);
    co_await sc::sleep(1s);
    --at_once;
    co_await stream.send_all(bytes_of("done"));
  };
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon(sc::serve_listeners, busy, sc::listener_references{first, second}, sc::serve_options{.connections_max = 1});
    for (sc::memory_listener* door : {&second, &first, &second}) {
      const auto client = co_await door->connect();
      EXPECT_EQ(co_await receive_text(*client), "done");
    }
    const auto one = co_await first.connect(), other = co_await second.connect();
    for (const auto* each : {&one, &other}) EXPECT_EQ(co_await receive_text(**each), "done");
    n.cancel("the test is over");
  });
  EXPECT_EQ(most, 1u);
}

TRACTOR_TEST(serve_listeners, closing_the_listener_ends_the_call_when_the_connections_have_ended) {
  sc::memory_listener door;
  bool returned = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await sc::serve_listeners(echo, {door});
      returned = true;
    });
    const auto client = co_await door.connect();
    co_await client->send_all(bytes_of("one"));
    EXPECT_EQ(co_await receive_text(*client), "one");

    door.close();
    co_await settle();

    EXPECT_FALSE(returned);
    co_await client->send_all(bytes_of("two"));
    EXPECT_EQ(co_await receive_text(*client), "two");
    client->close();
  });
  EXPECT_TRUE(returned);
}

TRACTOR_TEST(serve_listeners, cancel_refuses_who_has_not_been_accepted) {
  sc::memory_listener door;
  std::unique_ptr<sc::memory_stream> served, waiting;
  co_await with_server(door, echo,
                       [&]() -> task<> {
                         served = co_await door.connect();
                         co_await settle();
                         waiting = co_await door.connect();
                         co_await settle();
                       },
                       {.connections_max = 1});
  EXPECT_EQ(co_await receive_text(*served), "");
  EXPECT_EQ(co_await receive_text(*waiting), "");
  EXPECT_THROW(static_cast<void>(co_await door.connect()), os_error);
}

TRACTOR_TEST(serve_listeners, error_of_a_handler_comes_out_and_closes_every_listener) {
  const auto faulty = [](sc::byte_stream&) -> task<> {
    co_await sc::checkpoint();
    throw std::runtime_error("the handler failed");
  };
  sc::memory_listener one, other;
  const auto client = co_await one.connect();
  std::string thrown;
  try {
    co_await sc::serve_listeners(faulty, {one, other});
  } catch (const std::runtime_error& failed) {
    thrown = failed.what();
  }
  EXPECT_EQ(thrown, "the handler failed");
  EXPECT_TRUE(one.closed() && other.closed());
}

TRACTOR_TEST(serve_listeners, connections_in_a_nursery_of_the_caller_outlive_the_server) {
  sc::memory_listener door;
  co_await sc::open_nursery([&](nursery& connections) -> task<> {
    std::unique_ptr<sc::memory_stream> client;
    co_await with_server(door, echo,
                         [&]() -> task<> {
                           client = co_await door.connect();
                           co_await settle();
                         },
                         {.handler_nursery = &connections});
    EXPECT_TRUE(door.closed());
    co_await client->send_all(bytes_of("still served"));
    EXPECT_EQ(co_await receive_text(*client), "still served");
  });
}

TRACTOR_TEST(serve_listeners, usage_errors_close_the_listeners_too) {
  sc::memory_listener door;
  EXPECT_THROW(co_await sc::serve_listeners(echo, {door}, {.connections_max = 0}), usage_error);
  EXPECT_TRUE(door.closed());
  EXPECT_THROW(co_await sc::serve_listeners(echo, sc::listener_references{}), usage_error);
}

// A stream that notes whether it was closed before it was destroyed.
class noting_stream final : public sc::byte_stream {
 public:
  noting_stream(std::unique_ptr<sc::byte_stream> real, std::string& ends) : real_(std::move(real)), ends_(ends) {}
  ~noting_stream() override { ends_ += closed() ? "closed " : "dropped "; }
  void send_eof() override { real_->send_eof(); }
  void close() noexcept override { real_->close(); }
  [[nodiscard]] bool closed() const noexcept override { return real_->closed(); }
  sc::io_result try_receive(std::span<std::byte> into) noexcept override { return real_->try_receive(into); }
  sc::io_result try_send(std::span<const std::byte> from) noexcept override { return real_->try_send(from); }
  void set_reader(sc::detail::io_source::waiter* waiter) noexcept override { real_->set_reader(waiter); }
  void set_writer(sc::detail::io_source::waiter* waiter) override { real_->set_writer(waiter); }

 private:
  std::unique_ptr<sc::byte_stream> real_;
  std::string& ends_;
};

class noting_listener final : public sc::listener {
 public:
  explicit noting_listener(sc::listener& real) : real_(real) {}
  void close() noexcept override { real_.close(); }
  [[nodiscard]] bool closed() const noexcept override { return real_.closed(); }
  std::string ends;

 private:
  task<std::unique_ptr<sc::byte_stream>> accept_stream() override {
    co_return std::make_unique<noting_stream>(co_await real_.accept(), ends);
  }
  sc::listener& real_;
};

TRACTOR_TEST(serve_listeners, stream_is_closed_when_its_handler_returns_and_dropped_when_it_is_cancelled) {
  sc::memory_listener door;
  noting_listener noting(door);
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon(sc::serve_listeners, echo, sc::listener_references{noting});
    auto first = co_await door.connect();
    const auto second = co_await door.connect();
    first->close();
    co_await settle();
    EXPECT_EQ(noting.ends, "closed ");
    n.cancel();
  });
  EXPECT_EQ(noting.ends, "closed dropped ");
}

using serve_any_listeners = socket_test;

TEST_F(serve_any_listeners, sockets_and_memory_are_served_by_one_call) {
  sc::run([&]() -> task<> {
    const auto tcp = sc::listen_tcp("127.0.0.1", 0);
    const auto unix_socket = sc::listen_unix(file("s.sock"));
    sc::memory_listener memory;
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      n.start_soon(sc::serve_listeners, echo, sc::listener_references{*tcp, *unix_socket, memory});
      std::vector<std::unique_ptr<sc::byte_stream>> clients;
      clients.push_back(co_await sc::connect_tcp("127.0.0.1", tcp->local_endpoint()->port));
      clients.push_back(co_await sc::connect_unix(file("s.sock")));
      clients.push_back(co_await memory.connect());
      for (const auto& each : clients) {
        co_await each->send_all(bytes_of("hello"));
        EXPECT_EQ(co_await receive_text(*each), "hello");
      }
      n.cancel("the test is over");
    });
    EXPECT_TRUE(tcp->closed() && unix_socket->closed() && memory.closed());
  });
}

TEST_F(serve_any_listeners, handler_of_any_stream_serves_sockets_that_the_call_owns) {
  sc::run([&]() -> task<> {
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      const auto listeners = co_await n.start<sc::served_listeners>(sc::serve_tcp, echo, sc::serve_tcp_options{});
      const auto client = co_await sc::connect_tcp("127.0.0.1", listeners[0]->local_endpoint()->port);
      co_await client->send_all(bytes_of("hello"));
      EXPECT_EQ(co_await receive_text(*client), "hello");
      n.cancel("the test is over");
    });
  });
}

}  // namespace
}  // namespace tractor::test
