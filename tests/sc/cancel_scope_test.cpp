// SPDX-License-Identifier: Apache-2.0
//
// Cancel scopes with trio's semantics: level-triggered, nested, shielded, with deadlines.

#include "tractor/sc/cancel_scope.hpp"

#include <optional>
#include <random>
#include <stdexcept>

#include "sc_test.hpp"

namespace {

using namespace sc_test;

TRACTOR_TEST(cancel_scope, result_is_the_bodys_when_nobody_cancels) {
  sc::cancel_scope scope;
  const std::optional<int> got = co_await scope.run([]() -> task<int> { co_return 4; });
  EXPECT_EQ(got, 4);
  EXPECT_FALSE(scope.cancel_called());
  EXPECT_FALSE(scope.cancelled_caught());
  EXPECT_EQ(scope.reason(), nullptr);
}

TRACTOR_TEST(cancel_scope, cancelled_from_another_task_absorbs) {
  sc::cancel_scope scope;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await sc::sleep(1s);
      scope.cancel();
    });
    const auto got = co_await scope.run([]() -> task<int> {
      co_await sc::sleep_forever();
      co_return 1;
    });
    EXPECT_EQ(got, std::nullopt);
  });
  EXPECT_TRUE(scope.cancel_called());
  EXPECT_TRUE(scope.cancelled_caught());
}

TRACTOR_TEST(cancel_scope, body_may_take_the_scope) {
  sc::cancel_scope scope;
  const bool complete = co_await scope.run([](sc::cancel_scope& self) -> task<> {
    self.cancel();
    co_await sc::checkpoint();
  });
  EXPECT_FALSE(complete);
}

TRACTOR_TEST(cancel_scope, cancelled_before_it_is_entered_cancels_the_first_checkpoint) {
  sc::cancel_scope scope;
  scope.cancel("early");
  bool began = false, went_on = false;
  const bool complete = co_await scope.run([&]() -> task<> {
    began = true;
    co_await sc::checkpoint();
    went_on = true;
  });
  EXPECT_TRUE(began);
  EXPECT_FALSE(went_on);
  EXPECT_FALSE(complete);
}

TRACTOR_TEST(cancel_scope, result_is_kept_when_the_cancel_was_not_observed) {
  sc::cancel_scope scope;
  const std::optional<int> got = co_await scope.run([&]() -> task<int> {
    scope.cancel();
    co_return 5;
  });
  EXPECT_EQ(got, 5);
  EXPECT_TRUE(scope.cancel_called());
  EXPECT_FALSE(scope.cancelled_caught());
}

TRACTOR_TEST(cancel_scope, every_checkpoint_throws_until_the_body_is_left) {
  sc::cancel_scope scope;
  int thrown = 0;
  co_await scope.run([&]() -> task<> {
    scope.cancel();
    for (int i = 0; i < 3; ++i) {
      try {
        co_await sc::sleep(1s);
      } catch (const sc::cancelled&) {
        ++thrown;
      }
    }
    co_await sc::checkpoint();
  });
  EXPECT_EQ(thrown, 3);
  EXPECT_EQ(sc::current_time().time_since_epoch(), 0s);
}

TRACTOR_TEST(cancel_scope, entered_twice_is_a_usage_error) {
  sc::cancel_scope scope;
  co_await scope.run([]() -> task<> { co_return; });
  EXPECT_THROW(co_await scope.run([]() -> task<> { co_return; }), tractor::usage_error);
}

TRACTOR_TEST(cancel_scope, error_of_the_body_comes_out) {
  sc::cancel_scope scope;
  EXPECT_THROW(co_await scope.run([&]() -> task<> {
    scope.cancel();
    throw std::runtime_error("x");
    co_return;
  }),
               std::runtime_error);
  EXPECT_FALSE(scope.cancelled_caught());
}

TRACTOR_TEST(cancel_scope, body_that_throws_instead_of_making_a_task_leaves_the_scope) {
  sc::cancel_scope scope;
  const auto refuse = []() -> task<> { throw std::runtime_error("no task"); };
  EXPECT_THROW(co_await scope.run(refuse), std::runtime_error);
  co_await sc::checkpoint();
}

TRACTOR_TEST(cancel_scope, first_reason_stays) {
  sc::cancel_scope scope;
  scope.cancel("first");
  scope.cancel("second");
  TRACTOR_REQUIRE(scope.reason() != nullptr);
  EXPECT_EQ(scope.reason()->text, "first");
  EXPECT_EQ(scope.reason()->task, "main");
  EXPECT_EQ(scope.reason()->source, sc::cancel_source::explicit_call);
  co_return;
}

// --- nesting ---

TRACTOR_TEST(cancel_scope, outer_cancel_passes_through_the_inner_one) {
  sc::cancel_scope outer, inner;
  const bool complete = co_await outer.run([&]() -> task<> {
    co_await inner.run([&]() -> task<> {
      outer.cancel();
      co_await sc::checkpoint();
    });
    ADD_FAILURE() << "the inner scope absorbed the outer one's cancel";
  });
  EXPECT_FALSE(complete);
  EXPECT_FALSE(inner.cancel_called());
  EXPECT_FALSE(inner.cancelled_caught());
  EXPECT_TRUE(outer.cancelled_caught());
}

TRACTOR_TEST(cancel_scope, inner_cancel_stops_at_the_inner_one) {
  sc::cancel_scope outer, inner;
  bool went_on = false;
  const bool complete = co_await outer.run([&]() -> task<> {
    co_await inner.run([&]() -> task<> {
      inner.cancel();
      co_await sc::checkpoint();
    });
    co_await sc::checkpoint();
    went_on = true;
  });
  EXPECT_TRUE(complete);
  EXPECT_TRUE(went_on);
  EXPECT_TRUE(inner.cancelled_caught());
}

TRACTOR_TEST(cancel_scope, both_cancelled_is_absorbed_by_the_outer_one) {
  sc::cancel_scope outer, inner;
  const bool complete = co_await outer.run([&]() -> task<> {
    co_await inner.run([&]() -> task<> {
      inner.cancel();
      outer.cancel();
      co_await sc::checkpoint();
    });
    ADD_FAILURE() << "went on inside a cancelled scope";
  });
  EXPECT_FALSE(complete);
  EXPECT_TRUE(outer.cancelled_caught());
  EXPECT_FALSE(inner.cancelled_caught());
}

TRACTOR_TEST(cancel_scope, outer_cancelled_while_the_inner_ones_cancel_is_in_flight_goes_on) {
  sc::cancel_scope outer, inner;
  const bool complete = co_await outer.run([&]() -> task<> {
    co_await inner.run([&]() -> task<> {
      inner.cancel();
      try {
        co_await sc::checkpoint();
      } catch (const sc::cancelled&) {
        outer.cancel();
        throw;
      }
    });
    ADD_FAILURE() << "went on inside a cancelled scope";
  });
  EXPECT_FALSE(complete);
}

TRACTOR_TEST(cancel_scope, two_hundred_nested_cancel_from_the_outermost) {
  sc::cancel_scope outermost;
  int passed = 0;
  const auto nest = [&](auto& self, int levels) -> task<> {
    if (levels == 0) {
      outermost.cancel();
      co_await sc::checkpoint();
    }
    sc::cancel_scope own;
    co_await own.run([&] { return self(self, levels - 1); });
    ++passed;
  };
  EXPECT_FALSE(co_await outermost.run([&] { return nest(nest, 200); }));
  EXPECT_EQ(passed, 0);
}

// --- shields ---

TRACTOR_TEST(shield, keeps_outer_cancels_out_but_not_its_own) {
  sc::cancel_scope outer;
  bool inside = false;
  const bool complete = co_await outer.run([&]() -> task<> {
    outer.cancel();
    sc::cancel_scope shield({.shield = true});
    co_await shield.run([&]() -> task<> {
      co_await sc::sleep(1s);
      inside = true;
    });
    sc::cancel_scope second({.shield = true});
    EXPECT_FALSE(co_await second.run([&]() -> task<> {
      second.cancel();
      co_await sc::checkpoint();
      ADD_FAILURE() << "a shield held its own cancel off";
    }));
    co_await sc::checkpoint();
    ADD_FAILURE() << "the cancel did not wait behind the shield";
  });
  EXPECT_TRUE(inside);
  EXPECT_FALSE(complete);
  EXPECT_EQ(sc::current_time().time_since_epoch(), 1s);
}

TRACTOR_TEST(shield, put_up_before_the_scope_is_entered) {
  sc::cancel_scope outer, inner;
  inner.set_shield(true);
  inner.set_shield(true);
  bool went_on = false;
  EXPECT_FALSE(co_await outer.run([&]() -> task<> {
    outer.cancel();
    EXPECT_TRUE(co_await inner.run([&]() -> task<> {
      co_await sc::checkpoint();
      went_on = true;
    }));
    co_await sc::checkpoint();
  }));
  EXPECT_TRUE(went_on);
}

TRACTOR_TEST(shield, grace_bounds_it) {
  const bool complete = co_await sc::shielded([]() -> task<> { co_await sc::sleep_forever(); }, 2s);
  EXPECT_FALSE(complete);
  EXPECT_EQ(sc::current_time().time_since_epoch(), 2s);
}

TRACTOR_TEST(shield, scope_inside_it_is_out_of_reach_too) {
  sc::cancel_scope outer;
  co_await outer.run([&]() -> task<> {
    outer.cancel();
    co_await sc::shielded([&]() -> task<> {
      sc::cancel_scope inner;
      EXPECT_TRUE(co_await inner.run([]() -> task<> { co_await sc::sleep(1s); }));
      EXPECT_FALSE(inner.effectively_cancelled());
    });
  });
}

TRACTOR_TEST(shield, taken_away_while_the_body_waits_delivers_the_cancel) {
  sc::cancel_scope outer, shield({.shield = true});
  sc::time_point when{};
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await sc::sleep(1s);
      outer.cancel();
      co_await sc::sleep(1s);
      shield.set_shield(false);
    });
    co_await outer.run([&]() -> task<> {
      co_await shield.run([&]() -> task<> {
        try {
          co_await sc::sleep_forever();
        } catch (const sc::cancelled&) {
          when = sc::current_time();
          throw;
        }
      });
    });
  });
  EXPECT_EQ(when.time_since_epoch(), 2s);
}

TRACTOR_TEST(shield, put_up_inside_a_cancelled_scope_makes_checkpoints_work_again) {
  sc::cancel_scope outer, inner;
  bool slept = false;
  co_await outer.run([&]() -> task<> {
    co_await inner.run([&]() -> task<> {
      outer.cancel();
      inner.set_shield(true);
      co_await sc::sleep(1s);
      slept = true;
    });
  });
  EXPECT_TRUE(slept);
}

TRACTOR_TEST(shield, nursery_in_a_child_under_a_cancelled_shielded_scope_is_cancelled) {
  // The shield holds the outer cancel off; the shielded scope's own cancel reaches down through nurseries and tasks.
  int cancelled = 0;
  const auto leaf = [&]() -> task<> {
    try {
      co_await sc::sleep_forever();
    } catch (const sc::cancelled&) {
      ++cancelled;
      throw;
    }
  };
  sc::cancel_scope shield({.shield = true});
  const bool complete = co_await shield.run([&]() -> task<> {
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      n.start_soon([&]() -> task<> {
        co_await sc::open_nursery([&](nursery& own) {
          own.start_soon(leaf);
          own.start_soon(leaf);
        });
      });
      co_await settle();
      shield.cancel();
    });
  });
  EXPECT_FALSE(complete);
  EXPECT_EQ(cancelled, 2);
}

TRACTOR_TEST(shield, in_one_child_does_not_protect_its_siblings) {
  sc::time_point protected_end{}, other_end{};
  co_await sc::move_on_after(1s, [&]() -> task<> {
    co_await sc::open_nursery([&](nursery& n) {
      n.start_soon([&]() -> task<> {
        co_await sc::shielded([]() -> task<> { co_await sc::sleep(3s); });
        protected_end = sc::current_time();
      });
      n.start_soon([&]() -> task<> {
        try {
          co_await sc::sleep_forever();
        } catch (const sc::cancelled&) {
          other_end = sc::current_time();
          throw;
        }
      });
    });
  });
  EXPECT_EQ(protected_end.time_since_epoch(), 3s);
  EXPECT_EQ(other_end.time_since_epoch(), 1s);
}

TRACTOR_TEST(shield, flag_of_every_scope_is_right_after_random_changes) {
  // A model: recompute what "effective" must be from cancel_called and shield alone, after each of many random changes.
  constexpr std::size_t depth = 8;
  std::mt19937_64 random(sc::runner::current()->random());
  std::vector<std::unique_ptr<sc::cancel_scope>> scopes;
  for (std::size_t i = 0; i < depth; ++i) scopes.push_back(std::make_unique<sc::cancel_scope>());
  const auto check = [&] {
    bool effective = false;
    for (const auto& scope : scopes) {
      effective = scope->cancel_called() || (effective && !scope->shield());
      EXPECT_EQ(scope->effectively_cancelled(), effective);
    }
  };
  const auto nest = [&](auto& self, std::size_t level) -> task<> {
    if (level < depth) {
      co_await scopes[level]->run([&] { return self(self, level + 1); });
      co_return;
    }
    for (int step = 0; step < 200; ++step) {
      sc::cancel_scope& chosen = *scopes[random() % depth];
      if (random() % 20 == 0)
        chosen.cancel();
      else
        chosen.set_shield(random() % 2 == 0);
      check();
    }
  };
  co_await nest(nest, 0);
}

}  // namespace
