// SPDX-License-Identifier: Apache-2.0
//
// A run as the guest of a host that knows nothing but poll(): its descriptor is enough, a step is bounded, and how it ends.

#include "tractor/sc/guest.hpp"

#include <poll.h>

#include <memory>
#include <optional>
#include <stdexcept>

#include "sc_test.hpp"
#include "tractor/sc/run_handle.hpp"

namespace {

using namespace sc_test;

bool readable(const sc::guest_run& guest) {
  pollfd wanted{.fd = guest.fd(), .events = POLLIN, .revents = 0};
  return ::poll(&wanted, 1, 0) == 1;
}

void wait_and_step(sc::guest_run& guest) {
  pollfd wanted{.fd = guest.fd(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(::poll(&wanted, 1, 60'000), 1) << "the descriptor of a guest that had something to do was never readable";
  guest.step();
}

// How the guest ended.
struct ending {
  int times = 0;
  std::exception_ptr error;
  sc::guest_run::done_function note() {
    return [this](std::exception_ptr with) {
      ++times;
      error = std::move(with);
    };
  }
};

TEST(guest, is_driven_by_nothing_but_its_descriptor) {
  ending end;
  int sum = 0;
  sc::guest_run guest(
      [&]() -> task<> {
        co_await sc::sleep(1ms);
        sum += co_await sc::to_thread([] { return 4; });
        co_await sc::open_nursery([&](nursery& n) {
          for (int i = 0; i < 3; ++i)
            n.start_soon([&]() -> task<> {
              co_await sc::checkpoint();
              ++sum;
            });
        });
      },
      end.note());

  while (!guest.done()) wait_and_step(guest);

  EXPECT_EQ(sum, 7);
  EXPECT_EQ(end.times, 1);
  EXPECT_EQ(end.error, nullptr);
  EXPECT_FALSE(guest.step());
  EXPECT_EQ(end.times, 1);
}

TEST(guest, descriptor_is_quiet_while_everything_waits) {
  ending end;
  sc::guest_run guest([]() -> task<> { co_await sc::sleep_forever(); }, end.note());
  EXPECT_TRUE(readable(guest));
  guest.step();

  EXPECT_FALSE(readable(guest));

  guest.cancel("enough");
  EXPECT_TRUE(readable(guest));
  wait_and_step(guest);
  EXPECT_EQ(end.times, 1);
}

TEST(guest, that_ends_in_its_first_step_is_done) {
  ending end;
  sc::guest_run guest([]() -> task<> { co_return; }, end.note());
  EXPECT_EQ(end.times, 0);
  EXPECT_FALSE(guest.step());
  EXPECT_EQ(end.times, 1);
  EXPECT_TRUE(guest.done());
}

// The object may live much longer, and so may who posts.
TEST(guest, that_has_ended_takes_no_more_posts) {
  ending end;
  std::optional<sc::run_handle> home;
  const auto held = std::make_shared<int>(0);
  sc::guest_run guest(
      [&]() -> task<> {
        home.emplace();
        home->post([held] { ADD_FAILURE() << "called"; });
        co_return;
      },
      end.note());
  while (!guest.done()) wait_and_step(guest);

  EXPECT_EQ(held.use_count(), 1);
  EXPECT_FALSE(home->post([held] { ADD_FAILURE() << "called"; }));
  EXPECT_EQ(held.use_count(), 1);
}

TEST(guest, error_of_the_main_task_reaches_on_done) {
  ending end;
  sc::guest_run guest(
      []() -> task<> {
        co_await sc::checkpoint();
        throw std::out_of_range("beyond");
      },
      end.note());
  while (!guest.done()) wait_and_step(guest);
  EXPECT_EQ(sc::type_name_of(end.error), "std::out_of_range");
}

TEST(guest, cancelled_by_its_host_ends_as_cancelled_after_its_cleanup) {
  ending end;
  bool cleaned = false;
  sc::guest_run guest(
      [&]() -> task<> {
        try {
          co_await sc::sleep_forever();
        } catch (const sc::cancelled&) {
          cleaned = true;
          throw;
        }
      },
      end.note());
  wait_and_step(guest);

  guest.cancel("the host is closing");
  while (!guest.done()) wait_and_step(guest);

  EXPECT_TRUE(cleaned);
  EXPECT_EQ(sc::type_name_of(end.error), "tractor::sc::scope_cancelled_error");
  EXPECT_TRUE(contains(sc::describe(end.error), "the host is closing"));
}

TEST(guest, step_ends_though_there_is_always_something_to_run) {
  ending end;
  long rounds = 0;
  bool stop = false;
  sc::guest_run guest(
      [&]() -> task<> {
        while (!stop) {
          ++rounds;
          co_await sc::checkpoint();
        }
      },
      end.note(), {.slice = sc::duration::zero()});

  EXPECT_TRUE(guest.step());
  EXPECT_TRUE(guest.step());

  EXPECT_GE(rounds, 2);
  EXPECT_TRUE(readable(guest));
  stop = true;
  while (!guest.done()) wait_and_step(guest);
}

TEST(guest, step_runs_a_bounded_number_of_tasks) {
  constexpr std::size_t tasks = 3 * sc::runner::tasks_per_step_max;
  std::size_t ran = 0;
  sc::guest_run guest(
      [&]() -> task<> {
        co_await sc::open_nursery([&](nursery& n) {
          for (std::size_t i = 0; i < tasks; ++i)
            n.start_soon([&]() -> task<> {
              ++ran;
              co_return;
            });
        });
      },
      nullptr, {.slice = sc::duration::zero()});
  guest.step();

  guest.step();
  EXPECT_EQ(ran, sc::runner::tasks_per_step_max);

  while (!guest.done()) wait_and_step(guest);
  EXPECT_EQ(ran, tasks);
}

TEST(guest, two_take_turns_in_one_thread) {
  ending first_end, second_end;
  std::string order;
  const auto main = [&](char name) {
    return [&order, name]() -> task<> {
      for (int i = 0; i < 3; ++i) {
        order += name;
        co_await sc::checkpoint();
        co_await sc::sleep(1ns);
      }
    };
  };
  sc::guest_run first(main('a'), first_end.note(), {.slice = sc::duration::zero()});
  sc::guest_run second(main('b'), second_end.note(), {.slice = sc::duration::zero()});

  for (bool more = true; more;) {
    more = first.step();
    more = second.step() || more;
  }

  EXPECT_EQ(std::ranges::count(order, 'a'), 3);
  EXPECT_EQ(std::ranges::count(order, 'b'), 3);
  EXPECT_TRUE(order.starts_with("ab"));
  EXPECT_EQ(first_end.times + second_end.times, 2);
}

// The host's own code wakes tasks between two steps: the descriptor must tell.
TEST(guest, what_the_host_does_to_its_tasks_makes_it_readable) {
  const auto readable = [](const sc::guest_run& guest) {
    pollfd wanted{.fd = guest.fd(), .events = POLLIN, .revents = 0};
    return ::poll(&wanted, 1, 0) == 1;
  };
  const auto run_dry = [&](sc::guest_run& guest) {
    while (readable(guest) && guest.step()) {
    }
  };
  ending end;
  sc::event go;
  sc::cancel_scope scope;
  sc::nursery* inside = nullptr;
  std::string seen;
  sc::guest_run guest(
      [&]() -> task<> {
        co_await go.wait();
        seen += "event ";
        co_await scope.run([]() -> task<> { co_await sc::sleep_forever(); });
        seen += "cancel ";
        co_await sc::open_nursery([&](sc::nursery& n) -> task<> {
          inside = &n;
          co_await sc::sleep_forever();
        });
      },
      end.note());
  run_dry(guest);
  EXPECT_EQ(seen, "");

  go.set();
  run_dry(guest);
  EXPECT_EQ(seen, "event ");

  scope.cancel("by the host");
  run_dry(guest);
  EXPECT_EQ(seen, "event cancel ");

  ASSERT_NE(inside, nullptr);
  inside->start_soon([&]() -> task<> {
    seen += "task";
    inside->cancel();
    co_return;
  });
  run_dry(guest);
  EXPECT_EQ(seen, "event cancel task");
  EXPECT_EQ(end.times, 1);
}

TEST(guest, step_inside_a_run_is_a_usage_error) {
  ending end;
  sc::guest_run guest([]() -> task<> { co_return; }, end.note());
  sc::run([&]() -> task<> {
    EXPECT_THROW(guest.step(), tractor::usage_error);
    co_return;
  });
  guest.step();
  EXPECT_EQ(end.times, 1);
}

TEST(guest, may_be_destroyed_by_on_done_and_another_run_started_there) {
  std::optional<sc::guest_run> guest;
  int answer = 0;
  guest.emplace([]() -> task<> { co_return; },
                [&](std::exception_ptr) {
                  guest.reset();
                  answer = sc::run([]() -> task<int> { co_return 42; });
                });
  EXPECT_FALSE(guest->step());
  EXPECT_FALSE(guest.has_value());
  EXPECT_EQ(answer, 42);
}

TEST(guest, exception_of_on_done_leaves_the_step) {
  sc::guest_run guest([]() -> task<> { co_return; }, [](std::exception_ptr) { throw std::runtime_error("from on_done"); });
  EXPECT_THROW(guest.step(), std::runtime_error);
  EXPECT_FALSE(guest.step());
}

TEST(guest, never_stepped_is_given_up) {
  const auto token = std::make_shared<int>(0);
  {
    sc::guest_run guest([token]() -> task<> { co_await sc::checkpoint(); }, nullptr);
  }
  EXPECT_EQ(token.use_count(), 1);
}

TEST(guest_death, destroyed_before_its_end_aborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        sc::guest_run guest([]() -> task<> { co_await sc::sleep_forever(); }, nullptr);
        guest.step();
      },
      "its main task has not ended");
}

TEST(guest, virtual_clock_is_the_hosts_to_move) {
  sc::virtual_clock clock;
  ending end;
  sc::guest_run guest([]() -> task<> { co_await sc::sleep(1h); }, end.note(), {.run = {.clock = &clock}});
  guest.step();
  EXPECT_FALSE(readable(guest));
  EXPECT_FALSE(guest.done());

  clock.advance(1h);
  while (guest.step()) {
  }

  EXPECT_EQ(end.times, 1);
  EXPECT_EQ(end.error, nullptr);
}

}  // namespace
