// SPDX-License-Identifier: Apache-2.0
//
// Resources that tasks share: how they end, by whom, and who gets which error.

#include <stdexcept>

#include "context_cache_test.hpp"

namespace {

using namespace cache_test;

// S-TRI-13
// Reference: cache::test_moc_delivers_resource_exit_error.
TRACTOR_TEST(context_cache_end, error_of_the_exit_is_the_last_users_as_the_same_object) {
  const void* thrown = nullptr;
  const auto failing = [&](inside<int> body) -> task<> {
    int value = 0;
    co_await body(value);
    try {
      throw std::runtime_error("in the exit");
    } catch (const std::runtime_error& error) {
      thrown = &error;
      throw;
    }
  };
  co_await with_cache([&](cache_type& cache, nursery& users) -> task<> {
    users.start_soon([&] { return cache.open("key", failing, stay(1s)); });
    co_await sc::checkpoint();
    const void* seen = nullptr;
    try {
      co_await cache.open("key", failing, stay(2s));
    } catch (const std::runtime_error& error) {
      seen = &error;
    }
    EXPECT_NE(seen, nullptr);
    EXPECT_EQ(seen, thrown);
  });
}

manager<int> failing_exit() {
  return [](inside<int> body) -> task<> {
    int value = 0;
    std::exception_ptr cut;
    try {
      co_await body(value);
    } catch (const sc::cancelled&) {
      cut = std::current_exception();
    }
    throw std::runtime_error("in the exit");
  };
}

// S-TRI-13
// Reference: cache::test_moc_exit_error_masks_final_user_cancellation.
TRACTOR_TEST(context_cache_end, error_of_the_exit_replaces_the_last_users_cancel) {
  co_await with_cache([&](cache_type& cache, nursery&) -> task<> {
    bool complete = false;
    const auto error = co_await caught(
        [&]() -> task<> { complete = co_await sc::move_on_after(1s, [&] { return cache.open("key", failing_exit(), stay(1h)); }); });
    EXPECT_EQ(text_of(error), "std::runtime_error: in the exit");
    EXPECT_FALSE(complete);
  });
}

// S-TRI-13
TRACTOR_TEST(context_cache_end, errors_of_the_last_users_body_and_of_the_exit_are_a_group) {
  co_await with_cache([&](cache_type& cache, nursery&) -> task<> {
    const auto error = co_await caught([&] {
      return cache.open("key", failing_exit(), [](bool, int&) -> task<> {
        co_await sc::checkpoint();
        throw std::out_of_range("in the body");
      });
    });
    EXPECT_THAT(text_of(error), HasSubstr("(2 errors)"));
    EXPECT_THAT(text_of(error), HasSubstr("std::out_of_range: in the body\n  - std::runtime_error: in the exit"));
  });
}

// S-TRI-14
// Reference: cache::test_moc_final_user_cancellation_waits_for_exit.
TRACTOR_TEST(context_cache_end, cancelled_last_user_waits_for_the_exit_and_stays_cancelled) {
  diary book;
  co_await with_cache([&](cache_type& cache, nursery&) -> task<> {
    EXPECT_FALSE(co_await sc::move_on_after(1s, [&] { return cache.open("key", timed(book, 0s, 3s), stay(1h)); }));
    EXPECT_EQ(since_start(), 4s);
  });
  EXPECT_THAT(book.lines, ElementsAre("0 open", "4 closed"));
}

// S-TRI-15
// Reference: cache::test_moc_service_nursery_cancellation_completes_exit.
TRACTOR_TEST(context_cache_end, cancel_of_the_service_nursery_ends_users_and_resource) {
  diary book;
  bool value_was_good = false;
  co_await sc::open_nursery([&](nursery& service) -> task<> {
    cache_type cache(service);
    service.start_soon([&]() -> task<> {
      co_await sc::sleep(1s);
      service.cancel("enough");
    });
    co_await cache.open("key", timed(book, 0s, 1s), [&](bool, int& value) -> task<> {
      co_await sc::finally([]() -> task<> { co_await sc::sleep_forever(); },
                           [&]() -> task<> {
                             co_await sc::sleep(2s);
                             value_was_good = value == 1;
                           });
    });
    ADD_FAILURE() << "goes on in a cancelled nursery";
  });
  EXPECT_THAT(book.lines, ElementsAre("0 open", "4 closed"));
  EXPECT_TRUE(value_was_good);
}

// S-TRI-15
TRACTOR_TEST(context_cache_end, cancel_of_the_service_nursery_during_the_entry_ends_it) {
  diary book;
  co_await sc::open_nursery([&](nursery& service) -> task<> {
    cache_type cache(service);
    service.scope().set_deadline(sc::current_time() + 1s);
    co_await cache.open("key", timed(book, 5s), stay(0s));
  });
  EXPECT_EQ(book.entries, 0);
  EXPECT_EQ(since_start(), 1s);
}

// S-TRI-17
// Reference: cache::test_lock_not_corrupted_on_fast_cancel.
TRACTOR_TEST(context_cache_end, first_user_cancelled_during_the_entry_leaves_no_entry_and_no_lock) {
  for (const auto delay : {0s, 1s, 2s}) {
    diary book;
    co_await with_cache([&](cache_type& cache, nursery& users) -> task<> {
      users.start_soon([&]() -> task<> {
        EXPECT_FALSE(co_await sc::move_on_after(delay, [&] { return cache.open("key", timed(book, 2s), stay(1s)); }));
      });
      co_await settle();
      co_await cache.open("key", timed(book, 2s), [&](bool hit, int&) -> task<> {
        EXPECT_FALSE(hit);
        co_return;
      });
    });
    EXPECT_EQ(book.lines.size(), static_cast<std::size_t>(2 * book.entries)) << "every entry has its exit";
  }
}

// S-TRI-17
// Reference: cache::test_lock_not_corrupted_on_fast_cancel.
TRACTOR_TEST(context_cache_end, user_cancelled_while_it_waits_for_anothers_entry_is_just_gone) {
  diary book;
  co_await with_cache([&](cache_type& cache, nursery& users) -> task<> {
    users.start_soon([&] { return cache.open("key", timed(book, 5s), stay(1s)); });
    co_await settle();
    EXPECT_FALSE(co_await sc::move_on_after(1s, [&] { return cache.open("key", timed(book), stay(1s)); }));
    EXPECT_LT(since_start(), 2s);
  });
  EXPECT_THAT(book.lines, ElementsAre("5 open", "6 closed"));
}

// S-TRI-18
TRACTOR_TEST(context_cache_end, failed_entry_is_its_callers_and_the_next_one_tries_again) {
  diary book;
  co_await with_cache([&](cache_type& cache, nursery& users) -> task<> {
    const auto failing = [](inside<int>) -> task<> {
      co_await sc::sleep(2s);
      throw std::runtime_error("no entry");
    };
    users.start_soon([&]() -> task<> {
      const auto error = co_await caught([&] { return cache.open("key", failing, stay(0s)); });
      EXPECT_EQ(text_of(error), "std::runtime_error: no entry");
    });
    co_await sc::sleep(1s);
    co_await cache.open("key", timed(book), [](bool hit, int&) -> task<> {
      EXPECT_FALSE(hit);
      co_return;
    });
  });
  EXPECT_EQ(book.entries, 1);
}

// --- resources that end by themselves, and managers that do not keep to the contract ---

TRACTOR_TEST(context_cache_end, error_of_a_resource_in_use_ends_all_its_users_with_it) {
  int told = 0;
  co_await with_cache([&](cache_type& cache, nursery& users) -> task<> {
    const auto breaking = [](inside<int> body) -> task<> {
      int value = 0;
      co_await sc::open_nursery([&](nursery& n) -> task<> {
        n.start_soon([]() -> task<> {
          co_await sc::sleep(1s);
          throw std::runtime_error("connection lost");
        });
        co_await body(value);
      });
    };
    for (int i = 0; i < 3; ++i)
      users.start_soon([&]() -> task<> {
        const auto error = co_await caught([&] { return cache.open("key", breaking, stay(1h)); });
        EXPECT_EQ(text_of(error), "std::runtime_error: connection lost");
        ++told;
      });
    co_await sc::sleep(2s);
    EXPECT_EQ(told, 3);
  });
}

TRACTOR_TEST(context_cache_end, resource_that_ends_early_without_an_error_is_one_for_its_users) {
  co_await with_cache([&](cache_type& cache, nursery&) -> task<> {
    const auto hasty = [](inside<int> body) -> task<> {
      int value = 0;
      co_await sc::move_on_after(1s, [&] { return body(value); });
    };
    const auto error = co_await caught([&] { return cache.open("key", hasty, stay(1h)); });
    EXPECT_EQ(text_of(error), "tractor::sc::scope_cancelled_error: shared resource ended while it was in use");
  });
}

TRACTOR_TEST(context_cache_end, manager_that_does_not_enter_is_an_error_of_its_caller) {
  co_await with_cache([&](cache_type& cache, nursery&) -> task<> {
    const auto error =
        co_await caught([&] { return cache.open("key", [](inside<int>) -> task<> { co_await sc::checkpoint(); }, stay(0s)); });
    EXPECT_THAT(text_of(error), HasSubstr("usage_error: shared resource did not open: its manager ended without"));
  });
}

TRACTOR_TEST(context_cache_end, resource_that_needs_itself_is_an_error_not_a_deadlock) {
  co_await with_cache([&](cache_type& cache, nursery&) -> task<> {
    const auto outer = [&](inside<int> body) -> task<> {
      co_await cache.open(
          "inner",
          [&](inside<int> inner) -> task<> {
            co_await cache.open("outer", [](inside<int>) -> task<> { co_return; }, stay(0s));
            int value = 0;
            co_await inner(value);
          },
          [&](bool, int& value) { return body(value); });
    };
    const auto error = co_await caught([&] { return cache.open("outer", outer, stay(0s)); });
    EXPECT_THAT(text_of(error), HasSubstr("usage_error: shared resource needs itself to open"));
  });
}

}  // namespace
