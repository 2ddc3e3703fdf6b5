// SPDX-License-Identifier: Apache-2.0
//
// A cancel that is caught and dropped is found: the scope ends as cancelled whatever the body returned, and under
// swallow_policy::fail the task fails. One that is rethrown, kept, replaced or met again is not.

#include <exception>
#include <optional>
#include <regex>
#include <stdexcept>

#include "sc_test.hpp"
#include "tractor/sc/cancel_scope.hpp"

namespace {

using namespace sc_test;

task<> swallow_one() {
  try {
    co_await sc::sleep_forever();
  } catch (const sc::cancelled&) {
  }
}

// Runs `body` under the given policy; gives what the run threw.
std::exception_ptr run_with(sc::swallow_policy policy, std::function<task<>()> body) {
  sc::virtual_clock clock;
  sc::runner scheduler({.clock = &clock, .seed = 1, .swallow = policy});
  scheduler.start(std::move(body));
  scheduler.run_to_completion();
  return scheduler.error();
}

// "task 'NAME' … caught sc::cancelled, thrown by the co_await at FILE:LINE, and dropped it, in the scope at FILE:LINE"
void expect_names_task_checkpoint_and_scope(const std::string& text, const std::string& name) {
  const std::regex wanted("task '" + name +
                          "'.* caught sc::cancelled, thrown by the co_await at \\S*swallow_test.cpp:[0-9]+, and dropped it, "
                          "in the scope at \\S*swallow_test.cpp:[0-9]+");
  EXPECT_TRUE(std::regex_search(text, wanted)) << text;
}

// A scope whose body lets `drops_one`, a task, drop the scope's cancel and then returns a value.
void expect_cancelled_with_a_warning(task<> (*drops_one)()) {
  std::optional<int> got = 1;
  bool caught = false;
  testing::internal::CaptureStderr();

  const auto error = run_with(sc::swallow_policy::warn, [&]() -> task<> {
    sc::cancel_scope scope({.deadline = sc::current_time() + 1s});
    got = co_await scope.run([=]() -> task<int> {
      co_await drops_one();
      co_return 5;
    });
    caught = scope.cancelled_caught();
  });

  const std::string warning = testing::internal::GetCapturedStderr();
  EXPECT_EQ(error, nullptr);
  EXPECT_EQ(got, std::nullopt);
  EXPECT_TRUE(caught);
  expect_names_task_checkpoint_and_scope(warning, "main");
}

// S-CTX-43
TEST(swallow, scope_ends_as_cancelled_whatever_the_body_returned) { expect_cancelled_with_a_warning(&swallow_one); }

// Scopes of their own inside the handler, which end in an absorbed cancel or an error, settle nothing of what it has caught.
task<> swallow_after_a_cleanup_that_timed_out() {
  bool caught = false;
  try {
    co_await sc::sleep_forever();
  } catch (const sc::cancelled&) {
    caught = true;
  }
  if (caught) co_await sc::shielded([] { return sc::sleep_forever(); }, 100ms);
}
task<> swallow_after_a_cleanup_that_failed() {
  bool caught = false;
  try {
    co_await sc::sleep_forever();
  } catch (const sc::cancelled&) {
    caught = true;
  }
  try {
    if (caught) {
      co_await sc::shielded([]() -> task<> {
        static_cast<void>(co_await sc::move_on_after(1ms, [] { return sc::sleep_forever(); }));
        throw std::runtime_error("the cleanup failed");
      });
    }
  } catch (const std::runtime_error&) {
  }
}

TEST(swallow, is_found_though_a_cleanup_in_between_has_timed_out) {
  expect_cancelled_with_a_warning(&swallow_after_a_cleanup_that_timed_out);
}

TEST(swallow, is_found_though_a_cleanup_in_between_has_failed) { expect_cancelled_with_a_warning(&swallow_after_a_cleanup_that_failed); }

TEST(swallow, fails_the_task_under_the_test_kits_policy) {
  testing::internal::CaptureStderr();
  const auto error = run_with(sc::swallow_policy::fail, []() -> task<> {
    co_await sc::open_nursery(
        [](nursery& n) { n.start_soon({.name = "greedy"}, []() -> task<> { co_await sc::move_on_after(1s, swallow_one); }); });
  });
  testing::internal::GetCapturedStderr();

  EXPECT_EQ(sc::type_name_of(error), "tractor::sc::swallowed_cancel_error");
  expect_names_task_checkpoint_and_scope(sc::describe(error), "greedy");
}

TEST(swallow, in_the_main_task_fails_the_run) {
  testing::internal::CaptureStderr();
  const auto error = run_with(sc::swallow_policy::fail, []() -> task<> { co_await sc::move_on_after(1s, swallow_one); });
  testing::internal::GetCapturedStderr();
  EXPECT_EQ(sc::type_name_of(error), "tractor::sc::swallowed_cancel_error");
}

TEST(swallow, by_a_task_of_a_cancelled_nursery_is_found) {
  testing::internal::CaptureStderr();
  const auto error = run_with(sc::swallow_policy::fail, []() -> task<> {
    co_await sc::open_nursery([](nursery& n) -> task<> {
      n.start_soon({.name = "dropper"}, swallow_one);
      co_await settle();
      n.cancel();
    });
  });
  expect_names_task_checkpoint_and_scope(testing::internal::GetCapturedStderr(), "dropper");
  EXPECT_EQ(sc::type_name_of(error), "tractor::sc::swallowed_cancel_error");
  expect_names_task_checkpoint_and_scope(sc::describe(error), "dropper");
}

TEST(swallow, by_a_nursery_body_is_found) {
  testing::internal::CaptureStderr();
  const auto error = run_with(sc::swallow_policy::fail, []() -> task<> {
    co_await sc::move_on_after(1s, []() -> task<> { co_await sc::open_nursery([](nursery&) -> task<> { co_await swallow_one(); }); });
  });
  testing::internal::GetCapturedStderr();
  EXPECT_EQ(sc::type_name_of(error), "tractor::sc::swallowed_cancel_error");
}

TEST(swallow, by_catch_all_is_found) {
  testing::internal::CaptureStderr();
  const auto error = run_with(sc::swallow_policy::fail, []() -> task<> {
    co_await sc::move_on_after(1s, []() -> task<> {
      try {
        co_await sc::sleep_forever();
      } catch (...) {
      }
    });
  });
  testing::internal::GetCapturedStderr();
  EXPECT_EQ(sc::type_name_of(error), "tractor::sc::swallowed_cancel_error");
}

TEST(swallow, in_an_exception_ptr_that_is_dropped_is_found) {
  testing::internal::CaptureStderr();
  const auto error = run_with(sc::swallow_policy::fail, []() -> task<> {
    co_await sc::move_on_after(1s, []() -> task<> {
      std::exception_ptr kept;
      try {
        co_await sc::sleep_forever();
      } catch (...) {
        kept = std::current_exception();
      }
    });
  });
  testing::internal::GetCapturedStderr();
  EXPECT_EQ(sc::type_name_of(error), "tractor::sc::swallowed_cancel_error");
}

TRACTOR_TEST(swallow_not, kept_in_an_exception_ptr_and_rethrown_later) {
  const bool complete = co_await sc::move_on_after(1s, []() -> task<> {
    std::exception_ptr kept;
    try {
      co_await sc::sleep_forever();
    } catch (...) {
      kept = std::current_exception();
    }
    co_await sc::cancel_shielded_checkpoint();
    std::rethrow_exception(kept);
  });
  EXPECT_FALSE(complete);
}

TRACTOR_TEST(swallow_not, kept_in_an_exception_ptr_across_the_end_of_an_inner_scope) {
  const bool complete = co_await sc::move_on_after(1s, []() -> task<> {
    std::exception_ptr kept;
    sc::cancel_scope inner;
    co_await inner.run([&]() -> task<> {
      try {
        co_await sc::sleep_forever();
      } catch (...) {
        kept = std::current_exception();
      }
    });
    std::rethrow_exception(kept);
  });
  EXPECT_FALSE(complete);
}

TRACTOR_TEST(swallow_not, replaced_by_another_error) {
  EXPECT_THROW(co_await sc::move_on_after(1s,
                                          []() -> task<> {
                                            try {
                                              co_await sc::sleep_forever();
                                            } catch (const sc::cancelled&) {
                                              throw std::runtime_error("replaced");
                                            }
                                          }),
               std::runtime_error);
}

TRACTOR_TEST(swallow_not, met_again_at_the_next_checkpoint) {
  const bool complete = co_await sc::move_on_after(1s, []() -> task<> {
    co_await swallow_one();
    co_await sc::checkpoint();
  });
  EXPECT_FALSE(complete);
}

TRACTOR_TEST(swallow_not, copied_and_rethrown) {
  const bool complete = co_await sc::move_on_after(1s, []() -> task<> {
    try {
      co_await sc::sleep_forever();
    } catch (const sc::cancelled& caught) {
      const sc::cancelled copy(caught);
      throw copy;
    }
  });
  EXPECT_FALSE(complete);
}

TRACTOR_TEST(swallow_not, absorbed_by_a_scope_inside_before_a_normal_end) {
  const bool complete = co_await sc::move_on_after(10s, []() -> task<> {
    co_await sc::move_on_after(1s, []() -> task<> { co_await sc::sleep_forever(); });
    co_await sc::checkpoint();
  });
  EXPECT_TRUE(complete);
}

TRACTOR_TEST(swallow_not, caught_by_a_handler_for_std_exception) {
  // It does not derive from std::exception, so the usual handler lets it through.
  const bool complete = co_await sc::move_on_after(1s, []() -> task<> {
    try {
      co_await sc::sleep_forever();
    } catch (const std::exception&) {
      ADD_FAILURE() << "cancelled is a std::exception";
    }
  });
  EXPECT_FALSE(complete);
}

TRACTOR_TEST(swallow_not, exception_ptr_that_outlives_its_task) {
  std::exception_ptr kept;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      try {
        co_await sc::sleep_forever();
      } catch (...) {
        kept = std::current_exception();
        throw;
      }
    });
    co_await settle();
    n.cancel();
  });
  EXPECT_EQ(sc::describe(kept), "cancelled");
}

// Opens a nursery whose task sleeps, and drops the cancel that comes out of it.
task<> swallow_one_of_a_nursery() {
  try {
    co_await sc::open_nursery([](nursery& n) { n.start_soon([]() -> task<> { co_await sc::sleep_forever(); }); });
  } catch (const sc::cancelled&) {
  }
}

task<> swallow_one_of_a_start() {
  co_await sc::open_nursery([](nursery& n) -> task<> {
    try {
      co_await n.start([](sc::task_status<>) -> task<> { co_await sc::sleep_forever(); });
    } catch (const sc::cancelled&) {
    }
  });
}

TEST(swallow, of_a_cancel_that_came_out_of_a_nursery_is_found) { expect_cancelled_with_a_warning(&swallow_one_of_a_nursery); }

TEST(swallow, of_a_cancel_that_came_out_of_a_nursery_fails_the_task_that_did_it) {
  testing::internal::CaptureStderr();
  const auto error = run_with(sc::swallow_policy::fail, []() -> task<> {
    co_await sc::open_nursery([](nursery& n) -> task<> {
      n.start_soon({.name = "greedy"}, swallow_one_of_a_nursery);
      co_await settle();
      n.cancel();
    });
  });
  testing::internal::GetCapturedStderr();
  EXPECT_EQ(sc::type_name_of(error), "tractor::sc::swallowed_cancel_error");
  expect_names_task_checkpoint_and_scope(sc::describe(error), "greedy");
}

TEST(swallow, of_a_cancel_that_came_out_of_a_start_is_found) {
  testing::internal::CaptureStderr();
  const auto error = run_with(sc::swallow_policy::fail, []() -> task<> { co_await sc::move_on_after(1s, swallow_one_of_a_start); });
  testing::internal::GetCapturedStderr();
  EXPECT_EQ(sc::type_name_of(error), "tractor::sc::swallowed_cancel_error");
}

TRACTOR_TEST(swallow_not, out_of_a_nursery_and_kept) {
  const bool complete = co_await sc::move_on_after(1s, []() -> task<> {
    std::exception_ptr kept;
    try {
      co_await sc::open_nursery([](nursery& n) { n.start_soon([]() -> task<> { co_await sc::sleep_forever(); }); });
    } catch (...) {
      kept = std::current_exception();
    }
    std::rethrow_exception(kept);
  });
  EXPECT_FALSE(complete);
}

TRACTOR_TEST(swallow_not, absorbed_by_the_nursery_itself) {
  co_await sc::move_on_after(10s, []() -> task<> {
    co_await sc::open_nursery([](nursery& n) -> task<> {
      n.start_soon([]() -> task<> { co_await sc::sleep_forever(); });
      n.cancel();
      co_return;
    });
  });
}

}  // namespace
