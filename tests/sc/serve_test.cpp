// SPDX-License-Identifier: Apache-2.0
//
// Servers over real sockets: who is served, and what ends a server.

#include "tractor/sc/serve.hpp"

#include <stdexcept>

#include "sc/socket_calls.hpp"
#include "socket_test.hpp"
#include "tractor/sc/errors.hpp"
#include "tractor/sc/event.hpp"
#include "tractor/sc/finally.hpp"

namespace tractor::test {
namespace {

using namespace std::chrono_literals;

using serve_test = socket_test;

sc::task<> echo(sc::socket_stream& stream) {
  for (std::string text; !(text = co_await receive_text(stream)).empty();) co_await stream.send_all(bytes_of(text));
}

// What the peer does to end a connection: the end of the stream or a reset.
sc::task<bool> ends(sc::byte_stream& stream) {
  try {
    co_return (co_await receive_text(stream)).empty();
  } catch (const sc::broken_resource_error&) {
    co_return true;
  }
}

sc::task<std::unique_ptr<sc::socket_stream>> connect_to(const sc::socket_listener& listener) {
  const auto at = listener.local_endpoint();
  return sc::connect_tcp(at->host, at->port);
}

// Runs a server with `handler`, and `body` with where it listens; then cancels the server.
void with_server(sc::connection_handler handler, std::function<sc::task<>(sc::nursery&, sc::served_listeners)> body,
                 sc::serve_tcp_options options = {}) {
  sc::run([&]() -> sc::task<> {
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      co_await body(n, co_await n.start<sc::served_listeners>(sc::serve_tcp, handler, options));
      n.cancel("the test is over");
    });
  });
}

TEST_F(serve_test, started_gives_listeners_with_the_ports_they_got) {
  with_server(echo,
              [](sc::nursery&, sc::served_listeners listeners) -> sc::task<> {
                EXPECT_EQ(listeners.size(), 2u);
                for (const sc::socket_listener* each : listeners) {
                  EXPECT_EQ(each->local_endpoint()->host, "127.0.0.1");
                  EXPECT_NE(each->local_endpoint()->port, 0);
                }
                co_return;
              },
              {.hosts = {"127.0.0.1", "127.0.0.1"}});
}

TEST_F(serve_test, several_connections_are_served_at_a_time) {
  with_server(echo, [](sc::nursery&, sc::served_listeners listeners) -> sc::task<> {
    std::vector<std::unique_ptr<sc::socket_stream>> clients;
    for (int i = 0; i < 5; ++i) clients.push_back(co_await connect_to(*listeners[0]));

    for (const auto& each : clients) co_await each->send_all(bytes_of("hello"));

    for (const auto& each : clients) EXPECT_EQ(co_await receive_text(*each), "hello");
  });
}

TEST_F(serve_test, every_listener_is_served) {
  with_server(echo,
              [](sc::nursery&, sc::served_listeners listeners) -> sc::task<> {
                for (const sc::socket_listener* each : listeners) {
                  const auto client = co_await connect_to(*each);
                  co_await client->send_all(bytes_of("hello"));
                  EXPECT_EQ(co_await receive_text(*client), "hello");
                }
              },
              {.hosts = {"127.0.0.1", "127.0.0.1"}});
}

TEST_F(serve_test, unix_listeners_can_be_served_too) {
  sc::run([&]() -> sc::task<> {
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      std::vector<std::unique_ptr<sc::socket_listener>> listeners;
      listeners.push_back(sc::listen_unix(file("s.sock")));
      n.start_soon(sc::serve_listeners, sc::connection_handler(echo), std::move(listeners));

      const auto client = co_await sc::connect_unix(file("s.sock"));
      co_await client->send_all(bytes_of("hello"));
      EXPECT_EQ(co_await receive_text(*client), "hello");
      n.cancel("the test is over");
    });
    EXPECT_FALSE(std::filesystem::exists(file("s.sock")));
  });
}

TEST_F(serve_test, connection_is_closed_when_its_handler_returns) {
  const auto greet = [](sc::socket_stream& stream) -> sc::task<> { co_await stream.send_all(bytes_of("hello")); };
  with_server(greet, [](sc::nursery&, sc::served_listeners listeners) -> sc::task<> {
    const auto client = co_await connect_to(*listeners[0]);

    const auto all = co_await receive_all(*client);

    EXPECT_EQ(all.size(), 5u);
  });
}

TEST_F(serve_test, cancel_closes_listeners_and_connections) {
  sc::run([]() -> sc::task<> {
    std::unique_ptr<sc::socket_stream> client;
    sc::tcp_endpoint where;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      const auto listeners = co_await n.start<sc::served_listeners>(sc::serve_tcp, echo, sc::serve_tcp_options{});
      where = *listeners[0]->local_endpoint();
      client = co_await connect_to(*listeners[0]);
      co_await client->send_all(bytes_of("hello"));
      EXPECT_EQ(co_await receive_text(*client), "hello");

      n.cancel("enough");
    });

    EXPECT_TRUE(co_await ends(*client));
    EXPECT_NE(co_await error_of<os_error>([&] { return sc::connect_tcp(where.host, where.port); }), "") << "nobody listens any more";
  });
}

TEST_F(serve_test, cancel_closes_listeners_at_once_though_a_connection_takes_its_time) {
  sc::event connected, may_end;
  const auto slow_to_end = [&](sc::socket_stream&) -> sc::task<> {
    connected.set();
    co_await sc::finally([]() -> sc::task<> { co_await sc::sleep_forever(); }, [&]() -> sc::task<> { co_await may_end.wait(); });
  };
  with_server(slow_to_end, [&](sc::nursery& n, sc::served_listeners listeners) -> sc::task<> {
    const auto client = co_await connect_to(*listeners[0]);
    co_await connected.wait();

    n.cancel("enough");
    co_await sc::shielded([]() { return let_others_wait(); });

    EXPECT_EQ(n.task_count(), 1u) << "the server waits for its connection";
    EXPECT_TRUE(listeners[0]->closed());
    may_end.set();
  });
}

TEST_F(serve_test, error_of_a_handler_cancels_the_rest_and_comes_out) {
  const auto faulty = [](sc::socket_stream& stream) -> sc::task<> {
    if (co_await receive_text(stream) == "fail") throw std::runtime_error("the handler failed");
    co_await sc::sleep_forever();
  };
  sc::run([&]() -> sc::task<> {
    std::unique_ptr<sc::socket_stream> bystander;
    const auto serving = [&]() -> sc::task<> {
      co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
        const auto listeners = co_await n.start<sc::served_listeners>(sc::serve_tcp, faulty, sc::serve_tcp_options{});
        bystander = co_await connect_to(*listeners[0]);
        co_await bystander->send_all(bytes_of("stay"));
        const auto culprit = co_await connect_to(*listeners[0]);
        co_await culprit->send_all(bytes_of("fail"));
        co_await sc::sleep_forever();
      });
    };

    EXPECT_EQ(co_await error_of<std::runtime_error>(serving), "the handler failed");
    EXPECT_TRUE(co_await ends(*bystander));
  });
}

TEST_F(serve_test, closing_the_listeners_ends_the_call_when_the_connections_have_ended) {
  sc::run([]() -> sc::task<> {
    std::unique_ptr<sc::socket_stream> client;
    bool returned = false;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      const auto serve = [&](sc::task_status<sc::served_listeners> status) -> sc::task<> {
        co_await sc::serve_tcp(std::move(status), echo);
        returned = true;
      };
      const auto listeners = co_await n.start<sc::served_listeners>(serve);
      client = co_await connect_to(*listeners[0]);
      co_await client->send_all(bytes_of("one"));
      EXPECT_EQ(co_await receive_text(*client), "one");

      listeners[0]->close();
      co_await client->send_all(bytes_of("two"));
      EXPECT_EQ(co_await receive_text(*client), "two");
      EXPECT_FALSE(returned);
      client->send_eof();
    });
    EXPECT_TRUE(returned);
  });
}

TEST_F(serve_test, connection_that_was_reset_before_it_was_accepted_does_no_harm) {
  const auto careful = [](sc::socket_stream& stream) -> sc::task<> {
    try {
      co_await echo(stream);
    } catch (const sc::broken_resource_error&) {
    }
  };
  with_server(careful, [](sc::nursery&, sc::served_listeners listeners) -> sc::task<> {
    const auto gone = co_await connect_to(*listeners[0]);
    const linger reset{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(gone->fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    gone->close();

    const auto client = co_await connect_to(*listeners[0]);
    co_await client->send_all(bytes_of("hello"));
    EXPECT_EQ(co_await receive_text(*client), "hello");
  });
}

// It neither dies nor spins: it goes on when there are descriptors again.
TEST_F(serve_test, server_without_descriptors_pauses_and_goes_on) {
  sc::virtual_clock clock(false);  // moved by hand: with real sockets an idle run may be about to hear from one
  sc::run({.clock = &clock, .seed = {}}, [&]() -> sc::task<> {
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      const auto listeners = co_await n.start<sc::served_listeners>(sc::serve_tcp, echo, sc::serve_tcp_options{});
      sc::socket_listener& listener = *listeners[0];
      // Taken before the descriptors run out, connected after: the accept alone lacks one.
      const auto at = sc::detail::tcp_name("test", "127.0.0.1", listener.local_endpoint()->port);
      unique_fd ours = sc::detail::open_socket(AF_INET);
      {
        const no_descriptors_left limit;
        EXPECT_TRUE(::connect(ours.get(), at.pointer(), at.length) == 0 || errno == EINPROGRESS);
        wait_until_readable(listener.fd());
        while (listener.back_offs() < 5) {
          co_await sc::checkpoint();
          clock.advance(1ms);
        }
      }
      clock.advance(sc::back_off_max);
      sc::socket_stream client(std::move(ours));
      co_await client.send_all(bytes_of("at last"));
      EXPECT_EQ(co_await receive_text(client), "at last");
      n.cancel("the test is over");
    });
  });
}

TEST_F(serve_test, connection_beyond_the_bound_waits_until_another_one_ends) {
  with_server(echo,
              [](sc::nursery&, sc::served_listeners listeners) -> sc::task<> {
                const auto first = co_await connect_to(*listeners[0]);
                co_await first->send_all(bytes_of("first"));
                EXPECT_EQ(co_await receive_text(*first), "first");
                const auto second = co_await connect_to(*listeners[0]);
                co_await second->send_all(bytes_of("second"));
                wait_until_readable(listeners[0]->fd());
                co_await let_others_wait();
                std::byte none{};
                EXPECT_TRUE(second->try_receive(std::span(&none, 1)).would_block());

                first->close();

                EXPECT_EQ(co_await receive_text(*second), "second");
              },
              {.connections_max = 1});
}

TEST_F(serve_test, connections_in_a_nursery_of_the_caller_outlive_the_server) {
  sc::run([]() -> sc::task<> {
    co_await sc::open_nursery([](sc::nursery& connections) -> sc::task<> {
      std::unique_ptr<sc::socket_stream> client;
      co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
        const auto listeners =
            co_await n.start<sc::served_listeners>(sc::serve_tcp, echo, sc::serve_tcp_options{.handler_nursery = &connections});
        client = co_await connect_to(*listeners[0]);
        co_await client->send_all(bytes_of("one"));
        EXPECT_EQ(co_await receive_text(*client), "one");
        n.cancel("only the server");
      });

      co_await client->send_all(bytes_of("two"));
      EXPECT_EQ(co_await receive_text(*client), "two");
      client->send_eof();
    });
  });
}

TEST_F(serve_test, host_that_cannot_be_listened_at_is_an_error_of_the_start) {
  sc::run([]() -> sc::task<> {
    co_await sc::open_nursery([](sc::nursery& n) -> sc::task<> {
      const auto starting = [&]() -> sc::task<> {
        static_cast<void>(co_await n.start<sc::served_listeners>(sc::serve_tcp, echo,
                                                                 sc::serve_tcp_options{.hosts = {"127.0.0.1", "192.0.2.1"}, .port = 0}));
      };
      EXPECT_EQ(co_await error_of<os_error>(starting), "listen_tcp(192.0.2.1:0): Cannot assign requested address [EADDRNOTAVAIL]");
    });
  });
}

TEST_F(serve_test, server_without_listeners_or_connections_is_a_usage_error) {
  sc::run([]() -> sc::task<> {
    EXPECT_NE(co_await error_of<usage_error>([] { return sc::serve_listeners(echo, {}); }), "");
    EXPECT_NE(co_await error_of<usage_error>([] { return sc::serve_tcp(echo, {.hosts = {}}); }), "");
    EXPECT_NE(co_await error_of<usage_error>([] { return sc::serve_tcp(echo, {.connections_max = 0}); }), "");
  });
}

TEST_F(serve_test, server_in_a_cancelled_scope_serves_nobody) {
  sc::run([]() -> sc::task<> {
    sc::cancel_scope scope;
    scope.cancel("before it began");

    EXPECT_FALSE(co_await scope.run([]() -> sc::task<> { co_await sc::serve_tcp(echo); }));
  });
}

}  // namespace
}  // namespace tractor::test
