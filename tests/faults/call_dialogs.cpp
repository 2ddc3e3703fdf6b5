// SPDX-License-Identifier: Apache-2.0
//
// Calls, and the cancel of an actor.

#include <array>
#include <chrono>
#include <stdexcept>

#include "dialogs.hpp"
#include "endpoints.hpp"
#include "parts.hpp"

namespace faults {

using namespace std::chrono_literals;
using tractor::portal;

sc::task<std::string> cancelled_call(const portal& there) {
  co_return co_await sc::move_on_after(1s, [&] { return there.run<&wait_for_ever>(); }) ? "an end" : "cancelled";
}

namespace {

sc::task<std::string> calls(const portal& there) {
  int sum = 0;
  for (int i = 0; i < 30; ++i) sum += co_await there.run<&twice>(i);
  co_return std::to_string(sum);
}
sc::task<std::string> calls_at_once(const portal& there) {
  int sum = 0;
  co_await sc::open_nursery([&](sc::nursery& n) {
    for (int i = 0; i < 10; ++i) n.start_soon([&, i]() -> sc::task<> { sum += co_await there.run<&twice>(i); });
  });
  co_return std::to_string(sum);
}
sc::task<std::string> large_call(const portal& there) {
  co_return std::to_string((co_await there.run<&echo_text>(std::string(200'000, 'x'))).size());
}
sc::task<std::string> failing_call(const portal& there) {
  co_await there.run<&fail>("on purpose");
  co_return "no error";
}
sc::task<std::string> failing_group(const portal& there) {
  co_await there.run<&fail_as_a_group>();
  co_return "no error";
}
sc::task<std::string> call_of_nothing(const portal& there) {
  co_await there.run_from_ns<int>("fault_dialogs", "no_such_function");
  co_return "no error";
}
sc::task<std::string> cancelled_call_that_cleans_up(const portal& there) {
  co_return co_await sc::move_on_after(1s, [&] { return there.run<&clean_up_slowly>(); }) ? "an end" : "cancelled";
}
sc::task<std::string> actor_that_is_cancelled(const portal& there) {
  std::string said = "nothing";
  co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
    n.start_soon([&]() -> sc::task<> {
      try {
        co_await there.run<&wait_for_ever>();
      } catch (const tractor::context_cancelled&) {
        said = "cancelled";
      }
    });
    co_await there.run<&twice>(1);
    static_cast<void>(co_await there.cancel_actor());  // the acknowledgement can be lost when the call has ended
  });
  co_return said;
}

}  // namespace

std::span<const dialog> call_dialogs() {
  static const std::array all{
      FAULTS_DIALOG(cancelled_call, "cancelled", 102),
      FAULTS_DIALOG(calls, "870", 970),
      FAULTS_DIALOG(calls_at_once, "90", 68),
      FAULTS_DIALOG(large_call, "200000", 3100),
      FAULTS_DIALOG(failing_call, "error:RemoteActorError(ValueError)", 68),
      FAULTS_DIALOG(failing_group, "error:RemoteActorError(ExceptionGroup)", 68),
      FAULTS_DIALOG(call_of_nothing, "error:RemoteActorError(AttributeError)", 68),
      FAULTS_DIALOG(cancelled_call_that_cleans_up, "cancelled", 120),
      FAULTS_DIALOG(actor_that_is_cancelled, "cancelled", 100),
  };
  return all;
}

}  // namespace faults
