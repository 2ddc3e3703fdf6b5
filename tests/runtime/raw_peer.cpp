// SPDX-License-Identifier: Apache-2.0

#include "raw_peer.hpp"

#include <stdexcept>

namespace {

namespace sc = tractor::sc;

sc::task<int> twice(int number) { co_return 2 * number; }
sc::task<> wait_for_ever() { co_await sc::sleep_forever(); }
sc::task<std::string> text(int bytes) { co_return std::string(static_cast<std::size_t>(bytes), 'x'); }
sc::task<> fail(int bytes) {
  throw std::runtime_error(std::string(static_cast<std::size_t>(bytes), 'x'));
  co_return;
}
// An error that has no form on the wire: a name that is no text.
sc::task<> fail_unsendably() {
  tractor::msg::error_msg fields;
  fields.src_uid.name = "\xff";
  fields.src_type_str = fields.boxed_type_str = "KeyError";
  throw tractor::remote_actor_error(fields);
  co_return;
}

// Takes what it is sent, up to the bounds, and never reads it.
sc::task<> hoard(tractor::context<void, std::string, void>& ctx) {
  co_await ctx.started();
  co_await ctx.open_stream([](auto&) -> sc::task<> { co_await sc::sleep_forever(); });
}

// Sends back what it gets.
sc::task<> mirror(tractor::context<void, int, int>& ctx) {
  co_await ctx.started();
  co_await ctx.open_stream([](auto& stream) -> sc::task<> {
    while (const auto item = co_await stream.next()) co_await stream.send(*item);
  });
}

// Sends, out of reach of cancels.
sc::task<> insist(tractor::context<void, int, int>& ctx) {
  co_await ctx.started();
  co_await ctx.open_stream([](auto& stream) -> sc::task<> {
    co_await sc::shielded([&]() -> sc::task<> {
      for (int i = 0; i < 10; ++i) co_await stream.send(i);
    });
  });
}

// Sends without an end, with several tasks, out of reach of cancels.
sc::task<> pour(tractor::context<void, void, std::string>& ctx) {
  co_await ctx.started();
  co_await ctx.open_stream([](auto& stream) -> sc::task<> {
    co_await sc::shielded([&]() -> sc::task<> {
      co_await sc::open_nursery([&](sc::nursery& n) {
        for (int i = 0; i < raw::senders; ++i)
          n.start_soon([&]() -> sc::task<> {
            struct counted {
              ~counted() { ++raw::sends_ended; }
            } const at_end;
            for (;;) co_await stream.send(std::string(100'000, 'x'));
          });
      });
    });
  });
}

// Receives, out of reach of cancels.
sc::task<> await_stubbornly(tractor::context<void, int, int>& ctx) {
  co_await ctx.started();
  co_await ctx.open_stream(
      [](auto& stream) -> sc::task<> { co_await sc::shielded([&]() -> sc::task<> { static_cast<void>(co_await stream.receive()); }); });
}

// Goes on for a second after its peer has gone; then it finds out, and fails.
sc::task<> send_too_late(tractor::context<void, int, int>& ctx) {
  co_await ctx.started();
  co_await ctx.open_stream([](auto& stream) -> sc::task<> {
    co_await sc::shielded([&]() -> sc::task<> {
      co_await sc::sleep(std::chrono::seconds(1));
      try {
        co_await stream.send(1);
      } catch (const tractor::transport_closed&) {
        ++raw::sends_refused;
      }
    });
  });
  throw std::runtime_error("nobody hears this");
}

sc::generator<int> count_to(int n) {
  for (int i = 0; i < n; ++i) co_yield i;
}
sc::generator<int> one_and_wait() {
  co_yield 1;
  co_await sc::sleep_forever();
}

sc::task<> announce(tractor::context<std::string>& ctx, int bytes) {
  co_await ctx.started(std::string(static_cast<std::size_t>(bytes), 'x'));
  ++raw::announced;
}

TRACTOR_MODULE(hostile_target) {
  mod.def<&announce>("announce", "bytes");
  mod.def<&hoard>("hoard");
  mod.def<&mirror>("mirror");
  mod.def<&insist>("insist");
  mod.def<&pour>("pour");
  mod.def<&await_stubbornly>("await_stubbornly");
  mod.def<&send_too_late>("send_too_late");
  mod.def<&count_to>("count_to", "n");
  mod.def<&one_and_wait>("one_and_wait");
  mod.def<&twice>("twice", "number");
  mod.def<&wait_for_ever>("wait_for_ever");
  mod.def<&text>("text", "bytes");
  mod.def<&fail>("fail", "bytes");
  mod.def<&fail_unsendably>("fail_unsendably");
}

}  // namespace

namespace raw {

int announced = 0;
int sends_refused = 0;
int sends_ended = 0;

sc::task<> attack_actor(ipc::address where, const attack& attacking) {
  co_await tractor::open_root_actor(
      [&]() -> sc::task<> {
        const auto address = tractor::accept_addresses().at(0);
        raw_peer peer(co_await ipc::connect(address));
        co_await attacking(peer);
        peer.hang_up();
        raw_peer honest(co_await ipc::connect(address));
        co_await honest.shake_hands();
        honest.send_start("honest", "hostile_target", "twice", {{"number", 21}});
        EXPECT_EQ(co_await honest.answer(), "StartAck");
        EXPECT_EQ(co_await honest.answer(), "Return");
        honest.hang_up();
      },
      {.enable_modules = {"hostile_target"}, .bind_addrs = {where}, .handle_signals = false});
}

}  // namespace raw
