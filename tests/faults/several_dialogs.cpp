// SPDX-License-Identifier: Apache-2.0
//
// Several dialogs beside or inside each other, over several connections, or with several actors.

#include <array>
#include <chrono>
#include <stdexcept>

#include "dialogs.hpp"
#include "endpoints.hpp"
#include "parts.hpp"

namespace faults {

using namespace std::chrono_literals;
using tractor::portal;

namespace {

// Over two connections, of which the second has no fault: what comes by it can overtake what is held up on the first.

sc::task<std::string> calls_on_both(const portal& there, const portal& other) {
  int sum = 0;
  for (int i = 0; i < 10; ++i) sum += co_await there.run<&twice>(i) + co_await other.run<&twice>(i);
  co_await sc::open_nursery([&](sc::nursery& n) {
    for (const portal* each : {&there, &other, &there, &other})
      n.start_soon([&sum, each]() -> sc::task<> { sum += co_await each->run<&twice>(100); });
  });
  co_return std::to_string(sum);
}
sc::task<std::string> stream_passed_on(const portal& there, const portal& other) {
  int sum = 0;
  const auto count = co_await there.open_context<&mirror>({}, [&](auto& from) -> sc::task<> {
    co_await other.open_context<&mirror>({}, [&](auto& to) -> sc::task<> {
      co_await from.open_stream([&](auto& source) -> sc::task<> {
        co_await to.open_stream([&](auto& sink) -> sc::task<> {
          for (int i = 0; i < 20; ++i) {
            co_await source.send(i);
            co_await sink.send(co_await source.receive());
            sum += co_await sink.receive();
          }
        });
      });
    });
  });
  co_return std::to_string(sum) + " of " + text(count);
}
sc::task<std::string> context_in_a_context_of_the_other(const portal& there, const portal& other) {
  int count = 0;
  co_await there.open_context<&sleeper>({}, [&](auto& outer) -> sc::task<> {
    co_await other.open_context<&simple>({1}, [&](auto&, int first) -> sc::task<> {
      count = first;
      co_return;
    });
    co_await outer.cancel();
  });
  co_return std::to_string(count);
}
sc::task<std::string> error_of_one_ends_the_other(const portal& there, const portal& other) {
  co_await there.open_context<&sleeper>({}, [&](auto&) -> sc::task<> { co_await other.run<&fail>("on purpose"); });
  co_return "no error";
}
sc::task<std::string> cancelled_by_the_other(const portal& there, const portal& other) {
  co_await there.open_context<&sleeper>({}, [&](auto&) -> sc::task<> {
    static_cast<void>(co_await other.cancel_actor());
    co_await sc::sleep_forever();
  });
  co_return "no error";
}
sc::task<std::string> cancelled_on_both(const portal& there, const portal& other) {
  const bool ended = co_await sc::move_on_after(1s, [&] {
    return sc::open_nursery([&](sc::nursery& n) {
      for (const portal* each : {&there, &other}) n.start_soon([each]() -> sc::task<> { co_await each->run<&wait_for_ever>(); });
    });
  });
  co_return ended ? "an end" : "cancelled";
}
sc::task<std::string> streams_on_both(const portal& there, const portal& other) {
  std::array<std::string, 2> said;
  co_await sc::open_nursery([&](sc::nursery& n) {
    n.start_soon([&]() -> sc::task<> { said[0] = co_await stream_to_a_slow_reader(there); });
    n.start_soon([&]() -> sc::task<> { said[1] = co_await one_way(other); });
  });
  co_return said[0] + ", " + said[1];
}

// Through an actor in the middle, with faults on both of its connections.

// An error that was remote already where it was packed.
sc::task<std::string> error_of_the_third(const portal& middle) {
  co_await middle.run<&relay_error>("on purpose");
  co_return "no error";
}
sc::task<std::string> cancel_for_the_third(const portal& middle) {
  co_return co_await sc::move_on_after(1s, [&] { return middle.run<&relay_cancel>(); }) ? "an end" : "cancelled";
}
sc::task<std::string> stream_through_the_middle(const portal& middle) {
  int sum = 0;
  const auto count = co_await middle.open_context<&relay_stream>({}, [&](auto& ctx) -> sc::task<> {
    co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
      for (int i = 0; i < 10; ++i) {
        co_await stream.send(i);
        sum += co_await stream.receive();
      }
    });
  });
  co_return std::to_string(sum) + " of " + text(count);
}

// All at once, over one.

sc::task<std::string> several_at_once(const portal& there) {
  std::array<std::string, 3> said;
  co_await sc::open_nursery([&](sc::nursery& n) {
    n.start_soon([&]() -> sc::task<> { said[0] = co_await stream_both_ways(there); });
    n.start_soon([&]() -> sc::task<> { said[1] = co_await one_way(there); });
    n.start_soon([&]() -> sc::task<> { said[2] = co_await cancelled_call(there); });
  });
  co_return said[0] + ", " + said[1] + ", " + said[2];
}

}  // namespace

std::span<const dialog> several_dialogs() {
  static const std::array all{
      FAULTS_DIALOG(several_at_once, "1770 of 60, 4950, cancelled", 2080),
      FAULTS_DIALOG_OF_TWO(calls_on_both, "980", 380),
      FAULTS_DIALOG_OF_TWO(stream_passed_on, "190 of 20", 720),
      FAULTS_DIALOG_OF_TWO(context_in_a_context_of_the_other, "2", 100),
      FAULTS_DIALOG_OF_TWO(error_of_one_ends_the_other, "error:RemoteActorError(ValueError)", 100),
      FAULTS_DIALOG_OF_TWO(cancelled_by_the_other, "error:ContextCancelled", 84),
      FAULTS_DIALOG_OF_TWO(cancelled_on_both, "cancelled", 102),
      FAULTS_DIALOG_OF_TWO(streams_on_both, "600 of 60, 4950", 2000),
      FAULTS_DIALOG_THROUGH_THE_MIDDLE(error_of_the_third, "error:RemoteActorError(RemoteActorError of ValueError)", 138),
      FAULTS_DIALOG_THROUGH_THE_MIDDLE(cancel_for_the_third, "cancelled", 200),
      FAULTS_DIALOG_THROUGH_THE_MIDDLE(stream_through_the_middle, "45 of 10", 810),
  };
  return all;
}

}  // namespace faults
