// SPDX-License-Identifier: Apache-2.0
//
// sc::finally: the cleanup runs on every way out, in peace but not for ever, and hides nothing.

#include "tractor/sc/finally.hpp"

#include <memory>
#include <stdexcept>

#include "sc_test.hpp"

namespace {

using namespace sc_test;

TRACTOR_TEST(finally, cleanup_runs_after_a_value) {
  std::vector<std::string> order;
  const int got = co_await sc::finally(
      [&]() -> task<int> {
        order.emplace_back("body");
        co_return 3;
      },
      [&]() -> task<> {
        co_await sc::sleep(1s);
        order.emplace_back("cleanup");
      });
  EXPECT_EQ(got, 3);
  EXPECT_EQ(order, (std::vector<std::string>{"body", "cleanup"}));
}

TRACTOR_TEST(finally, move_only_value_and_reference_pass_through) {
  const auto nothing = []() -> task<> { co_return; };
  const auto pointer = co_await sc::finally([]() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(4); }, nothing);
  EXPECT_EQ(*pointer, 4);
  int target = 0;
  int& same = co_await sc::finally([&]() -> task<int&> { co_return target; }, nothing);
  EXPECT_EQ(&same, &target);
}

TRACTOR_TEST(finally, cleanup_runs_after_an_error_which_goes_on) {
  bool cleaned = false;
  EXPECT_THROW(co_await sc::finally(
                   []() -> task<> {
                     co_await sc::checkpoint();
                     throw std::runtime_error("body");
                   },
                   [&]() -> task<> {
                     co_await sc::sleep(1s);
                     cleaned = true;
                   }),
               std::runtime_error);
  EXPECT_TRUE(cleaned);
}

TRACTOR_TEST(finally, cleanup_runs_to_its_end_in_a_cancelled_scope_and_the_cancel_goes_on) {
  bool cleaned = false;
  const bool complete = co_await sc::move_on_after(1s, [&]() -> task<> {
    co_await sc::finally([]() -> task<> { co_await sc::sleep_forever(); },
                         [&]() -> task<> {
                           co_await sc::sleep(2s);
                           cleaned = true;
                         });
    ADD_FAILURE() << "the cancel was lost";
  });
  EXPECT_FALSE(complete);
  EXPECT_TRUE(cleaned);
  EXPECT_EQ(sc::current_time().time_since_epoch(), 3s);
}

TRACTOR_TEST(finally, cleanup_runs_when_the_body_cannot_even_start) {
  bool cleaned = false;
  const auto refuse = []() -> task<int> { throw std::runtime_error("no task"); };
  EXPECT_THROW(static_cast<void>(co_await sc::finally(refuse,
                                                      [&]() -> task<> {
                                                        cleaned = true;
                                                        co_return;
                                                      })),
               std::runtime_error);
  EXPECT_TRUE(cleaned);
}

TRACTOR_TEST(finally, error_of_the_cleanup_comes_out) {
  EXPECT_THROW(static_cast<void>(co_await sc::finally([]() -> task<int> { co_return 1; },
                                                      []() -> task<> {
                                                        co_await sc::checkpoint();
                                                        throw std::logic_error("cleanup");
                                                      })),
               std::logic_error);
}

TRACTOR_TEST(finally, errors_of_body_and_cleanup_are_a_group_with_the_body_first) {
  std::vector<std::string> members;
  try {
    co_await sc::finally(
        []() -> task<> {
          throw std::runtime_error("body");
          co_return;
        },
        []() -> task<> {
          throw std::logic_error("cleanup");
          co_return;
        });
  } catch (const sc::exception_group& both) {
    for (const auto& member : both.exceptions()) members.push_back(sc::describe(member));
    EXPECT_TRUE(contains(both.title(), "finally_test.cpp")) << both.title();
  }
  EXPECT_EQ(members, (std::vector<std::string>{"body", "cleanup"}));
}

TRACTOR_TEST(finally, error_of_the_cleanup_of_a_cancelled_body_comes_out) {
  EXPECT_THROW(co_await sc::move_on_after(1s,
                                          []() -> task<> {
                                            co_await sc::finally([]() -> task<> { co_await sc::sleep_forever(); },
                                                                 []() -> task<> {
                                                                   throw std::logic_error("cleanup");
                                                                   co_return;
                                                                 });
                                          }),
               std::logic_error);
}

TRACTOR_TEST(finally, cleanup_that_takes_longer_than_its_grace_is_cancelled_and_an_error) {
  bool cut_off = false;
  EXPECT_THROW(co_await sc::finally([]() -> task<> { co_return; },
                                    [&]() -> task<> {
                                      try {
                                        co_await sc::sleep_forever();
                                      } catch (const sc::cancelled&) {
                                        cut_off = true;
                                        throw;
                                      }
                                    },
                                    2s),
               sc::too_slow_error);
  EXPECT_TRUE(cut_off);
  EXPECT_EQ(sc::current_time().time_since_epoch(), 2s);
}

TRACTOR_TEST(finally, slow_cleanup_does_not_hide_the_bodys_error) {
  std::size_t members = 0;
  try {
    co_await sc::finally(
        []() -> task<> {
          throw std::runtime_error("body");
          co_return;
        },
        []() -> task<> { co_await sc::sleep_forever(); }, 1s);
  } catch (const sc::exception_group& both) {
    members = both.exceptions().size();
    EXPECT_EQ(sc::type_name_of(both.exceptions().back()), "tractor::sc::too_slow_error");
  }
  EXPECT_EQ(members, 2u);
}

TRACTOR_TEST(finally, cancel_that_comes_during_the_cleanup_waits_for_it_and_keeps_the_value) {
  std::optional<int> got;
  co_await sc::move_on_after(1s, [&]() -> task<> {
    got = co_await sc::finally([]() -> task<int> { co_return 9; }, []() -> task<> { co_await sc::sleep(2s); });
    co_await sc::checkpoint();
    ADD_FAILURE() << "the cancel was lost";
  });
  EXPECT_EQ(got, 9);
}

TRACTOR_TEST(finally, nested_cleanups_run_inside_out) {
  std::vector<std::string> order;
  const auto note = [&](const char* what) {
    return [&order, what]() -> task<> {
      co_await sc::sleep(1s);
      order.emplace_back(what);
    };
  };
  co_await sc::move_on_after(1s, [&]() -> task<> {
    co_await sc::finally([&]() -> task<> { co_await sc::finally([]() -> task<> { co_await sc::sleep_forever(); }, note("inner")); },
                         note("outer"));
  });
  EXPECT_EQ(order, (std::vector<std::string>{"inner", "outer"}));
}

TRACTOR_TEST(finally, await_trace_of_the_bodys_error_crosses_it) {
  std::exception_ptr caught;
  try {
    co_await sc::finally(
        []() -> task<> {
          co_await sc::checkpoint();
          throw std::runtime_error("traced");
        },
        []() -> task<> { co_await sc::checkpoint(); });
  } catch (const std::runtime_error&) {
    caught = std::current_exception();
  }
  EXPECT_TRUE(contains(sc::await_trace(caught), "finally_test.cpp")) << sc::await_trace(caught);
}

}  // namespace
