// SPDX-License-Identifier: Apache-2.0

#include "endpoints.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include "dialogs.hpp"
#include "tractor/sc/finally.hpp"

namespace faults {

using namespace std::chrono_literals;

namespace {

record noted;

constexpr const char* no_text = "\xff";  // has no form on the wire

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

// As the actor in the middle reaches it. It is there before a dialog begins, and may be gone since.
tractor::portal third_actor() {
  const auto& peers = tractor::current_actor().peers();
  const auto found = std::ranges::find(peers, third_actor_name, [](const auto& each) { return each->remote_uid().name; });
  if (found == peers.end()) throw tractor::transport_closed("the third actor is gone");
  return tractor::portal(*found);
}

}  // namespace

record seen() { return noted; }
void reset() { noted = {}; }

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
sc::task<> never_gets_to_started(context<>& ctx) {
  visit here;
  co_await sc::sleep_forever();
  co_await ctx.started();
}
sc::task<> slow_to_end(context<void, int, int>& ctx) {
  visit here;
  co_await ctx.started();
  co_await sc::finally([]() -> sc::task<> { co_await sc::sleep_forever(); }, []() -> sc::task<> { co_await sc::sleep(100ms); });
}
sc::task<> start_without_a_form(context<std::string>& ctx) {
  visit here;
  co_await ctx.started(no_text);
}
sc::task<> send_without_a_form(context<void, void, std::string>& ctx) {
  visit here;
  co_await ctx.started();
  co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
    co_await stream.send("good");
    co_await stream.send(no_text);
  });
}
sc::task<> send_slowly_and_wait(context<void, void, std::string>& ctx) {
  visit here;
  co_await ctx.started();
  co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
    for (int i = 0; i < 20; ++i) {
      co_await stream.send("one more");
      co_await sc::sleep(1ms);
    }
    co_await sc::sleep_forever();
  });
}
sc::task<> overrun_by_its_peer(context<void, int, int>& ctx) {
  visit here;
  co_await ctx.started();
  co_await ctx.open_stream(
      [&](auto& stream) -> sc::task<> {
        co_await stream.send(0);  // from here on it does not read
        co_await sc::sleep_forever();
      },
      {.overruns = tractor::overruns::error, .buffer_messages = 4});
}
sc::task<> relay_error(std::string why) {
  visit here;
  co_await third_actor().run<&fail>(why);
  here.returned();
}
sc::task<> relay_cancel() {
  visit here;
  co_await third_actor().run<&wait_for_ever>();
  here.returned();
}
sc::task<int> relay_stream(context<void, int, int>& ctx) {
  visit here;
  int count = 0;
  co_await ctx.started();
  co_await third_actor().open_context<&mirror>({}, [&](auto& onward) -> sc::task<> {
    co_await onward.open_stream([&](auto& behind) -> sc::task<> {
      co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
        while (const auto item = co_await stream.next()) {
          co_await behind.send(*item);
          co_await stream.send(co_await behind.receive());
          ++count;
        }
      });
    });
  });
  here.returned();
  co_return count;
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
  mod.def<&never_gets_to_started>("never_gets_to_started");
  mod.def<&slow_to_end>("slow_to_end");
  mod.def<&start_without_a_form>("start_without_a_form");
  mod.def<&send_without_a_form>("send_without_a_form");
  mod.def<&send_slowly_and_wait>("send_slowly_and_wait");
  mod.def<&overrun_by_its_peer>("overrun_by_its_peer");
  mod.def<&relay_error>("relay_error", "why");
  mod.def<&relay_cancel>("relay_cancel");
  mod.def<&relay_stream>("relay_stream");
}

}  // namespace faults
