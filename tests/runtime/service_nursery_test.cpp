// SPDX-License-Identifier: Apache-2.0
//
// A nursery of tasks that an endpoint owns for as long as its context is open, and lends to whatever else runs in its actor.

#include "runtime_test.hpp"

namespace lending {
namespace {

namespace sc = tractor::sc;

constinit sc::nursery* lent = nullptr;

sc::task<> lend(tractor::context<>& ctx) {
  co_await sc::open_nursery([&](sc::nursery& own) -> sc::task<> {
    struct loan {
      explicit loan(sc::nursery& of) { lent = &of; }
      loan(const loan&) = delete;
      loan& operator=(const loan&) = delete;
      ~loan() { lent = nullptr; }
    } const until_the_end(own);
    co_await ctx.started();
    co_await sc::sleep_forever();
  });
}

sc::task<> fail() {
  co_await sc::checkpoint();
  throw std::invalid_argument("of a task in the service nursery");
}

// By a call, which has returned before the task fails.
sc::task<> start_one_that_fails() {
  lent->start_soon(fail);
  co_return;
}

// By a context, which waits for a task there that has not said yet that it has started.
sc::task<std::string> wait_for_a_start(tractor::context<>& ctx) {
  std::string told;
  try {
    co_await lent->start([&](sc::task_status<>) -> sc::task<> {
      co_await ctx.started();
      co_await sc::sleep_forever();
    });
  } catch (const sc::scope_cancelled_error& cut) {
    told = cut.what();
  }
  co_return told;
}

}  // namespace
}  // namespace lending

TRACTOR_MODULE(lending) {
  mod.def<&lending::lend>("lend");
  mod.def<&lending::start_one_that_fails>("start_one_that_fails");
  mod.def<&lending::wait_for_a_start>("wait_for_a_start");
}

namespace runtime_test {
namespace {

class service_nursery_test : public runtime_test {};

// S-NUR-24, S-CTX-70, S-CTX-74: the context that owns the nursery fails with what a task of another one's raised in it.
// Reference: svcnur::test_actor_managed_trio_nursery_task_error_cancels_aio.
TEST_F(service_nursery_test, error_of_a_task_that_another_endpoint_started_in_it_is_its_owners) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await an.start_actor("worker", {.enable_modules = {"kit", "lending"}});
    bool interrupted = false;

    const auto error = co_await catch_as<tractor::remote_actor_error>([&] {
      return worker.open_context<&lending::lend>({}, [&](auto&) -> sc::task<> {
        try {
          co_await worker.run<&lending::start_one_that_fails>();
          co_await sc::sleep_forever();
        } catch (const sc::cancelled&) {
          interrupted = true;
          throw;
        }
      });
    });

    RT_REQUIRE(error);
    EXPECT_EQ("ValueError", error->boxed_type_str());
    EXPECT_EQ(worker.peer_uid(), error->src_uid());
    EXPECT_THAT(error->what(), HasSubstr("of a task in the service nursery"));
    EXPECT_TRUE(interrupted);
    EXPECT_EQ(1U, co_await worker.run<&kit::running_calls>()) << "the owner has ended, and the actor serves";
    co_await an.cancel();
  });
}

// S-NUR-24, S-TRI-34: whoever waits for a start in it is told, and its own context goes on.
// Reference: svcnur::test_actor_managed_trio_nursery_task_error_cancels_aio, trio::test_stashed_child_nursery.
TEST_F(service_nursery_test, error_in_it_wakes_another_endpoint_that_waits_for_a_start) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await an.start_actor("worker", {.enable_modules = {"kit", "lending"}});
    std::string told;

    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      sc::event up;
      n.start_soon([&]() -> sc::task<> {
        static_cast<void>(co_await catch_as<tractor::remote_actor_error>([&] {
          return worker.open_context<&lending::lend>({}, [&](auto&) -> sc::task<> {
            up.set();
            co_await sc::sleep_forever();
          });
        }));
      });
      co_await up.wait();
      const auto result = co_await worker.open_context<&lending::wait_for_a_start>(
          {}, [&](auto&) -> sc::task<> { co_await worker.run<&lending::start_one_that_fails>(); });
      RT_REQUIRE(result);
      told = *result;
    });

    EXPECT_THAT(told, HasSubstr("of a task in the service nursery"));
    EXPECT_EQ(1U, co_await worker.run<&kit::running_calls>());
    co_await an.cancel();
  });
}

// S-NUR-24, S-KIL-11: an actor nursery that is lent comes to its end, though whoever has it starts one actor after the other.
TEST_F(service_nursery_test, lent_actor_nursery_that_is_being_left_takes_no_more_actors) {
  for (const bool insists : {false, true}) {
    run([&]() -> sc::task<> {
      co_await tractor::open_root_actor([&]() -> sc::task<> {
        actor_nursery* lent = nullptr;
        bool left = false;
        int runs = 0;
        sc::event open, worked;
        sc::cancel_scope owner;
        std::exception_ptr refused;
        co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
          n.start_soon([&]() -> sc::task<> {
            co_await owner.run([&] {
              return tractor::open_nursery([&](actor_nursery& an) -> sc::task<> {
                lent = &an;
                open.set();
                co_await sc::sleep_forever();
              });
            });
            left = true;
          });
          n.start_soon([&]() -> sc::task<> {
            co_await open.wait();
            while (!left && (insists || !refused)) {
              std::optional<portal> job;
              const auto error = co_await caught([&]() -> sc::task<> { job = co_await start(*lent, "job"); });
              if (!refused) refused = error;
              if (!job) continue;
              ++runs;
              worked.set();
              static_cast<void>(co_await caught([&] { return job->run<&kit::forever>(); }));
            }
          });
          co_await worked.wait();

          owner.cancel("the owner's context is cancelled");
        });
        EXPECT_TRUE(left);
        EXPECT_GE(2, runs) << "one more may have been on its way";
        const auto* const error = as<tractor::usage_error>(refused);
        RT_REQUIRE(error);
        EXPECT_THAT(error->what(), HasSubstr("this actor nursery is being left"));
      });
    });
  }
}

}  // namespace
}  // namespace runtime_test
