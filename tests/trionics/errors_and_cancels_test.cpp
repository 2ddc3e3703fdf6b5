// SPDX-License-Identifier: Apache-2.0
//
// Groups of errors, and errors whose cleanup meets a cancel: they are kept.

#include <stdexcept>

#include "tractor/runtime/errors.hpp"
#include "tractor/trionics/exception_groups.hpp"
#include "tractor/trionics/gather_contexts.hpp"
#include "trionics_test.hpp"

namespace {

using namespace trionics_test;
using tractor::trionics::collapse_group;
using tractor::trionics::is_multi_cancelled;

std::exception_ptr failure(const std::string& text) { return std::make_exception_ptr(std::runtime_error(text)); }
std::exception_ptr group(std::vector<std::exception_ptr> members) {
  return std::make_exception_ptr(sc::exception_group("errors", std::move(members)));
}
std::exception_ptr remote_cancel() {
  return std::make_exception_ptr(
      tractor::context_cancelled(tractor::make_context_cancelled({.name = "a", .uuid = "1"}, std::nullopt, "c", "x")));
}

// S-TRI-31
TEST(collapse_group, single_leaf_at_any_depth_stands_for_its_groups) {
  const auto leaf = failure("leaf");
  EXPECT_EQ(collapse_group(group({group({leaf})})), leaf);
  EXPECT_EQ(collapse_group(leaf), leaf);
}

// S-TRI-31
TEST(collapse_group, group_is_reduced_where_it_can_be) {
  const auto reduced = collapse_group(group({failure("a"), group({group({failure("b")}), failure("c")})}));
  EXPECT_EQ(sc::describe(reduced), sc::describe(group({failure("a"), group({failure("b"), failure("c")})})));
}

// S-TRI-31
TEST(collapse_group, group_without_groups_of_one_is_itself) {
  const auto given = group({failure("a"), failure("b")});
  EXPECT_EQ(collapse_group(given), given);
}

// S-TRI-31: nothing to collapse around nurseries.
TRACTOR_TEST(collapse_group, nested_nurseries_collapse_by_themselves) {
  const auto error = co_await caught([] {
    return sc::open_nursery([](nursery& n) -> task<> {
      n.start_soon([]() -> task<> {
        co_await sc::open_nursery([](nursery& inner) -> task<> {
          inner.start_soon([]() -> task<> {
            co_await sc::checkpoint();
            throw std::runtime_error("deep inside");
          });
          co_await sc::sleep_forever();
        });
      });
      co_await sc::sleep_forever();
    });
  });
  EXPECT_EQ(text_of(error), "std::runtime_error: deep inside");
}

// S-TRI-32
TEST(is_multi_cancelled, is_true_of_groups_of_cancellations_only) {
  EXPECT_TRUE(is_multi_cancelled(group({remote_cancel(), group({remote_cancel(), remote_cancel()})})));
  EXPECT_FALSE(is_multi_cancelled(group({remote_cancel(), failure("a")})));
  EXPECT_FALSE(is_multi_cancelled(group({remote_cancel(), group({remote_cancel(), failure("a")})})));
  EXPECT_FALSE(is_multi_cancelled(remote_cancel()));
  EXPECT_FALSE(is_multi_cancelled(failure("a")));
}

// --- an error, and a cancel that comes while it is cleaned up after ---

task<> fail(std::string text) {
  co_await sc::checkpoint();
  throw std::runtime_error(text);
}

// S-TRI-33
// Reference: trio::test_unmask_aclose_as_checkpoint_on_aexit.
TRACTOR_TEST(error_in_cleanup, cancel_during_the_cleanup_does_not_hide_the_error) {
  const auto error = co_await caught([]() -> task<> {
    co_await sc::move_on_after(1s, [] { return sc::finally([] { return fail("first"); }, []() -> task<> { co_await sc::sleep(2s); }); });
  });
  EXPECT_EQ(text_of(error), "std::runtime_error: first");
}

// S-TRI-33
// Reference: trio::test_unmask_aclose_as_checkpoint_on_aexit.
TRACTOR_TEST(error_in_cleanup, cleanup_with_a_deadline_of_its_own_does_not_hide_the_error) {
  const auto error = co_await caught([] {
    return sc::finally([] { return fail("first"); },
                       []() -> task<> { co_await sc::move_on_after(1s, [] { return sc::sleep_forever(); }); });
  });
  EXPECT_EQ(text_of(error), "std::runtime_error: first");
}

// S-TRI-33: of a nursery that is cancelled while a task of it fails.
// Reference: trio::test_unmask_aclose_as_checkpoint_on_aexit.
TRACTOR_TEST(error_in_cleanup, error_of_a_cancelled_nursery_goes_on) {
  const auto error = co_await caught([] {
    return sc::open_nursery([](nursery& n) -> task<> {
      n.start_soon([]() -> task<> {
        co_await sc::finally([]() -> task<> { co_await sc::sleep_forever(); }, [] { return fail("on the way out"); });
      });
      co_await sc::checkpoint();
      n.cancel("enough");
    });
  });
  EXPECT_EQ(text_of(error), "std::runtime_error: on the way out");
}

// S-TRI-33: a manager with a nursery inside, which fails to enter.
// Reference: trio::test_acm_embedded_nursery_propagates_enter_err.
TRACTOR_TEST(error_in_cleanup, error_of_an_entry_comes_out_of_the_nursery_in_the_manager) {
  std::vector<tractor::trionics::manager<int>> managers{[](tractor::trionics::inside<int> body) -> task<> {
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      n.start_soon([]() -> task<> { co_await sc::sleep_forever(); });
      co_await fail("no entry");
      int value = 0;
      co_await body(value);
    });
  }};
  const auto error = co_await caught(
      [&] { return tractor::trionics::gather_contexts(std::move(managers), [](std::span<int* const>) -> task<> { co_return; }); });
  EXPECT_EQ(text_of(error), "std::runtime_error: no entry");
}

// S-TRI-33: never a cancel behind a cancel, nor an error that was dealt with.
// Reference: trio::test_cancelled_lockacquire_in_ipctx_not_unmasked.
TRACTOR_TEST(error_in_cleanup, error_that_was_handled_does_not_come_back_with_a_cancel) {
  sc::lock busy;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      const auto held = co_await busy.hold();
      co_await sc::sleep(2s);
    });
    co_await settle();
    const auto error = co_await caught([&]() -> task<> {
      EXPECT_FALSE(co_await sc::move_on_after(1s, [&]() -> task<> {
        EXPECT_EQ(text_of(co_await caught([] { return fail("handled"); })), "std::runtime_error: handled");
        co_await busy.acquire();
      }));
    });
    EXPECT_EQ(text_of(error), "nothing");
  });
}

}  // namespace
