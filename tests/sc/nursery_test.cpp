// SPDX-License-Identifier: Apache-2.0
//
// Nurseries: nobody outlives the block, the first failure cancels the rest, several failures are a group.

#include "tractor/sc/nursery.hpp"

#include <functional>
#include <memory>
#include <stdexcept>

#include "sc_test.hpp"

namespace {

using namespace sc_test;

TRACTOR_TEST(nursery, waits_for_its_tasks) {
  int done = 0;
  const auto work = [&](sc::duration delay) -> task<> {
    co_await sc::sleep(delay);
    ++done;
  };

  co_await sc::open_nursery([&](nursery& n) {
    n.start_soon(work, sc::duration(3s));
    n.start_soon(work, sc::duration(1s));
    EXPECT_EQ(n.task_count(), 2u);
    EXPECT_EQ(done, 0);
  });

  EXPECT_EQ(done, 2);
}

TRACTOR_TEST(nursery, gives_the_value_of_a_coroutine_body) {
  const int got = co_await sc::open_nursery([](nursery&) -> task<int> {
    co_await sc::checkpoint();
    co_return 7;
  });
  EXPECT_EQ(got, 7);
}

TRACTOR_TEST(nursery, gives_the_value_of_a_plain_body) {
  EXPECT_EQ(co_await sc::open_nursery([](nursery&) { return std::string("x"); }), "x");
}

TRACTOR_TEST(nursery, moves_arguments_into_the_task) {
  std::string got;
  int target = 1;
  co_await sc::open_nursery([&](nursery& n) {
    n.start_soon(
        [&got](std::unique_ptr<std::string> text, int& changed) -> task<> {
          co_await sc::checkpoint();
          got = *text;
          changed = 2;
        },
        std::make_unique<std::string>(40, 'y'), std::ref(target));
  });
  EXPECT_EQ(got, std::string(40, 'y'));
  EXPECT_EQ(target, 2);
}

TRACTOR_TEST(nursery, callable_and_arguments_live_as_long_as_the_task) {
  auto token = std::make_shared<int>(0);
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([held = token]() -> task<> { co_await sc::sleep(1s); });
    co_await settle();
    EXPECT_EQ(token.use_count(), 2);
    co_await sc::sleep(2s);
    EXPECT_EQ(token.use_count(), 1);
  });
}

TRACTOR_TEST(nursery, failing_task_cancels_the_others_and_its_error_comes_out) {
  bool cancelled = false;
  const auto sleeper = [&]() -> task<> {
    try {
      co_await sc::sleep_forever();
    } catch (const sc::cancelled&) {
      cancelled = true;
      throw;
    }
  };
  const auto failing = []() -> task<> {
    co_await sc::sleep(1s);
    throw std::runtime_error("boom");
  };

  EXPECT_THROW(co_await sc::open_nursery([&](nursery& n) {
                 n.start_soon(sleeper);
                 n.start_soon(failing);
               }),
               std::runtime_error);

  EXPECT_TRUE(cancelled);
}

TRACTOR_TEST(nursery, failing_body_cancels_the_tasks) {
  bool body_failed = false;
  EXPECT_THROW(co_await sc::open_nursery([&](nursery& n) -> task<> {
                 n.start_soon([]() -> task<> { co_await sc::sleep_forever(); });
                 co_await sc::checkpoint();
                 body_failed = true;
                 throw std::logic_error("body");
               }),
               std::logic_error);
  EXPECT_TRUE(body_failed);
}

TRACTOR_TEST(nursery, failing_plain_body_cancels_the_tasks) {
  EXPECT_THROW(co_await sc::open_nursery([&](nursery& n) {
                 n.start_soon([]() -> task<> { co_await sc::sleep_forever(); });
                 throw std::logic_error("plain body");
               }),
               std::logic_error);
}

TRACTOR_TEST(nursery, body_waiting_while_a_task_fails_is_cancelled) {
  bool body_cancelled = false;
  EXPECT_THROW(co_await sc::open_nursery([&](nursery& n) -> task<> {
                 n.start_soon([]() -> task<> {
                   co_await sc::sleep(1s);
                   throw std::runtime_error("x");
                 });
                 try {
                   co_await sc::sleep_forever();
                 } catch (const sc::cancelled&) {
                   body_cancelled = true;
                   throw;
                 }
               }),
               std::runtime_error);
  EXPECT_TRUE(body_cancelled);
}

TRACTOR_TEST(nursery, several_errors_are_a_group_with_the_body_first) {
  const auto fail = [](int number) -> task<> {
    co_await sc::cancel_shielded_checkpoint();
    throw std::runtime_error("task " + std::to_string(number));
  };
  std::vector<std::string> members;
  try {
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      n.start_soon(fail, 1);
      n.start_soon(fail, 2);
      co_await sc::cancel_shielded_checkpoint();
      co_await sc::cancel_shielded_checkpoint();
      throw std::logic_error("body");
    });
  } catch (const sc::exception_group& group) {
    for (const auto& member : group.exceptions()) members.push_back(sc::describe(member));
  }
  TRACTOR_REQUIRE(members.size() == 3);
  EXPECT_EQ(members.front(), "body");
}

TRACTOR_TEST(nursery, error_while_being_cancelled_is_not_lost) {
  // trio: an error raised while unwinding from a cancel is an error.
  EXPECT_THROW(co_await sc::open_nursery([&](nursery& n) -> task<> {
                 n.start_soon([]() -> task<> {
                   try {
                     co_await sc::sleep_forever();
                   } catch (const sc::cancelled&) {
                     throw std::runtime_error("instead");
                   }
                 });
                 co_await sc::checkpoint();
                 n.cancel();
               }),
               std::runtime_error);
}

TRACTOR_TEST(nursery, cancel_ends_it_quietly) {
  bool after = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([]() -> task<> { co_await sc::sleep_forever(); });
    co_await sc::sleep(1s);
    n.cancel("enough");
  });
  after = true;
  EXPECT_TRUE(after);
  EXPECT_EQ(sc::current_time().time_since_epoch(), 1s);
}

TRACTOR_TEST(nursery, cancelled_before_a_body_with_a_value_ends_is_an_error) {
  EXPECT_THROW(static_cast<void>(co_await sc::open_nursery([](nursery& n) -> task<int> {
                 n.cancel("no value");
                 co_await sc::checkpoint();
                 co_return 1;
               })),
               sc::scope_cancelled_error);
}

TRACTOR_TEST(nursery, cancelled_after_a_body_with_a_value_ended_gives_the_value) {
  const int got = co_await sc::open_nursery([](nursery& n) -> task<int> {
    n.start_soon([]() -> task<> { co_await sc::sleep_forever(); });
    n.cancel();
    co_return 3;
  });
  EXPECT_EQ(got, 3);
}

TRACTOR_TEST(nursery, outer_cancel_reaches_tasks_and_goes_on_outside) {
  bool reached = false;
  const bool complete = co_await sc::move_on_after(1s, [&]() -> task<> {
    co_await sc::open_nursery([&](nursery& n) {
      n.start_soon([&]() -> task<> {
        try {
          co_await sc::sleep_forever();
        } catch (const sc::cancelled&) {
          reached = true;
          throw;
        }
      });
    });
    ADD_FAILURE() << "went on after a cancelled nursery";
  });
  EXPECT_TRUE(reached);
  EXPECT_FALSE(complete);
}

TRACTOR_TEST(nursery, exit_waits_for_a_task_that_takes_its_time_to_end) {
  sc::time_point ended{};
  co_await sc::move_on_after(1s, [&]() -> task<> {
    co_await sc::open_nursery([&](nursery& n) {
      n.start_soon([&]() -> task<> {
        co_await sc::shielded([]() -> task<> { co_await sc::sleep(5s); });
        ended = sc::current_time();
      });
    });
  });
  EXPECT_EQ(ended.time_since_epoch(), 5s);
  EXPECT_EQ(sc::current_time(), ended);
}

TRACTOR_TEST(nursery, task_may_start_its_siblings) {
  int started = 0;
  co_await sc::open_nursery([&](nursery& n) {
    const auto spread = [&](auto self, int levels) -> task<> {
      ++started;
      co_await sc::checkpoint();
      for (int i = 0; i < 2 && levels > 0; ++i) n.start_soon(self, self, levels - 1);
    };
    n.start_soon(spread, spread, 5);
  });
  EXPECT_EQ(started, 63);
}

TRACTOR_TEST(nursery, task_started_in_a_cancelled_nursery_ends_at_its_first_checkpoint) {
  bool began = false, went_on = false;
  co_await sc::open_nursery([&](nursery& n) {
    n.cancel();
    n.start_soon([&]() -> task<> {
      began = true;
      co_await sc::checkpoint();
      went_on = true;
    });
  });
  EXPECT_TRUE(began);
  EXPECT_FALSE(went_on);
  co_return;
}

TRACTOR_TEST(nursery, started_in_after_its_end_is_a_usage_error) {
  nursery* closed = nullptr;
  const auto keep = [&](nursery& n) -> task<> {
    closed = &n;
    n.start_soon([]() -> task<> { co_await sc::sleep_forever(); });
    co_await sc::checkpoint();
    n.cancel();
  };
  auto opened = sc::open_nursery(keep);  // the object outlives its block here

  co_await opened;

  EXPECT_THROW(closed->start_soon([]() -> task<> { co_return; }), tractor::usage_error);
}

TRACTOR_TEST(nursery, callable_that_throws_before_it_makes_a_task_throws_to_the_starter) {
  co_await sc::open_nursery([](nursery& n) {
    const auto refuse = []() -> task<> { throw std::runtime_error("not even started"); };
    EXPECT_THROW(n.start_soon(refuse), std::runtime_error);
    EXPECT_EQ(n.task_count(), 0u);
  });
}

TRACTOR_TEST(nursery, of_many_tasks_ends_them_all) {
#if defined(TRACTOR_ASAN)
  constexpr int count = 5'000;
#else
  constexpr int count = 100'000;
#endif
  int ended = 0;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    const auto sleeper = [&]() -> task<> {
      try {
        co_await sc::sleep_forever();
      } catch (const sc::cancelled&) {
        ++ended;
        throw;
      }
    };
    for (int i = 0; i < count; ++i) n.start_soon(sleeper);
    co_await sc::checkpoint();
    n.cancel();
  });
  EXPECT_EQ(ended, count);
}

task<> nest(int levels, int& reached) {
  if (levels == 0) {
    co_await sc::sleep_forever();
    co_return;
  }
  co_await sc::open_nursery([&](nursery& n) { n.start_soon([&reached, levels]() -> task<> { co_await nest(levels - 1, reached); }); });
  ++reached;
}

TRACTOR_TEST(nursery, nested_five_hundred_deep_is_cancelled_to_the_bottom) {
  int reached = 0;
  const bool complete = co_await sc::move_on_after(1s, [&] { return nest(500, reached); });
  EXPECT_FALSE(complete);
  EXPECT_EQ(reached, 0);
}

// --- destructors of a task's arguments run user code while the task is being taken down ---

TRACTOR_TEST(nursery, argument_destructor_may_cancel_and_use_task_locals) {
  static constinit sc::task_local<int> key;
  sc::cancel_scope other;
  struct at_end {
    sc::cancel_scope* target;
    int* seen;
    at_end(sc::cancel_scope& t, int& s) : target(&t), seen(&s) {}
    at_end(at_end&& moved) noexcept : target(std::exchange(moved.target, nullptr)), seen(moved.seen) {}
    at_end& operator=(at_end&&) = delete;
    ~at_end() {
      if (target == nullptr) return;
      if (const int* value = key.get()) *seen = *value;
      target->cancel("the argument went");
    }
  };
  int seen = 0;

  co_await key.with(5, [&]() -> task<> {
    co_await sc::open_nursery([&](nursery& n) {
      n.start_soon(
          sc::task_options{.name = "a name long enough to live in its own memory"}, [](at_end&&) -> task<> { co_await sc::checkpoint(); },
          at_end(other, seen));
    });
  });

  EXPECT_TRUE(other.cancel_called());
  EXPECT_TRUE(contains(sc::to_string(*other.reason()), "a name long enough to live in its own memory"));
  EXPECT_EQ(seen, 5);
}

TRACTOR_TEST(nursery, argument_destructor_may_start_another_task) {
  bool ran = false;
  struct starter {
    nursery* into;
    bool* ran;
    starter(nursery& n, bool& r) : into(&n), ran(&r) {}
    starter(starter&& moved) noexcept : into(std::exchange(moved.into, nullptr)), ran(moved.ran) {}
    starter& operator=(starter&&) = delete;
    ~starter() {
      if (into != nullptr)
        into->start_soon([flag = ran]() -> task<> {
          co_await sc::checkpoint();
          *flag = true;
        });
    }
  };

  co_await sc::open_nursery([&](nursery& n) { n.start_soon([held = starter(n, ran)]() -> task<> { co_await sc::checkpoint(); }); });

  EXPECT_TRUE(ran);
}

// Runs in the order of arrival, so that a task which is woken before the owner of a nursery gets to run before it.
void run_in_order(const std::function<task<>()>& body) {
  sc::virtual_clock clock;
  sc::run({.clock = &clock, .swallow = sc::swallow_policy::fail}, body);
}

// A task that comes too late for `inner`: it runs when `go` is set.
auto late_starter(nursery*& inner, sc::event& go, int& refused) {
  return [&inner, &go, &refused]() -> task<> {
    co_await go.wait();
    const auto late = [] { ADD_FAILURE() << "a task runs that nobody waits for"; };
    try {
      inner->start_soon([late]() -> task<> {
        late();
        co_return;
      });
    } catch (const tractor::usage_error&) {
      ++refused;
    }
    try {
      co_await inner->start([late](sc::task_status<>) -> task<> {
        late();
        co_return;
      });
    } catch (const tractor::usage_error&) {
      ++refused;
    }
  };
}

// `body` is that of a nursery; with `go` set it is over, and its owner comes later than the late starter.
void expect_late_starts_are_refused(const std::function<void(nursery&, sc::event& go)>& body) {
  int refused = 0;
  run_in_order([&]() -> task<> {
    co_await sc::open_nursery([&](nursery& outer) -> task<> {
      nursery* inner = nullptr;
      sc::event go;
      outer.start_soon(late_starter(inner, go, refused));
      co_await settle();
      co_await sc::open_nursery([&](nursery& n) {
        inner = &n;
        body(n, go);
      });
      EXPECT_EQ(refused, 2);
    });
  });
}

TEST(nursery, start_in_one_whose_last_task_has_ended_but_whose_owner_has_yet_to_leave_is_a_usage_error) {
  expect_late_starts_are_refused([](nursery& n, sc::event& go) {
    n.start_soon([&go]() -> task<> {
      co_await sc::sleep(1s);
      go.set();
    });
  });
}

TEST(nursery, start_in_one_without_tasks_whose_body_has_ended_but_whose_owner_has_yet_to_leave_is_a_usage_error) {
  expect_late_starts_are_refused([](nursery&, sc::event& go) { go.set(); });
}

}  // namespace
