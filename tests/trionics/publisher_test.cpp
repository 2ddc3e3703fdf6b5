// SPDX-License-Identifier: Apache-2.0
//
// One generator for many subscribers: by topic, one instance at a time, and none that misses a value.

#include "tractor/trionics/publisher.hpp"

#include <optional>
#include <set>
#include <stdexcept>

#include "crew.hpp"
#include "tractor/runtime/server.hpp"

namespace trionics_test {
namespace {

using ::testing::IsEmpty;
using ::testing::Pair;
using tractor::portal;
using tractor::trionics::live_topics;
using tractor::trionics::published;
using tractor::trionics::published_as;
using tractor::trionics::publisher_queued_max;

using packet = std::map<std::string, int>;
using names = std::vector<std::string>;

// --- publishers, and what their process can tell of them ---

constinit int started = 0;
constinit int alive = 0;
constinit int yielded = 0;
std::optional<live_topics> asked_for;  // the newest instance's

struct instance {
  explicit instance(const live_topics& topics) {
    asked_for = topics;
    ++started;
    ++alive;
  }
  instance(const instance&) = delete;
  instance& operator=(const instance&) = delete;
  ~instance() { --alive; }
};

packet for_all(const live_topics& topics, int value) {
  packet all{{"nobody's", value}};
  for (const auto& topic : topics.get()) all[topic] = value;
  return all;
}

// From `from` on, one each millisecond, for all who ask.
sc::generator<packet> prices(live_topics topics, int from) {
  const instance here(topics);
  for (int i = from;; ++i) {
    ++yielded;
    co_yield for_all(topics, i);
    co_await sc::sleep(1ms);
  }
}
// Begins when so many topics are asked for.
sc::generator<packet> so_many(live_topics topics, int count, std::size_t topics_wanted) {
  const instance here(topics);
  while (topics.get().size() < topics_wanted) co_await sc::sleep(1ms);
  for (int i = 0; i < count; ++i) {
    co_yield for_all(topics, i);
    co_await sc::sleep(1ms);
  }
}
sc::generator<packet> fail_after(live_topics topics, int count, const std::string& text) {
  const instance here(topics);
  for (int i = 0; i < count; ++i) {
    co_yield for_all(topics, i);
    co_await sc::sleep(1ms);
  }
  throw std::invalid_argument(text);
}
sc::generator<packet> silent(live_topics topics) {
  const instance here(topics);
  co_await sc::sleep_forever();
}
// Never waits.
sc::generator<packet> for_nobody(live_topics topics) {
  const instance here(topics);
  for (;;) co_yield {{"nobody's", 1}};
}

std::pair<std::string, int> as_pair(const std::string& topic, const int& value) { return {topic, 10 * value}; }

task<names> topics_now() {
  const std::set<std::string> all = asked_for ? asked_for->get() : std::set<std::string>();
  co_return names(all.begin(), all.end());
}
task<int> instances_started() { co_return started; }
task<int> instances_running() { co_return alive; }
task<tractor::ipc::address> own_address() { co_return tractor::accept_addresses().at(0); }

// In an actor of its own: until it is ended.
task<> subscribe_there(tractor::ipc::address publisher, names topics) {
  co_await tractor::open_portal(publisher, [&](portal& there) -> task<> {
    co_await there.open_stream_from<published<&prices>>({topics, 0}, [](auto& stream) -> task<> {
      while (co_await stream.next()) continue;
    });
  });
}

// --- inside one actor, on a virtual clock ---

task<> in_actor(std::function<task<>(nursery&)> body) {
  started = alive = yielded = 0;
  asked_for.reset();
  co_await tractor::open_root_actor([&]() -> task<> { co_await sc::open_nursery([&](nursery& n) { return body(n); }); },
                                    {.handle_signals = false});
  EXPECT_EQ(alive, 0);
}

// The next values, at most `count`, of a subscriber of one topic; then it leaves.
task<std::vector<int>> take(sc::generator<packet> from, std::size_t count = 1000) {
  return sc::aclosing(std::move(from), [count](auto& values) -> task<std::vector<int>> {
    std::vector<int> got;
    while (got.size() < count) {
      const auto next = co_await values.next();
      if (!next) break;
      EXPECT_EQ(next->size(), 1u);
      got.push_back(next->begin()->second);
    }
    co_return got;
  });
}
// The same as a task of that nursery; where it has put what it got is good when that has ended.
void take_into(nursery& n, std::vector<int>& got, sc::generator<packet> from, std::size_t count = 1000) {
  n.start_soon([&got, values = std::move(from), count]() mutable -> task<> { got = co_await take(std::move(values), count); });
}

std::vector<int> numbers(int from, int to) {
  std::vector<int> all;
  for (int i = from; i <= to; ++i) all.push_back(i);
  return all;
}

// S-PUB-3, S-PBX-2
TRACTOR_TEST(publisher, each_gets_the_topics_that_it_asked_for) {
  co_await in_actor([](nursery& n) -> task<> {
    for (const auto& topics : {names{"a"}, names{"b", "c"}, names{"a", "c", "a"}}) {
      n.start_soon([topics]() -> task<> {
        co_await sc::aclosing(published<&prices>(topics, 0), [&](auto& values) -> task<> {
          for (int i = 0; i < 5; ++i) {
            const auto next = co_await values.next();
            TRACTOR_REQUIRE(next);
            std::set<std::string> keys;
            for (const auto& [topic, value] : *next) keys.insert(topic);
            EXPECT_EQ(keys, std::set(topics.begin(), topics.end()));
          }
        });
      });
      co_await settle();
    }
  });
}

// S-PUB-3, S-PBX-2
TRACTOR_TEST(publisher, one_generator_feeds_all) {
  std::vector<std::vector<int>> got(5);
  co_await in_actor([&](nursery& n) -> task<> {
    for (auto& each : got) {
      take_into(n, each, published<&prices>({"a"}, 0), 20);
      co_await settle();
    }
    co_await sc::sleep(10ms);
    EXPECT_EQ(started, 1);
  });
  EXPECT_EQ(got[0], numbers(0, 19));
  EXPECT_EQ(got[1].front(), 1) << "what comes after it has come";
}

// S-PUB-3, S-PUB-4
TRACTOR_TEST(publisher, topics_are_those_of_who_is_subscribed_now) {
  sc::cancel_scope first, second, third;
  co_await in_actor([&](nursery& n) -> task<> {
    const auto listen = [&](sc::cancel_scope& until, names topics) -> task<> {
      n.start_soon([&until, topics]() -> task<> {
        co_await until.run([&]() -> task<> {
          co_await sc::aclosing(published<&silent>(topics), [](auto& values) -> task<> { static_cast<void>(co_await values.next()); });
        });
      });
      co_await settle();
    };
    co_await listen(first, {"a"});
    EXPECT_THAT(asked_for->get(), ElementsAre("a"));
    co_await listen(second, {"b", "a"});
    EXPECT_THAT(asked_for->get(), ElementsAre("a", "b"));
    co_await listen(third, {"c", "b"});
    EXPECT_THAT(asked_for->get(), ElementsAre("a", "b", "c"));
    second.cancel("it leaves");
    co_await settle();
    EXPECT_THAT(asked_for->get(), ElementsAre("a", "b", "c"));
    first.cancel("it leaves");
    co_await settle();
    EXPECT_THAT(asked_for->get(), ElementsAre("b", "c"));
    third.cancel("it leaves");
  });
  EXPECT_THAT(asked_for->get(), IsEmpty());
}

// S-PUB-3, S-PBX-2: each leaves when all wait for the next value.
TRACTOR_TEST(publisher, next_in_line_goes_on_with_an_instance_of_its_own) {
  std::vector<int> first, second, third;
  co_await in_actor([&](nursery& n) -> task<> {
    const auto listen = [&](std::vector<int>& got, int from, sc::duration until) -> task<> {
      n.start_soon([&got, from, until]() -> task<> {
        static_cast<void>(co_await sc::move_on_after(until, [&]() -> task<> {
          co_await sc::aclosing(published<&prices>({"a"}, from), [&](auto& values) -> task<> {
            while (const auto next = co_await values.next()) got.push_back(next->at("a"));
          });
        }));
      });
      co_await settle();
    };
    co_await listen(first, 0, 2500us);
    co_await listen(second, 100, 4ms);
    co_await listen(third, 200, 5500us);
  });
  EXPECT_THAT(first, ElementsAre(0, 1, 2));
  EXPECT_THAT(second, ElementsAre(1, 2, 100, 101));
  EXPECT_THAT(third, ElementsAre(1, 2, 100, 101, 200, 201));
  EXPECT_EQ(started, 3);
}

// S-PUB-3
TRACTOR_TEST(publisher, cancel_of_who_feeds_is_nothing_to_the_others) {
  std::vector<int> second;
  co_await in_actor([&](nursery& n) -> task<> {
    n.start_soon([]() -> task<> { EXPECT_FALSE(co_await sc::move_on_after(10500us, [] { return take(published<&prices>({"a"}, 0)); })); });
    co_await settle();
    take_into(n, second, published<&prices>({"b"}, 100), 13);
  });
  EXPECT_THAT(second, ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 100, 101, 102));
}

TRACTOR_TEST(publisher, turn_is_not_lost_with_one_that_leaves_when_it_gets_it) {
  sc::cancel_scope first, second, third;
  co_await in_actor([&](nursery& n) -> task<> {
    const auto listen = [&]() -> task<> { static_cast<void>(co_await take(published<&silent>({"a"}))); };
    for (sc::cancel_scope* scope : {&first, &second, &third}) {
      n.start_soon([&listen, scope]() -> task<> { co_await scope->run(listen); });
      co_await settle();
    }
    first.cancel("both at once, in whatever order they run");
    second.cancel("both at once, in whatever order they run");
    co_await settle();
    EXPECT_EQ(alive, 1);
    third.cancel("seen");
    co_await settle();
  });
  EXPECT_GE(started, 2);
}

// Who has something to send has no use for the turn.
TRACTOR_TEST(publisher, one_that_does_not_wait_does_not_hold_up_the_turn) {
  co_await in_actor([](nursery& n) -> task<> {
    std::vector<int> first;
    take_into(n, first, published<&prices>({"a"}, 0), 3);
    co_await settle();
    n.start_soon([]() -> task<> {
      co_await sc::aclosing(published<&prices>({"a"}, 0), [](auto& values) -> task<> {
        EXPECT_TRUE(co_await values.next());
        co_await sc::sleep(1h);
      });
    });
    co_await settle();
    EXPECT_THAT(co_await take(published<&prices>({"a"}, 100), 4), ElementsAre(1, 2, 100, 101));
    EXPECT_LT(since_start(), 1s);
  });
}

// Nor has one that was just given something to send: here when the feeder leaves with the value that all got.
TRACTOR_TEST(publisher, one_that_has_yet_to_take_a_value_does_not_hold_up_the_turn) {
  co_await in_actor([](nursery& n) -> task<> {
    std::vector<int> first;
    take_into(n, first, published<&prices>({"a"}, 0), 2);
    co_await settle();
    n.start_soon([]() -> task<> {
      co_await sc::aclosing(published<&prices>({"a"}, 0), [](auto& values) -> task<> {
        EXPECT_TRUE(co_await values.next());
        co_await sc::sleep(1h);
      });
    });
    co_await settle();
    EXPECT_THAT(co_await take(published<&prices>({"a"}, 100), 3), ElementsAre(1, 100, 101));
    EXPECT_LT(since_start(), 1s);
  });
}

// S-PUB-3
TRACTOR_TEST(publisher, end_of_the_generator_ends_all_behind_their_values) {
  std::vector<int> first, late;
  co_await in_actor([&](nursery& n) -> task<> {
    take_into(n, first, published<&so_many>({"a"}, 20, 1));
    co_await settle();
    co_await sc::aclosing(published<&so_many>({"a"}, 20, 1), [](auto& values) -> task<> {
      EXPECT_THAT(co_await values.next(), ::testing::Optional(ElementsAre(Pair("a", 1))));
      co_await sc::sleep(1s);
      EXPECT_THAT(asked_for->get(), IsEmpty()) << "one that only takes what is left asks for nothing";
      for (int i = 2; i < 20; ++i) EXPECT_THAT(co_await values.next(), ::testing::Optional(ElementsAre(Pair("a", i))));
      EXPECT_FALSE(co_await values.next());
    });
    EXPECT_EQ(started, 1);
    late = co_await take(published<&so_many>({"a"}, 3, 1));
  });
  EXPECT_EQ(first, numbers(0, 19));
  EXPECT_EQ(late, numbers(0, 2));
  EXPECT_EQ(started, 2);
}

// The others are not ended by it.
TRACTOR_TEST(publisher, error_is_that_of_whose_instance_it_was) {
  std::vector<int> second;
  co_await in_actor([&](nursery& n) -> task<> {
    n.start_soon([]() -> task<> {
      const auto error = co_await caught([] { return take(published<&fail_after>({"a"}, 3, "the first one's")); });
      EXPECT_THAT(text_of(error), HasSubstr("the first one's"));
    });
    co_await settle();
    take_into(n, second, published<&fail_after>({"a"}, 1000, "not seen"), 5);
  });
  EXPECT_THAT(second, ElementsAre(1, 2, 0, 1, 2));
  EXPECT_EQ(started, 2);
}

// S-PUB-3: never a drop.
TRACTOR_TEST(publisher, slowest_subscriber_sets_the_pace) {
  std::vector<int> fast;
  co_await in_actor([&](nursery& n) -> task<> {
    take_into(n, fast, published<&prices>({"a"}, 0), 301);
    co_await settle();
    co_await sc::aclosing(published<&prices>({"b"}, 1000), [](auto& values) -> task<> {
      EXPECT_THAT(co_await values.next(), ::testing::Optional(ElementsAre(Pair("b", 1))));
      co_await sc::sleep(1h);
      EXPECT_EQ(yielded, 2 + static_cast<int>(publisher_queued_max));
      for (int i = 2; i <= 300; ++i) {
        EXPECT_THAT(co_await values.next(), ::testing::Optional(ElementsAre(Pair("b", i))));
        if (i % 50 == 0) co_await sc::sleep(1s);
      }
      EXPECT_THAT(co_await values.next(), ::testing::Optional(ElementsAre(Pair("b", 1000)))) << "the fast one has left";
    });
  });
  EXPECT_EQ(fast, numbers(0, 300));
}

TRACTOR_TEST(publisher, wait_for_a_slow_subscriber_ends_with_either) {
  for (const bool slow_leaves : {true, false}) {
    std::vector<int> rest;
    sc::cancel_scope fast;
    co_await in_actor([&](nursery& n) -> task<> {
      n.start_soon([&]() -> task<> {
        co_await fast.run([]() -> task<> { EXPECT_EQ((co_await take(published<&prices>({"a"}, 0), 200)).size(), 200u); });
      });
      co_await settle();
      co_await sc::aclosing(published<&prices>({"b"}, 1000), [&](auto& values) -> task<> {
        EXPECT_TRUE(co_await values.next());
        co_await sc::sleep(1h);
        if (slow_leaves) co_return;
        fast.cancel("it feeds, and waits");
        co_await sc::sleep(1h);
        EXPECT_EQ(started, 1);
        for (std::size_t i = 0; i < publisher_queued_max + 2; ++i) rest.push_back((co_await values.next())->at("b"));
      });
    });
    if (slow_leaves) continue;
    auto wanted = numbers(2, 1 + static_cast<int>(publisher_queued_max));
    wanted.insert(wanted.end(), {1000, 1001});
    EXPECT_EQ(rest, wanted);
  }
}

// S-PUB-3
TRACTOR_TEST(publisher, values_that_nobody_asked_for_do_not_stop_the_actor) {
  sc::cancel_scope scope;
  co_await in_actor([&](nursery& n) -> task<> {
    n.start_soon(
        [&]() -> task<> { co_await scope.run([]() -> task<> { static_cast<void>(co_await take(published<&for_nobody>({"a"}))); }); });
    for (int i = 0; i < 10; ++i) co_await sc::checkpoint();
    scope.cancel("this task has its turn, too");
  });
  EXPECT_EQ(started, 1);
}

// S-PUB-3, S-PBX-2
TRACTOR_TEST(publisher, each_task_name_has_a_generator) {
  constexpr auto spot_or_futures = published<&prices, "spot", "futures">;
  std::vector<int> spot, also_spot, futures;
  co_await in_actor([&](nursery& n) -> task<> {
    take_into(n, spot, spot_or_futures({"a"}, "spot", 0), 3);
    co_await settle();
    take_into(n, futures, spot_or_futures({"a"}, "futures", 100), 3);
    take_into(n, also_spot, spot_or_futures({"a"}, "spot", 200), 2);
    co_await sc::sleep(1ms);
    EXPECT_EQ(started, 2);
  });
  EXPECT_THAT(spot, ElementsAre(0, 1, 2));
  EXPECT_THAT(also_spot, ElementsAre(1, 2));
  EXPECT_THAT(futures, ElementsAre(100, 101, 102));
}

// S-PUB-2, S-PBX-1
// Reference: pub::test_required_args.
TRACTOR_TEST(publisher, task_name_is_one_that_was_declared) {
  co_await in_actor([](nursery&) -> task<> {
    const auto error =
        co_await caught([]() -> task<> { static_cast<void>(co_await take(published<&prices, "spot", "futures">({"a"}, "stock", 0))); });
    EXPECT_THAT(text_of(error), ::testing::MatchesRegex("tractor::type_error: publisher '.*prices' has no task 'stock'; it has 'spot', "
                                                        "'futures'"));
    co_return;
  });
}

// S-PUB-2, S-PBX-1
// Reference: pub::test_required_args.
TRACTOR_TEST(publisher, subscriber_says_to_which_topics) {
  co_await in_actor([](nursery&) -> task<> {
    const auto error = co_await caught([]() -> task<> { static_cast<void>(co_await take(published<&prices>({}, 0))); });
    EXPECT_THAT(text_of(error), HasSubstr("tractor::type_error: a subscriber of '"));
    EXPECT_THAT(text_of(error), HasSubstr("`topics` is empty"));
    co_return;
  });
}

TRACTOR_TEST(publisher, belongs_to_an_actor) {
  const auto error = co_await caught([] { return take(published<&prices>({"a"}, 0)); });
  EXPECT_THAT(text_of(error), HasSubstr("tractor::no_runtime: "));
}

// S-PUB-3, S-PBX-1
TRACTOR_TEST(publisher, packetizer_says_what_is_sent) {
  co_await in_actor([](nursery&) -> task<> {
    co_await sc::aclosing(published_as<&prices, &as_pair>({"a", "b"}, 7), [](auto& values) -> task<> {
      EXPECT_THAT(co_await values.next(), ::testing::Optional(Pair("a", 70)));
      EXPECT_THAT(co_await values.next(), ::testing::Optional(Pair("b", 70)));
      EXPECT_THAT(co_await values.next(), ::testing::Optional(Pair("a", 80)));
    });
  });
}

// --- actors ---

class publisher_test : public actors_test {
 protected:
  static void with_publisher(const std::function<task<>(tractor::actor_nursery&, portal)>& body) {
    run([&] {
      return tractor::open_nursery([&](tractor::actor_nursery& an) -> task<> {
        const auto publisher = co_await an.start_actor(
            "publisher", {.enable_modules = {"publisher_test"}, .bind_addrs = {tractor::ipc::tcp_address{"127.0.0.1", 0}}});
        co_await body(an, publisher);
        co_await an.cancel();
      });
    });
  }
  static task<> until_topics_are(portal publisher, names wanted) {
    while (co_await publisher.run<&topics_now>() != wanted) co_await sc::sleep(1ms);
  }
};

// S-PUB-3, S-PUB-4, S-PBX-2
// Reference: pub::test_multi_actor_subs_arbiter_pub.
TEST_F(publisher_test, topics_appear_and_vanish_with_the_actors_that_ask_for_them) {
  with_publisher([](tractor::actor_nursery& an, portal publisher) -> task<> {
    const auto address = co_await publisher.run<&own_address>();
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      std::vector<portal> subscribers;
      const names topics{"a", "b", "c"};
      for (const auto& topic : topics) {
        const auto actor =
            co_await an.start_actor(topic, {.enable_modules = {"publisher_test", "crew"}, .on_death = tractor::death_policy::ignore});
        subscribers.push_back(actor);
        n.start_soon([actor, address, topic]() -> task<> {
          const auto error = co_await caught([&] { return actor.run<&subscribe_there>(address, names{topic}); });
          EXPECT_NE(error, nullptr);
        });
        co_await until_topics_are(publisher, names(topics.begin(), topics.begin() + static_cast<long>(subscribers.size())));
      }
      EXPECT_EQ(1, co_await publisher.run<&instances_started>());

      EXPECT_TRUE(co_await subscribers[0].cancel_actor());  // it feeds; then one of the others does
      co_await until_topics_are(publisher, {"b", "c"});
      static_cast<void>(co_await caught([&] { return subscribers[1].run<&die_at>(-1); }));
      co_await until_topics_are(publisher, {"c"});
      EXPECT_TRUE(co_await subscribers[2].cancel_actor());
      co_await until_topics_are(publisher, {});
    });
    EXPECT_EQ(0, co_await publisher.run<&instances_running>());
    EXPECT_GE(3, co_await publisher.run<&instances_started>()) << "an instance for each that feeds, and no other";
    EXPECT_LE(2, co_await publisher.run<&instances_started>()) << "the first has left: another one fed";
  });
}

// S-PUB-3, S-PBX-2
// Reference: pub::test_single_subactor_pub_multitask_subs.
TEST_F(publisher_test, streams_of_one_generator_end_with_it) {
  with_publisher([](tractor::actor_nursery&, portal publisher) -> task<> {
    std::map<std::string, std::vector<int>> got{{"a", {}}, {"b", {}}, {"c", {}}, {"d", {}}};
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      for (auto& [topic, values] : got)
        n.start_soon([&, publisher]() -> task<> {
          co_await publisher.open_stream_from<published<&so_many>>({{topic}, 100, 4}, [&](auto& stream) -> task<> {
            while (const auto next = co_await stream.next()) values.push_back(next->at(topic));
          });
        });
      co_return;
    });
    for (const auto& [topic, values] : got) EXPECT_EQ(values, numbers(0, 99)) << topic;
    EXPECT_EQ(1, co_await publisher.run<&instances_started>());
    EXPECT_EQ(0, co_await publisher.run<&instances_running>());
  });
}

// S-PUB-3
TEST_F(publisher_test, slow_consumer_misses_nothing_when_the_one_that_feeds_leaves) {
  with_publisher([](tractor::actor_nursery&, portal publisher) -> task<> {
    sc::event feeds, both, left;
    int last = 0;
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      n.start_soon([&]() -> task<> {
        co_await publisher.open_stream_from<published<&prices>>({{"a"}, 0}, [&](auto& stream) -> task<> {
          last = (co_await stream.receive()).at("a");
          feeds.set();
          co_await both.wait();
          for (int i = 0; i < 50; ++i) last = (co_await stream.receive()).at("a");
        });
        left.set();
      });
      co_await feeds.wait();
      co_await publisher.open_stream_from<published<&prices>>({{"b"}, 1000000},
                                                              [&](auto& stream) -> task<> {
                                                                co_await until_topics_are(publisher, {"a", "b"});
                                                                both.set();
                                                                co_await left.wait();
                                                                int next = (co_await stream.receive()).at("b");
                                                                int value = next;
                                                                for (; value < 1000000; value = (co_await stream.receive()).at("b"))
                                                                  EXPECT_EQ(value, next++);
                                                                EXPECT_EQ(value, 1000000);
                                                                EXPECT_GT(next, last);
                                                              },
                                                              {.buffer_messages = 4});
    });
    EXPECT_EQ(2, co_await publisher.run<&instances_started>());
    EXPECT_EQ(0, co_await publisher.run<&instances_running>());
  });
}

// S-PUB-2
// Reference: pub::test_required_args.
TEST_F(publisher_test, errors_reach_the_consumer) {
  with_publisher([](tractor::actor_nursery&, portal publisher) -> task<> {
    const auto receive = [](auto& stream) -> task<> { static_cast<void>(co_await stream.receive()); };
    const auto type_of = [](const std::exception_ptr& error) -> std::string {
      try {
        if (error) std::rethrow_exception(error);
      } catch (const tractor::remote_actor_error& remote) {
        return remote.boxed_type_str();
      } catch (...) {
        return text_of(error);
      }
      return "nothing";
    };
    auto error = co_await caught([&] { return publisher.open_stream_from<published<&prices>>({names{}, 0}, receive); });
    EXPECT_EQ(type_of(error), "TypeError");
    EXPECT_THAT(text_of(error), HasSubstr("`topics` is empty"));
    error = co_await caught([&] { return publisher.open_stream_from<published<&prices, "spot">>({{"a"}, "stock", 0}, receive); });
    EXPECT_EQ(type_of(error), "TypeError");
    EXPECT_THAT(text_of(error), HasSubstr("has no task 'stock'; it has 'spot'"));
    error = co_await caught([&] { return publisher.open_stream_from<published<&fail_after>>({{"a"}, 0, "no more"}, receive); });
    EXPECT_EQ(type_of(error), "ValueError");
    EXPECT_THAT(text_of(error), HasSubstr("no more"));
    co_await publisher.open_stream_from<published<&prices, "spot">>({{"a"}, "spot", 0}, receive);
    co_await publisher.open_stream_from<published_as<&prices, &as_pair>>(
        {{"a"}, 4}, [](auto& stream) -> task<> { EXPECT_THAT(co_await stream.receive(), Pair("a", 40)); });
  });
}

}  // namespace
}  // namespace trionics_test

TRACTOR_MODULE(publisher_test) {
  using namespace trionics_test;
  mod.def<&topics_now>("topics_now");
  mod.def<&instances_started>("instances_started");
  mod.def<&instances_running>("instances_running");
  mod.def<&own_address>("own_address");
  mod.def<&subscribe_there>("subscribe_there", "publisher", "topics");
  mod.def<published<&prices>>("prices", "topics", "from");
  mod.def<published<&prices, "spot">>("named_prices", "topics", "task_name", "from");
  mod.def<published_as<&prices, &as_pair>>("price_pairs", "topics", "from");
  mod.def<published<&so_many>>("so_many", "topics", "count", "topics_wanted");
  mod.def<published<&fail_after>>("fail_after", "topics", "count", "text");
}
