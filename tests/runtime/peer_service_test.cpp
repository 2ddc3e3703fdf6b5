// SPDX-License-Identifier: Apache-2.0
//
// Actors that are nobody's parent talk to each other: a service that starts actors on request, and a publisher whose subscribers come and
// go.

#include <list>
#include <map>

#include "runtime_test.hpp"
#include "tractor/sc/memory_channel.hpp"

namespace peers {

namespace sc = tractor::sc;
using address = tractor::ipc::tcp_address;

// --- a service that starts actors ---

// Counts up to `fail_at`, and fails there when somebody else listens, too; negative: never.
constinit int listeners = 0;
sc::task<> count(tractor::context<void, void, int>& ctx, int fail_at) {
  struct listener {
    listener() { ++listeners; }
    ~listener() { --listeners; }
  } const here;
  co_await ctx.started();
  co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
    for (int i = 0;; ++i) {
      if (i == fail_at) {
        while (listeners < 2) co_await sc::sleep(std::chrono::milliseconds(1));
        throw std::runtime_error("little_bro has had enough");
      }
      co_await stream.send(i);
    }
  });
}

tractor::actor_options listening(std::string module) {
  return {.enable_modules = {std::move(module)}, .bind_addrs = {address{"127.0.0.1", 0}}};
}
sc::task<int> port() { co_return tractor::accept_addresses().front().tcp()->port; }

// Starts the actors of which it is sent the names; answers with their ports.
sc::task<> spawn_on_request(tractor::context<void, std::string, int>& ctx) {
  co_await tractor::open_nursery([&](tractor::actor_nursery& an) -> sc::task<> {
    co_await ctx.started();
    co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
      while (const auto name = co_await stream.next()) {
        const tractor::portal made = co_await an.start_actor(*name, listening("peers"));
        co_await stream.send(co_await made.run<&port>());
      }
    });
    co_await sc::sleep_forever();
  });
}

template <class Body>
sc::task<> talk_to(int port, Body body) {
  co_await tractor::open_portal(address{"127.0.0.1", static_cast<std::uint16_t>(port)},
                                [&](tractor::portal& there) -> sc::task<> { co_await body(there); });
}

// Has the service start little_bro, hands over its port, and listens to what little_bro counts.
sc::task<> use_service(tractor::context<int>& ctx, int service_port, int fail_at) {
  co_await talk_to(service_port, [&](const tractor::portal& service) -> sc::task<> {
    co_await service.open_context<&spawn_on_request>({}, [&](auto& spawning) -> sc::task<> {
      int little_bro = 0;
      co_await spawning.open_stream([&](auto& requests) -> sc::task<> {
        co_await requests.send("little_bro");
        little_bro = co_await requests.receive();
        co_await talk_to(little_bro, [&](const tractor::portal& there) -> sc::task<> {
          co_await there.open_context<&count>({fail_at}, [&](auto& counting) -> sc::task<> {
            co_await ctx.started(little_bro);
            co_await counting.open_stream([](auto& numbers) -> sc::task<> {
              while (co_await numbers.next()) continue;
            });
          });
        });
      });
    });
  });
}

// --- a publisher with subscribers ---

using subscriber_list = std::list<sc::memory_send_channel<int>>;
subscriber_list& subscribers() {
  static subscriber_list all;
  return all;
}

// Gives each number to whoever is subscribed at the time and has room for it.
sc::task<> publish(tractor::context<>& ctx) {
  co_await ctx.started();
  for (int i = 0;; ++i) {
    for (auto& each : subscribers()) {
      try {
        each.send_nowait(i);
      } catch (const sc::would_block&) {
      }
    }
    co_await sc::sleep(std::chrono::milliseconds(1));
  }
}
sc::task<> subscribe(tractor::context<void, void, int>& ctx) {
  co_await ctx.started();
  auto [send, receive] = sc::open_memory_channel<int>(16);
  struct registration {
    subscriber_list::iterator mine;
    ~registration() { subscribers().erase(mine); }
  } const registered{subscribers().insert(subscribers().end(), std::move(send))};
  co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
    while (const auto number = co_await receive.next()) co_await stream.send(*number);
  });
}
// Subscribes to the publisher of that name; says when so many have come.
sc::task<> consume(tractor::context<int>& ctx, std::string publisher_name, int count) {
  co_await tractor::find_actor(publisher_name, [&](std::optional<tractor::portal> publisher) -> sc::task<> {
    if (!publisher) throw std::runtime_error("there is no publisher");
    co_await publisher->open_context<&subscribe>({}, [&](auto& subscribed) -> sc::task<> {
      co_await subscribed.open_stream([&](auto& stream) -> sc::task<> {
        int last = -1;
        for (int i = 0; i < count; ++i) {
          const int number = co_await stream.receive();
          if (number <= last) throw std::logic_error("a number came twice");
          last = number;
        }
        co_await ctx.started(last);
        while (co_await stream.next()) continue;
      });
    });
  });
}

}  // namespace peers

TRACTOR_MODULE(peers) {
  mod.def<&peers::count>("count", "fail_at");
  mod.def<&peers::port>("port");
  mod.def<&peers::spawn_on_request>("spawn_on_request");
  mod.def<&peers::use_service>("use_service", "service_port", "fail_at");
  mod.def<&peers::publish>("publish");
  mod.def<&peers::subscribe>("subscribe");
  mod.def<&peers::consume>("consume", "publisher_name", "count");
}

namespace runtime_test {
namespace {

class peer_service_test : public runtime_test {};

// S-CTX-80: the opener's cancel of both dialogs, the client's and its own with the service.
// Reference: peer::test_peer_spawns_and_cancels_service_subactor.
TEST_F(peer_service_test, cancelled_client_and_service_take_what_the_service_started_along) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto service = co_await an.start_actor("spawn_server", peers::listening("peers"));
    auto client = co_await an.start_actor("client", {.enable_modules = {"peers"}});
    const int service_port = co_await service.run<&peers::port>();
    int little_bro = 0;
    bool acknowledged = false;
    co_await service.open_context<&peers::spawn_on_request>({}, [&](auto& spawning) -> sc::task<> {
      co_await client.open_context<&peers::use_service>({service_port, -1}, [&](auto& using_it, int port) -> sc::task<> {
        little_bro = port;
        co_await peers::talk_to(little_bro, [](const portal& there) -> sc::task<> {
          EXPECT_EQ("little_bro", there.name());
          EXPECT_GT(co_await there.run<&peers::port>(), 0);
        });
        co_await using_it.cancel(hang_bound);
        const auto ended = co_await catch_as<tractor::context_cancelled>([&] { return using_it.wait_for_result(); });
        RT_REQUIRE(ended);
        EXPECT_EQ(ended->canceller(), tractor::current_actor().uid());
        EXPECT_TRUE(using_it.cancel_acked());
      });
      co_await spawning.cancel(hang_bound);
      acknowledged = spawning.cancel_acked();
    });
    EXPECT_TRUE(acknowledged);
    // Its starter's nursery ended with the dialog of the client: nobody listens there any more.
    EXPECT_NE(nullptr, co_await caught([&] { return peers::talk_to(little_bro, [](const portal&) -> sc::task<> { co_return; }); }));
    co_await an.cancel();
  });
}

// S-CTX-80: an error of little_bro comes through the client, with both names.
// Reference: peer::test_peer_spawns_and_cancels_service_subactor.
TEST_F(peer_service_test, error_of_an_actor_that_a_service_started_is_relayed_by_its_user) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto service = co_await an.start_actor("spawn_server", peers::listening("peers"));
    auto client = co_await an.start_actor("client", {.enable_modules = {"peers"}});
    const int service_port = co_await service.run<&peers::port>();
    const auto error = co_await catch_as<tractor::remote_actor_error>([&] {
      return client.open_context<&peers::use_service>({service_port, 200}, [](auto&, int little_bro) -> sc::task<> {
        // The root listens to little_bro too. It ends with the client's dialog with its starter, before or after that one's error is here.
        const auto own = co_await caught([&] {
          return peers::talk_to(little_bro, [](const portal& there) -> sc::task<> {
            co_await there.open_context<&peers::count>({-1}, [](auto& counting) -> sc::task<> {
              co_await counting.open_stream([](auto& numbers) -> sc::task<> {
                while (co_await numbers.next()) continue;
              });
            });
          });
        });
        static_cast<void>(as<tractor::context_cancelled>(own));
        co_await sc::sleep_forever();
      });
    });
    RT_REQUIRE(error);
    EXPECT_EQ(error->boxed_type_str(), "RemoteActorError");
    EXPECT_EQ(error->src_type_str(), "RuntimeError");
    EXPECT_EQ(error->src_uid().name, "little_bro");
    EXPECT_EQ(error->relay_uid().name, "client");
    EXPECT_THAT(error->what(), HasSubstr("little_bro has had enough"));
    co_await an.cancel();
  });
}

// S-STR-13: consumers look for the publisher by its name; the root ends it all by an error of its own.
// Reference: advstr::test_dynamic_pub_sub.
TEST_F(peer_service_test, publisher_with_subscribers_that_connect_is_torn_down_by_an_error) {
  bool interrupt = true;
  const auto publish_to_three = [&](actor_nursery& an) -> sc::task<> {
    auto publisher = co_await an.start_actor("publisher", {.enable_modules = {"peers"}});
    co_await publisher.open_context<&peers::publish>({}, [&](auto&) -> sc::task<> {
      co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
        sc::event all_there;
        int there = 0;
        for (int i = 0; i < 3; ++i) {
          const portal consumer = co_await an.start_actor("consumer_" + std::to_string(i), {.enable_modules = {"peers"}});
          n.start_soon([&, consumer]() -> sc::task<> {
            co_await consumer.open_context<&peers::consume>({"publisher", 20}, [&](auto&, int) -> sc::task<> {
              if (++there == 3) all_there.set();
              co_await sc::sleep_forever();
            });
          });
        }
        co_await all_there.wait();
        if (interrupt) throw tractor::keyboard_interrupt("enough");
        throw sc::too_slow_error("enough");
      });
    });
  };
  static_cast<void>(as<tractor::keyboard_interrupt>(outcome_in_nursery(publish_to_three)));
  interrupt = false;
  static_cast<void>(as<sc::too_slow_error>(outcome_in_nursery(publish_to_three)));
}

}  // namespace
}  // namespace runtime_test
