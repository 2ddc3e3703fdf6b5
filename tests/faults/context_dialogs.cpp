// SPDX-License-Identifier: Apache-2.0
//
// Contexts without a stream.

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

sc::task<std::string> context_that_returns(const portal& there) {
  int first = 0;
  const auto result = co_await there.open_context<&simple>({6}, [&](auto&, int started) -> sc::task<> {
    first = started;
    co_return;
  });
  co_return std::to_string(first) + result.value_or("nothing");
}
sc::task<std::string> context_whose_result_is_awaited(const portal& there) {
  co_return co_await there.open_context<&simple>({6},
                                                 [](auto& ctx, int) -> sc::task<std::string> { co_return co_await ctx.wait_for_result(); });
}
sc::task<std::string> context_that_fails_before_started(const portal& there) {
  co_await there.open_context<&fail_before_started>({}, [](auto&, int) -> sc::task<> { co_return; });
  co_return "no error";
}
sc::task<std::string> context_that_fails_after_started(const portal& there) {
  co_await there.open_context<&fail_after_started>({}, [](auto&) -> sc::task<> { co_await sc::sleep_forever(); });
  co_return "no error";
}
sc::task<std::string> context_that_is_cancelled(const portal& there) {
  co_await there.open_context<&sleeper>({}, [](auto& ctx) -> sc::task<> { co_await ctx.cancel(); });
  co_return "cancelled";
}
sc::task<std::string> context_whose_body_fails(const portal& there) {
  co_await there.open_context<&sleeper>({}, [](auto&) -> sc::task<> {
    co_await sc::checkpoint();
    throw std::out_of_range("of the body");
  });
  co_return "no error";
}
sc::task<std::string> context_whose_body_is_cancelled(const portal& there) {
  const bool ended = co_await sc::move_on_after(
      1s, [&] { return there.open_context<&sleeper>({}, [](auto&) -> sc::task<> { co_await sc::sleep_forever(); }); });
  co_return ended ? "an end" : "cancelled";
}
sc::task<std::string> context_that_cancels_itself(const portal& there) {
  co_await there.open_context<&cancel_itself>({}, [](auto&) -> sc::task<> { co_await sc::sleep_forever(); });
  co_return "no error";
}
sc::task<std::string> context_that_is_never_started(const portal& there) {
  co_await there.open_context<&never_started>({}, [](auto&) -> sc::task<> { co_return; });
  co_return "no error";
}
sc::task<std::string> context_that_goes_on_after_its_body(const portal& there) {
  co_return text(co_await there.open_context<&goes_on>({}, [](auto&) -> sc::task<> { co_return; }));
}
sc::task<std::string> context_that_fails_in_its_cleanup(const portal& there) {
  co_await there.open_context<&fail_when_cancelled>({}, [](auto& ctx) -> sc::task<> { co_await ctx.cancel(); });
  co_return "no error";
}
sc::task<std::string> context_that_fails_on_both_sides(const portal& there) {
  co_await there.open_context<&fail_when_cancelled>({}, [](auto&) -> sc::task<> {
    co_await sc::checkpoint();
    throw std::out_of_range("of the body");
  });
  co_return "no error";
}
sc::task<std::string> two_contexts(const portal& there) {
  int count = 0;
  co_await there.open_context<&sleeper>({}, [&](auto& outer) -> sc::task<> {
    co_await there.open_context<&simple>({1}, [&](auto&, int first) -> sc::task<> {
      count = first;
      co_return;
    });
    co_await outer.cancel();
  });
  co_return std::to_string(count);
}
sc::task<std::string> context_that_is_cancelled_before_started(const portal& there) {
  const bool ended = co_await sc::move_on_after(
      1s, [&] { return there.open_context<&never_gets_to_started>({}, [](auto&) -> sc::task<> { co_return; }); });
  co_return ended ? "an end" : "cancelled";
}
// The cancel has been answered, however long that took.
sc::task<std::string> stream_opened_after_cancel(const portal& there) {
  std::string said = "opened";
  co_await there.open_context<&mirror>({}, [&](auto& ctx) -> sc::task<> {
    co_await ctx.cancel();
    try {
      static_cast<void>(co_await ctx.wait_for_result());
    } catch (const tractor::context_cancelled&) {
      said = "cancelled";
    }
    try {
      co_await ctx.open_stream([](auto&) -> sc::task<> { co_return; });
    } catch (const tractor::context_cancelled&) {
      said += ", and not opened";
      throw;
    }
  });
  co_return said;
}
// It has not been yet.
sc::task<std::string> stream_opened_while_cancelling(const portal& there) {
  co_await there.open_context<&slow_to_end>({}, [](auto& ctx) -> sc::task<> {
    co_await ctx.cancel(0ms);
    co_await ctx.open_stream([](auto&) -> sc::task<> { co_return; });
  });
  co_return "no error";
}
// By the actor that has the context open, and yet not by that.
sc::task<std::string> context_whose_actor_is_cancelled(const portal& there) {
  co_await there.open_context<&sleeper>({}, [&](auto&) -> sc::task<> {
    static_cast<void>(co_await there.cancel_actor());
    co_await sc::sleep_forever();
  });
  co_return "no error";
}

}  // namespace

std::span<const dialog> context_dialogs() {
  static const std::array all{
      FAULTS_DIALOG(context_that_returns, "7done", 68),
      FAULTS_DIALOG(context_whose_result_is_awaited, "done", 68),
      FAULTS_DIALOG(context_that_fails_before_started, "error:RemoteActorError(ValueError)", 68),
      FAULTS_DIALOG(context_that_fails_after_started, "error:RemoteActorError(ValueError)", 68),
      FAULTS_DIALOG(context_that_is_cancelled, "cancelled", 100),
      FAULTS_DIALOG(context_whose_body_fails, "error:IndexError", 100),
      FAULTS_DIALOG(context_whose_body_is_cancelled, "cancelled", 102),
      FAULTS_DIALOG(context_that_cancels_itself, "error:ContextCancelled", 68),
      FAULTS_DIALOG(context_that_is_never_started, "error:MessagingError", 68),
      FAULTS_DIALOG(context_that_goes_on_after_its_body, "5", 86),
      FAULTS_DIALOG(context_that_fails_in_its_cleanup, "error:RemoteActorError(ValueError)", 100),
      FAULTS_DIALOG(context_that_fails_on_both_sides, "error:IndexError", 100),
      FAULTS_DIALOG(two_contexts, "2", 132),
      FAULTS_DIALOG(context_that_is_cancelled_before_started, "cancelled", 102),
      FAULTS_DIALOG(stream_opened_after_cancel, "cancelled, and not opened", 100),
      FAULTS_DIALOG(stream_opened_while_cancelling, "error:RuntimeError", 118),
      FAULTS_DIALOG(context_whose_actor_is_cancelled, "error:ContextCancelled", 100),
  };
  return all;
}

}  // namespace faults
