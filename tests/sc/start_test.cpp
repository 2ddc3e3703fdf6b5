// SPDX-License-Identifier: Apache-2.0
//
// nursery::start: the new task belongs to the caller until it says that it has started, and to the nursery from then on.

#include <optional>
#include <stdexcept>

#include "sc_test.hpp"
#include "tractor/sc/nursery.hpp"

namespace {

using namespace sc_test;

task<> server(sc::task_status<int> status, int port) {
  co_await sc::sleep(1s);
  status.started(port);
  co_await sc::sleep(1s);
}

TRACTOR_TEST(start, gives_what_the_task_started_with_and_leaves_it_running) {
  sc::time_point started{};
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    EXPECT_EQ(co_await n.start<int>(server, 80), 80);
    started = sc::current_time();
    EXPECT_EQ(n.task_count(), 1u);
  });
  EXPECT_EQ(started.time_since_epoch(), 1s);
  EXPECT_EQ(sc::current_time().time_since_epoch(), 2s);
}

TRACTOR_TEST(start, without_a_value) {
  bool before = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    co_await n.start([&](sc::task_status<> status) -> task<> {
      before = true;
      status.started();
      co_return;
    });
    EXPECT_TRUE(before);
  });
}

TRACTOR_TEST(start, error_before_started_comes_out_of_the_call_and_leaves_the_nursery_alone) {
  bool sibling_ended = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await sc::sleep(5s);
      sibling_ended = true;
    });
    EXPECT_THROW(co_await n.start([](sc::task_status<>) -> task<> {
      co_await sc::checkpoint();
      throw std::runtime_error("no port");
    }),
                 std::runtime_error);
    EXPECT_FALSE(n.scope().cancel_called());
  });
  EXPECT_TRUE(sibling_ended);
}

TRACTOR_TEST(start, error_after_started_is_the_nurserys) {
  EXPECT_THROW(co_await sc::open_nursery([&](nursery& n) -> task<> {
                 co_await n.start([](sc::task_status<> status) -> task<> {
                   status.started();
                   co_await sc::sleep(1s);
                   throw std::runtime_error("later");
                 });
                 co_await sc::sleep_forever();
               }),
               std::runtime_error);
}

TRACTOR_TEST(start, ending_without_started_is_a_usage_error) {
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    EXPECT_THROW(co_await n.start([](sc::task_status<>) -> task<> { co_await sc::checkpoint(); }), tractor::usage_error);
  });
}

TRACTOR_TEST(start, started_twice_is_a_usage_error) {
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    co_await n.start([](sc::task_status<> status) -> task<> {
      status.started();
      EXPECT_THROW(status.started(), tractor::usage_error);
      co_return;
    });
  });
}

TRACTOR_TEST(start, cancelled_caller_cancels_the_task_that_has_not_started) {
  bool task_cancelled = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    const bool complete = co_await sc::move_on_after(1s, [&]() -> task<> {
      co_await n.start([&](sc::task_status<>) -> task<> {
        try {
          co_await sc::sleep_forever();
        } catch (const sc::cancelled&) {
          task_cancelled = true;
          throw;
        }
      });
    });
    EXPECT_FALSE(complete);
    EXPECT_FALSE(n.scope().cancel_called());
  });
  EXPECT_TRUE(task_cancelled);
}

TRACTOR_TEST(start, cancelled_caller_leaves_the_task_that_has_started_alone) {
  bool ended = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    co_await sc::move_on_after(1s, [&]() -> task<> {
      co_await n.start([&](sc::task_status<> status) -> task<> {
        status.started();
        co_await sc::sleep(10s);
        ended = true;
      });
      co_await sc::sleep_forever();
    });
  });
  EXPECT_TRUE(ended);
  EXPECT_EQ(sc::current_time().time_since_epoch(), 10s);
}

TRACTOR_TEST(start, task_that_says_started_while_it_is_being_cancelled_stays_with_the_caller) {
  // trio: it must not be moved to where nobody expects a cancelled task.
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    const bool complete = co_await sc::move_on_after(1s, [&]() -> task<> {
      co_await n.start([](sc::task_status<> status) -> task<> {
        try {
          co_await sc::sleep_forever();
        } catch (const sc::cancelled&) {
          status.started();
          throw;
        }
      });
      ADD_FAILURE() << "start() gave a task that is being cancelled";
    });
    EXPECT_FALSE(complete);
    EXPECT_EQ(n.task_count(), 0u);
  });
}

TRACTOR_TEST(start, body_that_ends_during_a_pending_start_waits_for_the_moved_task) {
  std::vector<std::string> order;
  co_await sc::open_nursery([&](nursery& outer) -> task<> {
    sc::event calling;
    co_await sc::open_nursery([&](nursery& inner) -> task<> {
      outer.start_soon([&]() -> task<> {
        calling.set();
        co_await inner.start([&](sc::task_status<> status) -> task<> {
          co_await sc::sleep(1s);
          status.started();
          co_await sc::sleep(1s);
          order.emplace_back("moved task ended");
        });
        order.emplace_back("start returned");
      });
      co_await calling.wait();
      co_await settle();
    });
    order.emplace_back("inner closed");
  });
  EXPECT_EQ(order, (std::vector<std::string>{"start returned", "moved task ended", "inner closed"}));
}

TRACTOR_TEST(start, in_a_nursery_that_was_cancelled_during_the_start_cancels_the_moved_task) {
  bool task_cancelled = false;
  co_await sc::open_nursery([&](nursery& outer) -> task<> {
    co_await sc::open_nursery([&](nursery& inner) -> task<> {
      sc::event calling;
      outer.start_soon([&]() -> task<> {
        calling.set();
        co_await inner.start([&](sc::task_status<> status) -> task<> {
          co_await sc::sleep(2s);
          status.started();
          try {
            co_await sc::sleep_forever();
          } catch (const sc::cancelled&) {
            task_cancelled = true;
            throw;
          }
        });
      });
      co_await calling.wait();
      co_await sc::sleep(1s);
      inner.cancel();
    });
  });
  EXPECT_TRUE(task_cancelled);
  EXPECT_EQ(sc::current_time().time_since_epoch(), 2s);
}

TRACTOR_TEST(start, task_with_scopes_of_its_own_is_moved_with_them) {
  // The moved task stands in a shielded scope inside a cancellable one: afterwards both must hang below the new nursery.
  bool inner_cancelled = false;
  sc::time_point when{};
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    co_await sc::move_on_after(1s, [&]() -> task<> {
      co_await n.start([&](sc::task_status<> status) -> task<> {
        co_await sc::move_on_after(100s, [&]() -> task<> {
          co_await sc::shielded([&]() -> task<> {
            status.started();
            co_await sc::sleep(5s);
          });
          try {
            co_await sc::sleep_forever();
          } catch (const sc::cancelled&) {
            inner_cancelled = true;
            when = sc::current_time();
            throw;
          }
        });
      });
      co_await sc::sleep_forever();
    });
    co_await sc::sleep(2s);
    n.cancel();  // at 3 s, while the task is shielded until 5 s
  });
  EXPECT_TRUE(inner_cancelled);
  EXPECT_EQ(when.time_since_epoch(), 5s);
}

TRACTOR_TEST(start, task_with_a_nursery_of_its_own_is_moved_with_its_children) {
  int cancelled = 0;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    co_await n.start([&](sc::task_status<> status) -> task<> {
      co_await sc::open_nursery([&](nursery& own) -> task<> {
        for (int i = 0; i < 3; ++i)
          own.start_soon([&]() -> task<> {
            try {
              co_await sc::sleep_forever();
            } catch (const sc::cancelled&) {
              ++cancelled;
              throw;
            }
          });
        co_await sc::checkpoint();
        status.started();
        co_await sc::sleep_forever();
      });
    });
    co_await settle();
    n.cancel();
  });
  EXPECT_EQ(cancelled, 3);
}

TRACTOR_TEST(start, from_a_shielded_caller_moves_the_task_under_the_nurserys_cancel) {
  // The caller's shield must not stay with the task.
  sc::time_point ended{};
  co_await sc::move_on_after(3s, [&]() -> task<> {
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      co_await sc::shielded([&]() -> task<> {
        co_await n.start([&](sc::task_status<> status) -> task<> {
          status.started();
          try {
            co_await sc::sleep_forever();
          } catch (const sc::cancelled&) {
            ended = sc::current_time();
            throw;
          }
        });
      });
    });
  });
  EXPECT_EQ(ended.time_since_epoch(), 3s);
}

TRACTOR_TEST(start, status_may_be_used_by_a_task_below) {
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    const int got = co_await n.start<int>([](sc::task_status<int> status) -> task<> {
      co_await sc::open_nursery([&](nursery& own) {
        own.start_soon([&status]() -> task<> {
          co_await sc::sleep(1s);
          status.started(5);
        });
      });
    });
    EXPECT_EQ(got, 5);
  });
}

TRACTOR_TEST(start, status_that_outlives_the_call_is_a_usage_error_not_a_dangling_pointer) {
  std::optional<sc::task_status<int>> kept;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    EXPECT_THROW(co_await n.start<int>([&](sc::task_status<int> status) -> task<> {
      kept.emplace(std::move(status));
      co_return;
    }),
                 tractor::usage_error);
    EXPECT_THROW(kept->started(1), tractor::usage_error);
  });
}

TRACTOR_TEST(start, in_a_closed_nursery_is_a_usage_error) {
  nursery* closed = nullptr;
  auto opened = sc::open_nursery([&](nursery& n) { closed = &n; });
  co_await opened;
  EXPECT_THROW(co_await closed->start([](sc::task_status<> status) -> task<> {
    status.started();
    co_return;
  }),
               tractor::usage_error);
}

TRACTOR_TEST(start, already_cancelled_caller_starts_and_cancels_the_task) {
  bool began = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    sc::cancel_scope scope;
    scope.cancel();
    const bool complete = co_await scope.run([&]() -> task<> {
      co_await n.start([&](sc::task_status<> status) -> task<> {
        began = true;
        co_await sc::checkpoint();
        status.started();
      });
    });
    EXPECT_FALSE(complete);
  });
  EXPECT_TRUE(began);
}

TEST(start, status_used_after_the_task_ended_and_before_the_caller_went_on_is_a_usage_error) {
  sc::virtual_clock clock;
  int refused = 0;
  // Without a seed: who waits for the event goes on before the caller of start().
  sc::run({.clock = &clock}, [&]() -> task<> {
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      std::optional<sc::task_status<int>> kept;
      sc::event ending;
      n.start_soon([&]() -> task<> {
        co_await ending.wait();
        try {
          kept->started(7);
        } catch (const tractor::usage_error&) {
          ++refused;
        }
      });
      co_await settle();
      try {
        static_cast<void>(co_await n.start<int>([&](sc::task_status<int> status) -> task<> {
          kept.emplace(std::move(status));
          co_await sc::sleep(1s);
          ending.set();
        }));
        ADD_FAILURE() << "start() gave a value";
      } catch (const tractor::usage_error&) {
        ++refused;
      }
    });
  });
  EXPECT_EQ(refused, 2);
}

task<> sleeps_and_counts(int& ended) {
  co_await sc::sleep(1s);
  ++ended;
}

TRACTOR_TEST(start, callable_that_is_no_coroutine_may_say_started_before_there_is_a_task) {
  int ended = 0;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    EXPECT_EQ(co_await n.start<int>([&](sc::task_status<int> status) {
      status.started(3);
      EXPECT_THROW(status.started(4), tractor::usage_error);
      return sleeps_and_counts(ended);
    }),
              3);
    EXPECT_EQ(ended, 0);
    EXPECT_EQ(n.task_count(), 1u);
  });
  EXPECT_EQ(ended, 1);
}

TRACTOR_TEST(start, callable_that_says_started_in_a_cancelled_caller_leaves_the_task_with_the_caller) {
  int ended = 0;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    sc::cancel_scope scope;
    scope.cancel();
    const bool complete = co_await scope.run([&]() -> task<> {
      co_await n.start([&](sc::task_status<> status) {
        status.started();
        return sleeps_and_counts(ended);
      });
      ADD_FAILURE() << "start() gave a task that is being cancelled";
    });
    EXPECT_FALSE(complete);
    EXPECT_EQ(n.task_count(), 0u);
  });
  EXPECT_EQ(ended, 0);
}

TRACTOR_TEST(start, callable_that_says_started_and_throws_has_failed) {
  std::optional<sc::task_status<>> kept;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    EXPECT_THROW(co_await n.start([](sc::task_status<> status) -> task<> {
      return status.started(), throw std::runtime_error("no task"), task<>([]() -> task<> { co_return; }());
    }),
                 std::runtime_error);
    EXPECT_THROW(co_await n.start([&](sc::task_status<> status) -> task<> {
      return kept.emplace(std::move(status)), throw std::runtime_error("no task"), task<>([]() -> task<> { co_return; }());
    }),
                 std::runtime_error);
    EXPECT_THROW(kept->started(), tractor::usage_error);
    EXPECT_EQ(n.task_count(), 0u);
  });
}

// S-TRI-34
// Reference: trio::test_stashed_child_nursery.
TRACTOR_TEST(start, fails_when_the_nursery_it_was_lent_fails) {
  nursery* lent = nullptr;
  sc::event open, pending;
  std::string said;
  bool task_cancelled = false;
  try {
    co_await sc::open_nursery([&](nursery& around) -> task<> {
      around.start_soon({.name = "borrower"}, [&]() -> task<> {
        co_await open.wait();
        try {
          co_await lent->start([&](sc::task_status<>) -> task<> {
            pending.set();
            try {
              co_await sc::sleep_forever();
            } catch (const sc::cancelled&) {
              task_cancelled = true;
              throw;
            }
          });
        } catch (const sc::scope_cancelled_error& error) {
          said = error.what();
        }
      });
      co_await sc::open_nursery([&](nursery& n) -> task<> {
        lent = &n;
        open.set();
        co_await pending.wait();
        n.start_soon({.name = "culprit"}, []() -> task<> {
          co_await sc::checkpoint();
          throw std::runtime_error("bad day");
        });
        co_await sc::sleep_forever();
      });
    });
    ADD_FAILURE() << "the error is lost";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "bad day");
  }
  EXPECT_TRUE(task_cancelled);
  EXPECT_TRUE(contains(said, "before it called task_status.started()")) << said;
  EXPECT_TRUE(contains(said, "task 'culprit' failed: bad day")) << said;
}

// The task is being cancelled, and says that it has started all the same: it stays where somebody waits for it.
TRACTOR_TEST(start, of_a_task_that_says_so_too_late_fails_with_the_nursery) {
  nursery* lent = nullptr;
  sc::event open, pending;
  bool failed = false;
  co_await sc::open_nursery([&](nursery& around) -> task<> {
    around.start_soon([&]() -> task<> {
      co_await open.wait();
      try {
        co_await lent->start([&](sc::task_status<> status) -> task<> {
          pending.set();
          co_await sc::finally([]() -> task<> { co_await sc::sleep_forever(); },
                               [&]() -> task<> {
                                 status.started();
                                 co_return;
                               });
        });
      } catch (const sc::scope_cancelled_error&) {
        failed = true;
      }
    });
    try {
      co_await sc::open_nursery([&](nursery& n) -> task<> {
        lent = &n;
        open.set();
        co_await pending.wait();
        throw std::runtime_error("bad day");
      });
    } catch (const std::runtime_error&) {
    }
  });
  EXPECT_TRUE(failed);
}

TRACTOR_TEST(start, into_a_nursery_that_has_failed_already_is_cut_off) {
  nursery* lent = nullptr;
  bool failed = false;
  const auto began = sc::current_time();
  co_await sc::open_nursery([&](nursery& around) -> task<> {
    around.start_soon([&]() -> task<> {
      co_await sc::sleep(5s);
      try {
        co_await lent->start([](sc::task_status<>) -> task<> { co_await sc::sleep_forever(); });
      } catch (const sc::scope_cancelled_error&) {
        failed = true;
      }
      EXPECT_EQ(sc::current_time(), began + 5s);
    });
    try {
      co_await sc::open_nursery([&](nursery& n) -> task<> {
        lent = &n;
        n.start_soon([]() -> task<> { co_await sc::shielded([] { return sc::sleep(10s); }); });
        co_await settle();
        throw std::runtime_error("bad day");
      });
    } catch (const std::runtime_error&) {
    }
  });
  EXPECT_TRUE(failed);
}

}  // namespace
