// SPDX-License-Identifier: Apache-2.0

#include "dialogs.hpp"

#include <array>
#include <chrono>
#include <stdexcept>
#include <vector>

#include "tractor/sc/finally.hpp"

namespace faults {

namespace {

using namespace std::chrono_literals;
using tractor::portal;
template <class First = void, class In = void, class Out = void>
using context = tractor::context<First, In, Out>;

record noted;

// Stands in each endpoint.
class visit {
 public:
  visit() noexcept { ++noted.entered; }
  visit(const visit&) = delete;
  visit& operator=(const visit&) = delete;
  ~visit() { ++(returned_ ? noted.returned : sc::why_cancelled().empty() ? noted.failed : noted.cancelled); }
  void returned() noexcept { returned_ = true; }

 private:
  bool returned_ = false;
};

// --- endpoints ---

sc::task<int> twice(int number) {
  visit here;
  co_await sc::checkpoint();
  here.returned();
  co_return 2 * number;
}
sc::task<std::string> echo_text(std::string text) {
  visit here;
  here.returned();
  co_return text;
}
sc::task<> fail(std::string why) {
  visit here;
  co_await sc::checkpoint();
  throw std::invalid_argument(why);
}
sc::task<> fail_as_a_group() {
  visit here;
  co_await sc::open_nursery([](sc::nursery& n) {
    for (const char* why : {"one", "two"})
      n.start_soon([why]() -> sc::task<> {
        co_await sc::cancel_shielded_checkpoint();
        throw std::out_of_range(why);
      });
  });
}
sc::task<> wait_for_ever() {
  visit here;
  co_await sc::sleep_forever();
}
sc::task<> clean_up_slowly() {
  visit here;
  co_await sc::finally([]() -> sc::task<> { co_await sc::sleep_forever(); }, []() -> sc::task<> { co_await sc::sleep(100ms); });
}
sc::task<std::string> simple(context<int>& ctx, int number) {
  visit here;
  co_await ctx.started(number + 1);
  here.returned();
  co_return "done";
}
sc::task<> fail_before_started(context<int>&) {
  visit here;
  co_await sc::checkpoint();
  throw std::invalid_argument("not ready");
}
sc::task<> fail_after_started(context<>& ctx) {
  visit here;
  co_await ctx.started();
  throw std::invalid_argument("later");
}
sc::task<> sleeper(context<>& ctx) {
  visit here;
  co_await ctx.started();
  co_await sc::sleep_forever();
}
sc::task<> cancel_itself(context<>& ctx) {
  visit here;
  co_await ctx.started();
  ctx.cancel();
  co_await sc::sleep_forever();
}
sc::task<> never_started(context<>&) {
  visit here;
  here.returned();
  co_return;
}
sc::task<int> goes_on(context<>& ctx) {
  visit here;
  co_await ctx.started();
  co_await sc::sleep(500ms);
  here.returned();
  co_return 5;
}
sc::task<> fail_when_cancelled(context<>& ctx) {
  visit here;
  co_await ctx.started();
  bool cut = false;
  try {
    co_await sc::sleep_forever();
  } catch (const sc::cancelled&) {
    cut = true;
  }
  if (cut) throw std::invalid_argument("in the cleanup");
}
sc::task<int> mirror(context<void, int, int>& ctx) {
  visit here;
  int count = 0;
  co_await ctx.started();
  co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
    while (const auto item = co_await stream.next()) {
      ++count;
      co_await stream.send(*item);
    }
  });
  here.returned();
  co_return count;
}
sc::task<int> send_some(context<void, void, std::string>& ctx, int count, int bytes) {
  visit here;
  co_await ctx.started();
  co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
    for (int i = 0; i < count; ++i) co_await stream.send(std::string(static_cast<std::size_t>(bytes), 'x'));
  });
  here.returned();
  co_return count;
}
sc::task<int> take_some(context<void, int, void>& ctx, int count) {
  visit here;
  int sum = 0;
  co_await ctx.started();
  co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
    for (int i = 0; i < count; ++i) {
      const auto item = co_await stream.next();
      if (!item) break;
      sum += *item;
    }
  });
  here.returned();
  co_return sum;
}
sc::task<> fail_in_stream(context<void, int, int>& ctx) {
  visit here;
  co_await ctx.started();
  co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
    const int first = co_await stream.receive();
    co_await stream.send(first);
    throw std::invalid_argument("in the stream");
  });
}
sc::generator<int> numbers(int count) {
  visit here;
  for (int i = 0; i < count; ++i) co_yield i;
  here.returned();
}
sc::generator<int> numbers_and_an_error(int count) {
  visit here;
  for (int i = 0; i < count; ++i) co_yield i;
  throw std::invalid_argument("no more");
}

TRACTOR_MODULE(fault_dialogs) {
  mod.def<&twice>("twice", "number");
  mod.def<&echo_text>("echo_text", "text");
  mod.def<&fail>("fail", "why");
  mod.def<&fail_as_a_group>("fail_as_a_group");
  mod.def<&wait_for_ever>("wait_for_ever");
  mod.def<&clean_up_slowly>("clean_up_slowly");
  mod.def<&simple>("simple", "number");
  mod.def<&fail_before_started>("fail_before_started");
  mod.def<&fail_after_started>("fail_after_started");
  mod.def<&sleeper>("sleeper");
  mod.def<&cancel_itself>("cancel_itself");
  mod.def<&never_started>("never_started");
  mod.def<&goes_on>("goes_on");
  mod.def<&fail_when_cancelled>("fail_when_cancelled");
  mod.def<&mirror>("mirror");
  mod.def<&send_some>("send_some", "count", "bytes");
  mod.def<&take_some>("take_some", "count");
  mod.def<&fail_in_stream>("fail_in_stream");
  mod.def<&numbers>("numbers", "count");
  mod.def<&numbers_and_an_error>("numbers_and_an_error", "count");
}

// --- what is said ---

std::string text(const std::optional<int>& value) { return value ? std::to_string(*value) : "nothing"; }

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
sc::task<std::string> cancelled_call(const portal& there) {
  co_return co_await sc::move_on_after(1s, [&] { return there.run<&wait_for_ever>(); }) ? "an end" : "cancelled";
}
sc::task<std::string> cancelled_call_that_cleans_up(const portal& there) {
  co_return co_await sc::move_on_after(1s, [&] { return there.run<&clean_up_slowly>(); }) ? "an end" : "cancelled";
}
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
sc::task<std::string> one_way(const portal& there) {
  co_return std::to_string(co_await there.open_stream_from<&numbers>({100}, [](auto& stream) -> sc::task<int> {
    int sum = 0;
    while (const auto number = co_await stream.next()) sum += *number;
    co_return sum;
  }));
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
sc::task<std::string> several_at_once(const portal& there) {
  std::array<std::string, 3> said;
  co_await sc::open_nursery([&](sc::nursery& n) {
    n.start_soon([&]() -> sc::task<> { said[0] = co_await stream_both_ways(there); });
    n.start_soon([&]() -> sc::task<> { said[1] = co_await one_way(there); });
    n.start_soon([&]() -> sc::task<> { said[2] = co_await cancelled_call(there); });
  });
  co_return said[0] + ", " + said[1] + ", " + said[2];
}

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

#define FAULTS_DIALOG(function)                                              \
  dialog {                                                                   \
    #function, 1, [](std::span<const portal> to) { return function(to[0]); } \
  }
#define FAULTS_DIALOG_OF_TWO(function)                                              \
  dialog {                                                                          \
    #function, 2, [](std::span<const portal> to) { return function(to[0], to[1]); } \
  }
const std::array all{
    FAULTS_DIALOG(calls),
    FAULTS_DIALOG(calls_at_once),
    FAULTS_DIALOG(large_call),
    FAULTS_DIALOG(failing_call),
    FAULTS_DIALOG(failing_group),
    FAULTS_DIALOG(call_of_nothing),
    FAULTS_DIALOG(cancelled_call),
    FAULTS_DIALOG(cancelled_call_that_cleans_up),
    FAULTS_DIALOG(context_that_returns),
    FAULTS_DIALOG(context_whose_result_is_awaited),
    FAULTS_DIALOG(context_that_fails_before_started),
    FAULTS_DIALOG(context_that_fails_after_started),
    FAULTS_DIALOG(context_that_is_cancelled),
    FAULTS_DIALOG(context_whose_body_fails),
    FAULTS_DIALOG(context_whose_body_is_cancelled),
    FAULTS_DIALOG(context_that_cancels_itself),
    FAULTS_DIALOG(context_that_is_never_started),
    FAULTS_DIALOG(context_that_goes_on_after_its_body),
    FAULTS_DIALOG(context_that_fails_in_its_cleanup),
    FAULTS_DIALOG(context_that_fails_on_both_sides),
    FAULTS_DIALOG(actor_that_is_cancelled),
    FAULTS_DIALOG(two_contexts),
    FAULTS_DIALOG(stream_both_ways),
    FAULTS_DIALOG(stream_of_many),
    FAULTS_DIALOG(stream_of_large_messages),
    FAULTS_DIALOG(stream_to_a_slow_reader),
    FAULTS_DIALOG(stream_that_overruns),
    FAULTS_DIALOG(stream_to_the_peer),
    FAULTS_DIALOG(stream_that_the_peer_leaves),
    FAULTS_DIALOG(stream_whose_reader_fails),
    FAULTS_DIALOG(stream_whose_peer_fails),
    FAULTS_DIALOG(stream_that_is_shared_late),
    FAULTS_DIALOG(one_way),
    FAULTS_DIALOG(one_way_that_is_left),
    FAULTS_DIALOG(one_way_that_fails),
    FAULTS_DIALOG(several_at_once),
    FAULTS_DIALOG_OF_TWO(calls_on_both),
    FAULTS_DIALOG_OF_TWO(stream_passed_on),
    FAULTS_DIALOG_OF_TWO(context_in_a_context_of_the_other),
    FAULTS_DIALOG_OF_TWO(error_of_one_ends_the_other),
    FAULTS_DIALOG_OF_TWO(cancelled_by_the_other),
    FAULTS_DIALOG_OF_TWO(cancelled_on_both),
    FAULTS_DIALOG_OF_TWO(streams_on_both),
};

}  // namespace

std::span<const dialog> dialogs() {
  tractor::register_own_modules();  // there is no tractor::run here that does
  return all;
}
record seen() { return noted; }
void reset() { noted = {}; }

}  // namespace faults
