// SPDX-License-Identifier: Apache-2.0
//
// What a context says of itself, from both sides.

#include "runtime_test.hpp"

namespace states {

namespace sc = tractor::sc;
using tractor::context_state;

// The states that the endpoint goes through, as text.
sc::task<std::vector<std::string>> own_states(tractor::context<std::string, int, int>& ctx) {
  std::vector<std::string> seen;
  const auto note = [&] { seen.emplace_back(to_string(ctx.state())); };
  note();
  co_await ctx.started("ready");
  note();
  co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
    note();
    while (co_await stream.next()) continue;
    note();
  });
  co_return seen;
}

constinit context_state state_in_cleanup = context_state::pre_started;
sc::task<std::string> last_state_in_cleanup() { co_return std::string(to_string(state_in_cleanup)); }

// Waits to be cancelled, or cancels itself.
sc::task<> end_by_cancel(tractor::context<>& ctx, bool itself) {
  struct noted {
    tractor::context<>& of;
    ~noted() { state_in_cleanup = of.state(); }
  } const at_exit{ctx};
  co_await ctx.started();
  if (itself) ctx.cancel();
  co_await sc::sleep_forever();
}

sc::task<> fail(tractor::context<>& ctx) {
  co_await ctx.started();
  throw std::runtime_error("on purpose");
}

}  // namespace states

TRACTOR_MODULE(states) {
  mod.def<&states::own_states>("own_states");
  mod.def<&states::last_state_in_cleanup>("last_state_in_cleanup");
  mod.def<&states::end_by_cancel>("end_by_cancel", "itself");
  mod.def<&states::fail>("fail");
}

namespace runtime_test {
namespace {

using tractor::context_state;

class context_state_test : public runtime_test {};

// Notes the state of a context when a block is left.
template <class Context>
class state_at_exit {
 public:
  state_at_exit(const Context& of, context_state& into) : of_(of), into_(into) {}
  state_at_exit(const state_at_exit&) = delete;
  state_at_exit& operator=(const state_at_exit&) = delete;
  ~state_at_exit() { into_ = of_.state(); }

 private:
  const Context& of_;
  context_state& into_;
};

sc::task<portal> start_states(actor_nursery& an) { return start(an, "worker", {"states"}); }

// S-CTX-25
TEST_F(context_state_test, follows_a_dialog_to_its_result) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start_states(an);
    std::vector<context_state> here;
    std::vector<std::string> there;
    co_await worker.open_context<&states::own_states>({}, [&](auto& ctx, std::string) -> sc::task<> {
      here.push_back(ctx.state());
      co_await ctx.open_stream([&](auto&) -> sc::task<> {
        here.push_back(ctx.state());
        co_return;
      });
      here.push_back(ctx.state());
      there = co_await ctx.wait_for_result();
      here.push_back(ctx.state());
    });
    EXPECT_EQ(here, (std::vector{context_state::started, context_state::streaming, context_state::streaming_finished,
                                 context_state::result_returned}));
    EXPECT_EQ(there, (std::vector<std::string>{"pre-started", "started", "streaming", "streaming-finished"}));
    co_await an.cancel();
  });
}

// S-CTX-25
TEST_F(context_state_test, tells_who_cancelled) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start_states(an);
    context_state here{};
    co_await worker.open_context<&states::end_by_cancel>({false}, [&](auto& ctx) -> sc::task<> {
      co_await ctx.cancel(hang_bound);
      here = ctx.state();
    });
    EXPECT_EQ(here, context_state::self_cancelled);
    EXPECT_EQ("peer-cancelled", co_await worker.run<&states::last_state_in_cleanup>());

    static_cast<void>(co_await catch_as<tractor::context_cancelled>([&] {
      return worker.open_context<&states::end_by_cancel>({true}, [&](auto& ctx) -> sc::task<> {
        const state_at_exit noted(ctx, here);
        co_await sc::sleep_forever();
      });
    }));
    EXPECT_EQ(here, context_state::peer_cancelled);
    EXPECT_EQ("self-cancelled", co_await worker.run<&states::last_state_in_cleanup>());

    static_cast<void>(co_await catch_as<tractor::context_cancelled>([&] {
      return worker.open_context<&states::end_by_cancel>({false}, [&](auto& ctx) -> sc::task<> {
        const state_at_exit noted(ctx, here);
        EXPECT_TRUE(co_await worker.cancel_actor({.timeout = hang_bound}));
        co_await sc::sleep_forever();
      });
    }));
    EXPECT_EQ(here, context_state::actor_cancelled);
  });
}

// S-CTX-25
TEST_F(context_state_test, tells_an_error) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start_states(an);
    context_state here{};
    static_cast<void>(co_await catch_as<tractor::remote_actor_error>([&] {
      return worker.open_context<&states::fail>({}, [&](auto& ctx) -> sc::task<> {
        const state_at_exit noted(ctx, here);
        co_await sc::sleep_forever();
      });
    }));
    EXPECT_EQ(here, context_state::errored);
    co_await an.cancel();
  });
}

// S-CTX-25
TEST(context_state, has_the_names_of_the_reference) {
  const std::vector<std::string_view> names{"pre-started",        "syncing-to-child", "started",        "streaming",
                                            "streaming-finished", "result-returned",  "self-cancelled", "peer-cancelled",
                                            "actor-cancelled",    "errored"};
  for (std::size_t i = 0; i < names.size(); ++i) EXPECT_EQ(to_string(static_cast<context_state>(i)), names[i]);
}

}  // namespace
}  // namespace runtime_test
