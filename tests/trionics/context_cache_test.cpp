// SPDX-License-Identifier: Apache-2.0
//
// Resources that tasks share: opened once, left by the last user, one at a time for each key.

#include "context_cache_test.hpp"

namespace {

using namespace cache_test;

// S-TRI-10
// Reference: cache::test_resource_only_entered_once.
TRACTOR_TEST(context_cache, first_user_opens_it_and_the_others_share_it) {
  diary book;
  int misses = 0;
  std::vector<int*> values;
  co_await with_cache([&](cache_type& cache, nursery& users) -> task<> {
    for (int i = 0; i < 5; ++i)
      users.start_soon([&, i]() -> task<> {
        co_await sc::sleep(std::chrono::milliseconds(i));
        co_await cache.open("key", timed(book, 1s), [&](bool hit, int& value) -> task<> {
          misses += hit ? 0 : 1;
          values.push_back(&value);
          co_await sc::sleep(1s);
        });
      });
    co_return;
  });

  EXPECT_EQ(misses, 1);
  EXPECT_EQ(book.entries, 1);
  TRACTOR_REQUIRE(values.size() == 5);
  for (const int* each : values) EXPECT_EQ(each, values.front());
  EXPECT_THAT(book.lines, ElementsAre("1 open", "2 closed"));
}

// S-TRI-10
TRACTOR_TEST(context_cache, gives_what_the_body_gives) {
  diary book;
  co_await with_cache([&](cache_type& cache, nursery&) -> task<> {
    const auto text =
        co_await cache.open("key", timed(book), [](bool, int& value) -> task<std::string> { co_return std::to_string(value); });
    EXPECT_EQ(text, "1");
  });
}

// S-TRI-11
// Reference: cache::test_per_ctx_key_resource_lifecycle.
TRACTOR_TEST(context_cache, each_key_has_a_life_of_its_own) {
  diary book;
  co_await with_cache([&](cache_type& cache, nursery& users) -> task<> {
    users.start_soon([&] { return cache.open("short", timed(book), stay(1s)); });
    users.start_soon([&] { return cache.open("long", timed(book), stay(5s)); });
    co_await sc::sleep(2s);
    EXPECT_EQ(cache.size(), 1u);
    co_await cache.open("long", timed(book), [](bool hit, int&) -> task<> {
      EXPECT_TRUE(hit);
      co_return;
    });
    co_await cache.open("short", timed(book), [](bool hit, int&) -> task<> {
      EXPECT_FALSE(hit);
      co_return;
    });
  });
  EXPECT_EQ(book.entries, 3);
}

// S-TRI-12
// Reference: cache::test_last_moc_user_waits_for_resource_exit.
TRACTOR_TEST(context_cache, last_user_waits_for_the_exit_and_the_others_do_not) {
  diary book;
  co_await with_cache([&](cache_type& cache, nursery& users) -> task<> {
    for (const int seconds : {1, 2, 3})
      users.start_soon([&, seconds]() -> task<> {
        co_await cache.open("key", timed(book, 0s, 10s), stay(std::chrono::seconds(seconds)));
        book.note("user left");
      });
    co_return;
  });
  EXPECT_THAT(book.lines, ElementsAre("0 open", "1 user left", "2 user left", "13 closed", "13 user left"));
}

// S-TRI-16
// Reference: cache::test_moc_reentry_during_teardown.
TRACTOR_TEST(context_cache, user_that_comes_during_the_exit_waits_and_opens_it_anew) {
  diary book;
  co_await with_cache([&](cache_type& cache, nursery& users) -> task<> {
    users.start_soon([&] { return cache.open("key", timed(book, 0s, 5s), stay(1s)); });
    co_await sc::sleep(3s);
    co_await cache.open("key", timed(book), [&](bool hit, int& value) -> task<> {
      EXPECT_FALSE(hit);
      EXPECT_EQ(value, 2);
      co_return;
    });
  });
  EXPECT_THAT(book.lines, ElementsAre("0 open", "6 closed", "6 open", "6 closed"));
}

// S-TRI-16
TRACTOR_TEST(context_cache, those_who_wait_are_served_in_the_order_they_came) {
  diary book;
  std::vector<int> order;
  co_await with_cache([&](cache_type& cache, nursery& users) -> task<> {
    for (int i = 0; i < 4; ++i) {
      users.start_soon([&, i]() -> task<> {
        co_await cache.open("key", timed(book, 1s), [&, i](bool, int&) -> task<> {
          order.push_back(i);
          co_await sc::sleep(1s);
        });
      });
      co_await settle();
    }
  });
  EXPECT_THAT(order, ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(book.entries, 1);
}

// S-TRI-16: the last user waits for the lock while others use the resource once more.
TRACTOR_TEST(context_cache, resource_that_is_wanted_again_before_its_exit_began_stays) {
  diary book;
  co_await with_cache([&](cache_type& cache, nursery& users) -> task<> {
    for (int i = 0; i < 20; ++i)
      users.start_soon([&]() -> task<> {
        for (int round = 0; round < 5; ++round) co_await cache.open("key", timed(book), stay(round % 2 == 0 ? 0s : 1s));
      });
    co_return;
  });
  EXPECT_EQ(book.lines.size(), static_cast<std::size_t>(2 * book.entries));
}

// S-TRI-19
TRACTOR_TEST(context_cache, is_for_tasks_inside_its_service_nursery_only) {
  diary book;
  sc::event opened, done;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    std::optional<cache_type> cache;
    n.start_soon([&]() -> task<> {
      co_await sc::open_nursery([&](nursery& service) -> task<> {
        cache.emplace(service, "database");
        opened.set();
        co_await done.wait();
        cache.reset();
      });
    });
    co_await opened.wait();
    const auto error = co_await caught([&] { return cache->open("key", timed(book), stay(0s)); });
    EXPECT_EQ(
        text_of(error),
        "tractor::usage_error: database: this task is not inside the service nursery of the context_cache, which could end before it");
    done.set();
  });
}

TRACTOR_TEST(context_cache, resource_may_use_another_one) {
  diary book;
  co_await with_cache([&](cache_type& cache, nursery& users) -> task<> {
    const auto upper = [&](inside<int> body) -> task<> {
      co_await cache.open("lower", timed(book), [&](bool, int& value) { return body(value); });
    };
    for (int i = 0; i < 3; ++i) users.start_soon([&] { return cache.open("upper", upper, stay(1s)); });
    co_return;
  });
  EXPECT_THAT(book.lines, ElementsAre("0 open", "1 closed"));
}

}  // namespace
