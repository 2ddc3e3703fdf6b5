// SPDX-License-Identifier: Apache-2.0
//
// Streams, of contexts and of generators.

#include <array>
#include <chrono>
#include <stdexcept>

#include "dialogs.hpp"
#include "endpoints.hpp"
#include "parts.hpp"

namespace faults {

using namespace std::chrono_literals;
using tractor::portal;

sc::task<std::string> stream_both_ways(const portal& there) {
  int sum = 0;
  const auto count = co_await there.open_context<&mirror>({}, [&](auto& ctx) -> sc::task<> {
    co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
      for (int i = 0; i < 60; ++i) {
        co_await stream.send(i);
        sum += co_await stream.receive();
      }
    });
  });
  co_return std::to_string(sum) + " of " + text(count);
}
sc::task<std::string> stream_to_a_slow_reader(const portal& there) {
  std::size_t bytes = 0;
  const auto count = co_await there.open_context<&send_some>({60, 10},
                                                             [&](auto& ctx) -> sc::task<> {
                                                               co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
                                                                 while (const auto item = co_await stream.next()) {
                                                                   bytes += item->size();
                                                                   co_await sc::sleep(1ms);
                                                                 }
                                                               });
                                                             },
                                                             {.buffer_messages = 2});
  co_return std::to_string(bytes) + " of " + text(count);
}
sc::task<std::string> one_way(const portal& there) {
  co_return std::to_string(co_await there.open_stream_from<&numbers>({100}, [](auto& stream) -> sc::task<int> {
    int sum = 0;
    while (const auto number = co_await stream.next()) sum += *number;
    co_return sum;
  }));
}

namespace {

sc::task<std::string> stream_of_many(const portal& there) {
  std::size_t bytes = 0;
  const auto count = co_await there.open_context<&send_some>({200, 10}, [&](auto& ctx) -> sc::task<> {
    co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
      while (const auto item = co_await stream.next()) bytes += item->size();
    });
  });
  co_return std::to_string(bytes) + " of " + text(count);
}
sc::task<std::string> stream_of_large_messages(const portal& there) {
  std::size_t bytes = 0;
  const auto count = co_await there.open_context<&send_some>({10, 50'000}, [&](auto& ctx) -> sc::task<> {
    co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
      while (const auto item = co_await stream.next()) bytes += item->size();
    });
  });
  co_return std::to_string(bytes) + " of " + text(count);
}
sc::task<std::string> stream_that_overruns(const portal& there) {
  co_await there.open_context<&send_some>({60, 10},
                                          [&](auto& ctx) -> sc::task<> {
                                            co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
                                              co_await sc::sleep(1s);
                                              while (co_await stream.next()) continue;
                                            });
                                          },
                                          {.overruns = tractor::overruns::error, .buffer_messages = 4});
  co_return "no error";
}
sc::task<std::string> stream_to_the_peer(const portal& there) {
  const auto sum = co_await there.open_context<&take_some>({20}, [&](auto& ctx) -> sc::task<> {
    co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
      for (int i = 0; i < 20; ++i) co_await stream.send(i);
    });
  });
  co_return text(sum);
}
sc::task<std::string> stream_that_the_peer_leaves(const portal& there) {
  int sent = 0;
  const auto sum = co_await there.open_context<&take_some>({3}, [&](auto& ctx) -> sc::task<> {
    co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
      for (;; ++sent) {
        co_await stream.send(1);
        co_await sc::sleep(1ms);
      }
    });
  });
  co_return text(sum);
}
sc::task<std::string> stream_whose_reader_fails(const portal& there) {
  co_await there.open_context<&mirror>({}, [&](auto& ctx) -> sc::task<> {
    co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
      co_await stream.send(1);
      static_cast<void>(co_await stream.receive());
      throw std::out_of_range("of the reader");
    });
  });
  co_return "no error";
}
sc::task<std::string> stream_whose_peer_fails(const portal& there) {
  co_await there.open_context<&fail_in_stream>({}, [&](auto& ctx) -> sc::task<> {
    co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
      co_await stream.send(1);
      while (co_await stream.next()) continue;
    });
  });
  co_return "no error";
}
// Two tasks wait before there is a subscription, and the messages are theirs and the subscription's, whoever asks first.
sc::task<std::string> stream_that_is_shared_late(const portal& there) {
  int sum = 0;
  co_await there.open_context<&mirror>({}, [&](auto& ctx) -> sc::task<> {
    co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
      co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
        for (int i = 0; i < 2; ++i) n.start_soon([&]() -> sc::task<> { sum += co_await stream.receive(); });
        co_await there.run<&twice>(1);
        auto mine = stream.subscribe();
        co_await stream.send(1);
        co_await stream.send(2);
        for (int i = 0; i < 2; ++i) sum += co_await mine.receive();
      });
    });
  });
  co_return std::to_string(sum);
}
sc::task<std::string> one_way_that_is_left(const portal& there) {
  int last = 0;
  co_await there.open_stream_from<&numbers>({1000},
                                            [&](auto& stream) -> sc::task<> {
                                              for (int i = 0; i < 3; ++i) last = co_await stream.receive();
                                            },
                                            {.buffer_messages = 4});
  co_return std::to_string(last);
}
sc::task<std::string> one_way_that_fails(const portal& there) {
  co_await there.open_stream_from<&numbers_and_an_error>({5}, [&](auto& stream) -> sc::task<> {
    while (co_await stream.next()) continue;
  });
  co_return "no error";
}
// The endpoint fails by what it is told, and that comes back in a box.
sc::task<std::string> stream_that_overruns_and_is_told(const portal& there) {
  co_await there.open_context<&send_slowly_and_wait>(
      {}, [](auto& ctx) -> sc::task<> { co_await ctx.open_stream([](auto&) -> sc::task<> { co_await sc::sleep_forever(); }); },
      {.overruns = tractor::overruns::error, .buffer_messages = 4});
  co_return "no error";
}
// Also where nobody opens the stream.
sc::task<std::string> stream_that_overruns_a_body_without_one(const portal& there) {
  co_await there.open_context<&send_slowly_and_wait>({}, [](auto&) -> sc::task<> { co_await sc::sleep_forever(); },
                                                     {.overruns = tractor::overruns::error, .buffer_messages = 4});
  co_return "no error";
}
sc::task<std::string> stream_that_overruns_the_peer(const portal& there) {
  co_await there.open_context<&overrun_by_its_peer>({}, [](auto& ctx) -> sc::task<> {
    co_await ctx.open_stream([](auto& stream) -> sc::task<> {
      for (int i = co_await stream.receive(); i < 20; ++i) co_await stream.send(i);
      co_await sc::sleep_forever();
    });
  });
  co_return "no error";
}
// The overrun was there before the cancel.
sc::task<std::string> stream_that_overruns_and_is_cancelled(const portal& there) {
  co_await there.open_context<&overrun_by_its_peer>({}, [](auto& ctx) -> sc::task<> {
    co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
      for (int i = co_await stream.receive(); i < 20; ++i) co_await stream.send(i);
      co_await ctx.cancel();
    });
  });
  co_return "no error";
}

}  // namespace

std::span<const dialog> stream_dialogs() {
  static const std::array all{
      FAULTS_DIALOG(stream_both_ways, "1770 of 60", 1980),
      FAULTS_DIALOG(stream_to_a_slow_reader, "600 of 60", 2000),
      FAULTS_DIALOG(one_way, "4950", 148),
      FAULTS_DIALOG(stream_of_many, "2000 of 200", 280),
      FAULTS_DIALOG(stream_of_large_messages, "500000 of 10", 3890),
      FAULTS_DIALOG(stream_that_overruns, "error:StreamOverrun", 116),
      FAULTS_DIALOG(stream_to_the_peer, "190", 100),
      FAULTS_DIALOG(stream_that_the_peer_leaves, "3", 138),
      FAULTS_DIALOG(stream_whose_reader_fails, "error:IndexError", 132),
      FAULTS_DIALOG(stream_whose_peer_fails, "error:RemoteActorError(ValueError)", 100),
      FAULTS_DIALOG(stream_that_is_shared_late, "6", 164),
      FAULTS_DIALOG(one_way_that_is_left, "2", 116),
      FAULTS_DIALOG(one_way_that_fails, "error:RemoteActorError(ValueError)", 68),
      FAULTS_DIALOG(stream_that_overruns_and_is_told, "error:RemoteActorError(RemoteActorError of StreamOverrun)", 172),
      FAULTS_DIALOG(stream_that_overruns_a_body_without_one, "error:RemoteActorError(RemoteActorError of StreamOverrun)", 172),
      FAULTS_DIALOG(stream_that_overruns_the_peer, "error:RemoteActorError(StreamOverrun)", 132),
      FAULTS_DIALOG(stream_that_overruns_and_is_cancelled, "error:RemoteActorError(StreamOverrun)", 100),
  };
  return all;
}

}  // namespace faults
