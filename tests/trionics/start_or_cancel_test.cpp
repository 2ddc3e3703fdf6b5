// SPDX-License-Identifier: Apache-2.0
//
// nursery::start whose own error never hides a cancel.

#include "tractor/trionics/start_or_cancel.hpp"

#include <stdexcept>

#include "tractor/sc/errors.hpp"
#include "trionics_test.hpp"

namespace {

using namespace trionics_test;
using tractor::trionics::start_or_cancel;

// Waits, and gives up without having said anything when it is cancelled, or when the time is over.
task<> never_started(sc::task_status<int>, sc::duration time) { co_await sc::sleep(time); }

// S-TRI-40
// Reference: tri/taskc::test_started_value_and_args_passthru.
TRACTOR_TEST(start_or_cancel, passes_value_name_and_arguments_on) {
  int by_reference = 0;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    const auto server = [](sc::task_status<std::string> status, std::string text, std::unique_ptr<int> owned, int& place) -> task<> {
      place = *owned;
      status.started(text + "!");
      co_await sc::sleep(1s);
    };
    const auto value = co_await start_or_cancel<std::string>(n, {.name = "server"}, server, std::string("up"), std::make_unique<int>(7),
                                                             std::ref(by_reference));
    EXPECT_EQ(value, "up!");
    co_await settle();
    EXPECT_EQ(n.task_count(), 1u);
    EXPECT_THAT(sc::to_text(sc::task_tree()), HasSubstr("server"));
  });
  EXPECT_EQ(by_reference, 7);
  EXPECT_EQ(since_start(), 1s + 0ns);
}

// S-TRI-40
TRACTOR_TEST(start_or_cancel, without_a_value) {
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    co_await start_or_cancel(n, [](sc::task_status<> status) -> task<> {
      status.started();
      co_return;
    });
  });
}

// S-TRI-40: the task ends by itself at the very moment at which the caller is cancelled.
// Reference: tri/taskc::test_pure_oob_cancel.
TRACTOR_TEST(start_or_cancel, silent_end_of_the_task_does_not_hide_the_callers_cancel) {
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    const auto error = co_await caught(
        [&]() -> task<> { EXPECT_FALSE(co_await sc::move_on_after(1s, [&] { return start_or_cancel<int>(n, never_started, 1s); })); });
    EXPECT_EQ(text_of(error), "nothing");
  });
}

// S-TRI-40: an error in the nursery cancels the caller, who stands in it.
// Reference: tri/taskc::test_sibling_err_not_masked.
TRACTOR_TEST(start_or_cancel, error_of_a_sibling_is_not_masked) {
  const auto error = co_await caught([&] {
    return sc::open_nursery([&](nursery& n) -> task<> {
      n.start_soon([]() -> task<> {
        co_await sc::sleep(1s);
        throw std::runtime_error("the sibling's");
      });
      static_cast<void>(co_await start_or_cancel<int>(n, never_started, 1h));
    });
  });
  EXPECT_EQ(text_of(error), "std::runtime_error: the sibling's");
}

// S-TRI-40
// Reference: tri/taskc::test_pure_oob_cancel.
TRACTOR_TEST(start_or_cancel, cancel_of_the_nursery_by_a_third_party_stays_a_cancel) {
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await sc::sleep(1s);
      n.cancel("enough");
    });
    static_cast<void>(co_await start_or_cancel<int>(n, never_started, 1h));
    ADD_FAILURE() << "goes on";
  });
}

// S-TRI-40
// Reference: tri/taskc::test_genuine_startup_rte.
TRACTOR_TEST(start_or_cancel, silent_end_without_a_cancel_is_the_startup_error) {
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    const auto error = co_await caught([&] { return start_or_cancel<int>(n, never_started, 1s); });
    EXPECT_EQ(text_of(error), "tractor::usage_error: the task ended without calling task_status.started()");
    EXPECT_FALSE(n.scope().cancel_called());
  });
}

// S-TRI-40: also when it is of the same type, with the same text, and the caller is cancelled.
// Reference: tri/taskc::test_childs_own_rte.
TRACTOR_TEST(start_or_cancel, error_of_the_task_itself_is_never_taken_for_the_startup_error) {
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    for (const bool cancel : {false, true}) {
      sc::cancel_scope scope;
      const auto error = co_await caught([&]() -> task<> {
        co_await scope.run([&] {
          return start_or_cancel<int>(n, [&](sc::task_status<int>) -> task<> {
            co_await sc::checkpoint();
            if (cancel) scope.cancel();
            throw tractor::usage_error("the task ended without calling task_status.started()");
          });
        });
      });
      EXPECT_EQ(text_of(error), "tractor::usage_error: the task ended without calling task_status.started()");
    }
  });
}

// S-TRI-40
// Reference: tri/taskc::test_childs_own_rte.
TRACTOR_TEST(start_or_cancel, callable_that_throws_at_once_is_its_own_error) {
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    const auto error = co_await caught(
        [&] { return start_or_cancel<int>(n, [](sc::task_status<int>) -> task<> { throw std::out_of_range("at once"); }); });
    EXPECT_EQ(text_of(error), "std::out_of_range: at once");
  });
}

// S-TRI-34: the nursery belongs to a task of another one, which fails while the start is pending.
// Reference: trio::test_stashed_child_nursery.
TRACTOR_TEST(start_or_cancel, error_in_a_nursery_of_another_task_wakes_a_pending_start) {
  nursery* lent = nullptr;
  sc::event ready;
  std::string at_owner;
  co_await sc::open_nursery([&](nursery& around) -> task<> {
    around.start_soon([&]() -> task<> {
      at_owner = text_of(co_await caught([&] {
        return sc::open_nursery([&](nursery& own) -> task<> {
          lent = &own;
          ready.set();
          co_await sc::sleep_forever();
        });
      }));
    });
    co_await ready.wait();
    lent->start_soon([]() -> task<> {
      co_await sc::sleep(1s);
      throw std::runtime_error("of a task in it");
    });
    const auto error =
        co_await caught([&] { return start_or_cancel(*lent, [](sc::task_status<>) -> task<> { co_await sc::sleep_forever(); }); });
    EXPECT_THAT(text_of(error), HasSubstr("scope_cancelled_error: the nursery was cancelled before the task in it had started: "));
    EXPECT_THAT(text_of(error), HasSubstr("of a task in it"));
  });
  EXPECT_EQ(at_owner, "std::runtime_error: of a task in it");
}

// S-TRI-34
TRACTOR_TEST(start_or_cancel, in_a_cancelled_nursery_of_another_task_is_given_up) {
  nursery* lent = nullptr;
  sc::event ready;
  co_await sc::open_nursery([&](nursery& around) -> task<> {
    around.start_soon([&]() -> task<> {
      co_await sc::open_nursery([&](nursery& own) -> task<> {
        lent = &own;
        ready.set();
        co_await sc::shielded([] { return sc::sleep(1s); });
      });
    });
    co_await ready.wait();
    lent->cancel("no more");
    const auto error =
        co_await caught([&] { return start_or_cancel(*lent, [](sc::task_status<>) -> task<> { co_await sc::sleep_forever(); }); });
    EXPECT_THAT(text_of(error), HasSubstr("no more"));
  });
}

}  // namespace
