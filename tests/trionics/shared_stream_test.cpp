// SPDX-License-Identifier: Apache-2.0
//
// Many tasks of an actor that share an actor, a dialog with it and its stream.

#include "crew.hpp"
#include "tractor/sc/broadcast.hpp"
#include "tractor/trionics/maybe_open_context.hpp"

namespace trionics_test {
namespace {

using tractor::trionics::inside;
using tractor::trionics::maybe_open_context;

constexpr int users = 10;
constexpr int numbers_sent = 50;

struct feed {
  tractor::msg_stream<int, int>& stream;
  sc::broadcast<int> copies{numbers_sent};
  int listeners = 0;
  sc::event all_listen = {};
};

int opened = 0;

task<> open_feed(std::string name, inside<feed> body) {
  ++opened;
  co_await tractor::open_nursery([&](tractor::actor_nursery& an) -> task<> {
    auto worker = co_await an.start_actor(name, {.enable_modules = {"crew"}});
    co_await worker.open_context<&ten_times>({}, [&](auto& ctx) -> task<> {
      co_await ctx.open_stream([&](auto& stream) -> task<> {
        feed own{.stream = stream};
        co_await body(own);
      });
    });
    co_await an.cancel();
  });
}

// The first one uses the stream, and gives copies of what comes to the others.
task<int> lead(feed& from) {
  co_await from.all_listen.wait();
  int sum = 0;
  for (int i = 0; i < numbers_sent; ++i) {
    co_await from.stream.send(i);
    const int got = co_await from.stream.receive();
    from.copies.send(got);
    sum += got;
  }
  from.copies.close();
  co_return sum;
}

task<int> follow(feed& from) {
  auto mine = from.copies.subscribe();
  if (++from.listeners == users - 1) from.all_listen.set();
  int sum = 0;
  while (auto number = co_await mine.next()) sum += *number;
  co_return sum;
}

class shared_stream_test : public actors_test {};

// S-TRI-20
// Reference: cache::test_open_local_sub_to_stream.
TEST_F(shared_stream_test, one_stream_serves_many_tasks) {
  opened = 0;
  std::vector<int> sums;
  run([&]() -> task<> {
    co_await tractor::open_root_actor([&]() -> task<> {
      co_await sc::open_nursery([&](nursery& n) -> task<> {
        for (int i = 0; i < users; ++i)
          n.start_soon([&]() -> task<> {
            sums.push_back(co_await maybe_open_context<&open_feed>(
                {"feeder"}, [](bool cache_hit, feed& shared) { return cache_hit ? follow(shared) : lead(shared); }));
          });
        co_return;
      });
    });
  });

  EXPECT_EQ(opened, 1);
  EXPECT_EQ(sums, std::vector<int>(users, 10 * numbers_sent * (numbers_sent - 1) / 2));
}

// S-TRI-20: and when all of it is cancelled.
// Reference: cache::test_open_local_sub_to_stream.
TEST_F(shared_stream_test, cancel_of_the_users_ends_the_actor) {
  opened = 0;
  run([&]() -> task<> {
    co_await tractor::open_root_actor([&]() -> task<> {
      int using_it = 0;
      sc::event all;
      co_await sc::open_nursery([&](nursery& n) -> task<> {
        for (int i = 0; i < users; ++i)
          n.start_soon([&]() -> task<> {
            co_await maybe_open_context<&open_feed>({"feeder"}, [&](bool, feed&) -> task<> {
              if (++using_it == users) all.set();
              co_await sc::sleep_forever();
            });
          });
        co_await all.wait();
        n.cancel("enough");
      });
    });
  });
  EXPECT_EQ(opened, 1);
}

}  // namespace
}  // namespace trionics_test
