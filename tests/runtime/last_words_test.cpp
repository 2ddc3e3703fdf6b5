// SPDX-License-Identifier: Apache-2.0
//
// What an actor still has to say when it is told to end: messages of a task that is being cancelled, exit callbacks that take long.

#include <unistd.h>

#include <csignal>

#include "runtime_test.hpp"
#include "tractor/sc/finally.hpp"
#include "tractor/sc/to_thread.hpp"

namespace last_words {
namespace {

namespace sc = tractor::sc;

sc::task<> sends_when_cancelled(tractor::context<void, int, int>& ctx) {
  co_await ctx.started();
  co_await ctx.open_stream([](auto& stream) -> sc::task<> {
    co_await sc::finally([]() -> sc::task<> { co_await sc::sleep_forever(); }, [&]() -> sc::task<> { co_await stream.send(7); });
  });
}

// With a thread the connections end before the exit callbacks run, because the run then ends as every run does; else with the process.
sc::task<> exits_slowly(int milliseconds, bool with_thread) {
  tractor::current_actor().on_exit([=] { ::usleep(static_cast<useconds_t>(milliseconds) * 1000); });
  if (with_thread) co_await sc::to_thread([] {});
}

}  // namespace
}  // namespace last_words

TRACTOR_MODULE(last_words) {
  mod.def<&last_words::sends_when_cancelled>("sends_when_cancelled");
  mod.def<&last_words::exits_slowly>("exits_slowly", "milliseconds", "with_thread");
}

namespace runtime_test {
namespace {

class last_words_test : public runtime_test {};

// S-CTX-48: the message and the acknowledgement of the cancel come together. The opener, woken by the message, is somewhere else when it
// runs, and must be cancelled out of there.
TEST_F(last_words_test, cancel_that_comes_with_a_message_ends_a_body_that_handles_it) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await an.start_actor("worker", {.enable_modules = {"last_words"}});
    int got = 0;
    sc::event listens;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      co_await worker.open_context<&last_words::sends_when_cancelled>({}, [&](auto& ctx) -> sc::task<> {
        n.start_soon([&]() -> sc::task<> {
          co_await listens.wait();
          co_await ctx.cancel();  // takes a round trip, by the end of which the opener waits
        });
        co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
          listens.set();
          while (auto message = co_await stream.next()) {
            got = *message;
            co_await sc::sleep_forever();
          }
        });
      });
    });
    EXPECT_EQ(7, got);
    co_await an.cancel();
  });
}

// S-KIL-8, S-SRV-8: neither the last message of a task nor what became of the others is lost when the actor goes.
TEST_F(last_words_test, what_a_cancelled_actor_says_last_arrives) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await an.start_actor("worker", {.enable_modules = {"kit", "last_words"}});
    constexpr int calls = 50;
    int cancelled = 0, got = 0;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      for (int i = 0; i < calls; ++i)
        n.start_soon([&]() -> sc::task<> {
          if (co_await catch_as<tractor::context_cancelled>([&] { return worker.run<&kit::forever>(); })) ++cancelled;
        });
      n.start_soon([&]() -> sc::task<> {
        static_cast<void>(co_await catch_as<tractor::context_cancelled>([&] {
          return worker.open_context<&last_words::sends_when_cancelled>({}, [&](auto& ctx) -> sc::task<> {
            co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
              while (const auto message = co_await stream.next()) got = *message;
            });
          });
        }));
      });
      while (co_await worker.run<&kit::running_calls>() != calls + 2) {
      }

      co_await an.cancel();
    });
    EXPECT_EQ(calls, cancelled);
    EXPECT_EQ(7, got);
  });
}

// The connection may end before the process does, by longer than a parent waits for a certificate; it had said that it goes.
TEST_F(last_words_test, slow_exit_of_an_actor_that_was_told_to_go_is_no_loss) {
  const auto slow = std::chrono::duration_cast<std::chrono::milliseconds>(tractor::death_certificate_timeout) + 200ms;
  for (const bool with_thread : {false, true}) {
    run_in_nursery([&](actor_nursery& an) -> sc::task<> {
      auto worker = co_await an.start_actor("worker", {.enable_modules = {"last_words"}});
      co_await worker.run<&last_words::exits_slowly>(static_cast<int>(slow.count()), with_thread);
      EXPECT_EQ(0, ::kill(static_cast<pid_t>(*worker.pid()), SIGTERM));
    });
  }
}

// Who gave the connection up knows why; who only sees that it ended is told with the end of the actor.
TEST_F(last_words_test, actor_that_gives_its_parent_up_says_why) {
  run([]() -> sc::task<> {
    const auto error = co_await catch_as<tractor::actor_died>([] {
      return tractor::open_nursery([](actor_nursery& an) -> sc::task<> {
        auto worker = co_await start(an);
        worker.kernel_peer()->channel().send([](tractor::msg::buffer& out) { out.append(std::string_view("\1\0\0\0\xc1", 5)); });
        co_await worker.run<&kit::forever>();
      });
    });
    RT_REQUIRE(error);
    EXPECT_THAT(error->what(), HasSubstr("actor 'worker' gave up the connection to its parent: actor 'root' broke the protocol: "));
  });
}

}  // namespace
}  // namespace runtime_test
