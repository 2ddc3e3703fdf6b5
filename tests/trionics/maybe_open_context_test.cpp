// SPDX-License-Identifier: Apache-2.0
//
// Resources of the whole actor, told apart by opener and arguments. What all shared resources have in common is in context_cache_test.cpp.

#include "tractor/trionics/maybe_open_context.hpp"

#include <stdexcept>

#include "tractor/runtime/errors.hpp"
#include "tractor/runtime/root.hpp"
#include "trionics_test.hpp"

namespace {

using namespace trionics_test;
using tractor::trionics::inside;
using tractor::trionics::maybe_open_context;

struct database {
  std::string url;
  int number = 0;
};

struct counts {
  int opened = 0;
  int closed = 0;
};
counts databases;

task<> open_database(std::string url, int number, inside<database> body) {
  database own{.url = std::move(url), .number = number};
  ++databases.opened;
  co_await body(own);
  ++databases.closed;
}

task<> open_other_database(const std::string& url, int number, inside<database> body) { return open_database(url, number, body); }

task<> open_clock(inside<const int> body) {
  const int now = 12;
  co_await body(now);
}

task<> in_actor(std::function<task<>(nursery& users)> body) {
  databases = {};
  co_await tractor::open_root_actor([&]() -> task<> { co_await sc::open_nursery([&](nursery& users) { return body(users); }); },
                                    {.handle_signals = false});
  EXPECT_EQ(databases.opened, databases.closed);
}

// S-TRI-10, S-TRI-12
// Reference: cache::test_resource_only_entered_once.
TRACTOR_TEST(maybe_open_context, tasks_of_an_actor_share_what_they_open_alike) {
  co_await in_actor([](nursery& users) -> task<> {
    for (int i = 0; i < 4; ++i)
      users.start_soon([]() -> task<> {
        const auto url = co_await maybe_open_context<&open_database>({"here", 1}, [](bool, database& db) -> task<std::string> {
          co_await sc::sleep(1s);
          co_return db.url;
        });
        EXPECT_EQ(url, "here");
      });
    co_await sc::sleep(500ms);
    EXPECT_EQ(databases.opened, 1);
    EXPECT_EQ(databases.closed, 0);
  });
}

// S-TRI-11
// Reference: cache::test_per_ctx_key_resource_lifecycle.
TRACTOR_TEST(maybe_open_context, other_arguments_and_other_openers_are_other_resources) {
  co_await in_actor([](nursery&) -> task<> {
    co_await maybe_open_context<&open_database>({"here", 1}, [](bool, database& first) -> task<> {
      co_await maybe_open_context<&open_database>({"here", 2}, [&](bool hit, database& second) -> task<> {
        EXPECT_FALSE(hit);
        EXPECT_NE(&first, &second);
        co_await maybe_open_context<&open_other_database>({"here", 1}, [&](bool known, database& third) -> task<> {
          EXPECT_FALSE(known);
          EXPECT_NE(&first, &third);
          co_return;
        });
      });
      EXPECT_EQ(databases.closed, 2);
      co_await maybe_open_context<&open_database>({"here", 1}, [&](bool hit, database& again) -> task<> {
        EXPECT_TRUE(hit);
        EXPECT_EQ(&first, &again);
        co_return;
      });
    });
  });
}

// S-TRI-11
// Reference: cache::test_resource_only_entered_once.
TRACTOR_TEST(maybe_open_context, explicit_key_stands_for_the_arguments) {
  co_await in_actor([](nursery&) -> task<> {
    co_await maybe_open_context<&open_database>(std::string("the one"), {"here", 1}, [](bool, database&) -> task<> {
      co_await maybe_open_context<&open_database>(std::string("the one"), {"there", 2}, [](bool hit, database& db) -> task<> {
        EXPECT_TRUE(hit);
        EXPECT_EQ(db.url, "here");
        co_return;
      });
      co_await maybe_open_context<&open_database>(7, {"there", 2}, [](bool hit, database&) -> task<> {
        EXPECT_FALSE(hit);
        co_return;
      });
    });
  });
}

TRACTOR_TEST(maybe_open_context, opener_without_arguments_and_with_a_constant_value) {
  co_await in_actor([](nursery&) -> task<> {
    co_await maybe_open_context<&open_clock>({}, [](bool, const int& now) -> task<> {
      EXPECT_EQ(now, 12);
      co_return;
    });
  });
}

// S-TRI-12: the resource lives in the actor, not in the task that opened it.
TRACTOR_TEST(maybe_open_context, resource_outlives_the_task_that_opened_it) {
  co_await in_actor([](nursery& users) -> task<> {
    users.start_soon([]() -> task<> {
      co_await sc::move_on_after(1s, [] {
        return maybe_open_context<&open_database>({"here", 1}, [](bool, database&) -> task<> { co_await sc::sleep_forever(); });
      });
    });
    co_await settle();
    co_await maybe_open_context<&open_database>({"here", 1}, [](bool hit, database& db) -> task<> {
      EXPECT_TRUE(hit);
      co_await sc::sleep(5s);
      EXPECT_EQ(db.url, "here");
    });
    EXPECT_EQ(databases.opened, 1);
  });
}

// S-TRI-19
TRACTOR_TEST(maybe_open_context, without_an_actor_is_no_runtime) {
  const auto error =
      co_await caught([] { return maybe_open_context<&open_database>({"here", 1}, [](bool, database&) -> task<> { co_return; }); });

  EXPECT_THAT(text_of(error), HasSubstr("tractor::no_runtime: there is no actor here"));
}

// S-TRI-10: nothing of one actor's is left for the next one.
TRACTOR_TEST(maybe_open_context, each_actor_has_its_own) {
  for (int i = 0; i < 2; ++i)
    co_await in_actor([](nursery&) -> task<> {
      co_await maybe_open_context<&open_database>({"here", 1}, [](bool hit, database&) -> task<> {
        EXPECT_FALSE(hit);
        co_return;
      });
    });
}

}  // namespace
