// SPDX-License-Identifier: Apache-2.0

#include "run.hpp"

#include <algorithm>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "tests/runtime/in_process_actor.hpp"
#include "tractor/sc/memory_stream.hpp"

namespace faults {

namespace {

using namespace std::chrono_literals;
using runtime_test::in_process_actor;

constexpr std::size_t buffer_bytes = 2048;  // of each direction of a connection
constexpr auto poll_interval = 100ms;

// Makes one timer late: whoever it wakes finds the time long past.
class late_timer : public sc::instrument {
 public:
  late_timer(sc::virtual_clock& clock, const fault_at& fault, outcome& found) : clock_(clock), fault_(fault), found_(found) {}

  void before_task_step(const sc::task_note&) noexcept override {
    if (clock_.now() == before_) return;
    if (++found_.timers == fault_.timer) {
      found_.timer_hit = true;
      clock_.advance(fault_.late);
    }
    before_ = clock_.now();
  }

 private:
  sc::virtual_clock& clock_;
  const fault_at& fault_;
  outcome& found_;
  sc::time_point before_ = clock_.now();
};

// Several tasks that have all found the same are one finding. Of a remote error also what it was there, and at first.
std::string error_name(const std::exception_ptr& error) {
  if (const auto* const group = tractor::exception_ptr_cast<sc::exception_group>(error)) {
    std::string text = error_name(group->exceptions().front());
    for (const auto& member : group->exceptions())
      if (error_name(member) != text) text += ", " + error_name(member);
    return text;
  }
  const std::string name = tractor::wire_type_name(error);
  const auto* const remote = tractor::exception_ptr_cast<tractor::remote_actor_error>(error);
  if (remote == nullptr || (name == remote->boxed_type_str() && !remote->is_inception())) return name;
  return name + "(" + remote->boxed_type_str() + (remote->is_inception() ? " of " + remote->src_type_str() : "") + ")";
}

// The connections of a dialog, and at which end of them the fault is.
class wiring {
 public:
  wiring(const fault_at& fault, outcome& found, fault_stream::defer later) : fault_(fault), found_(found), later_(std::move(later)) {}

  void connect(in_process_actor::streams& of_near, side near, in_process_actor::streams& of_far, side far) {
    auto [one, other] = sc::open_memory_streams(buffer_bytes);
    of_near.push_back(with_fault(std::move(one), near));
    of_far.push_back(with_fault(std::move(other), far));
  }
  static void connect_without_faults(in_process_actor::streams& near, in_process_actor::streams& far) {
    auto [one, other] = sc::open_memory_streams(buffer_bytes);
    near.push_back(std::move(one));
    far.push_back(std::move(other));
  }

 private:
  std::unique_ptr<sc::byte_stream> with_fault(std::unique_ptr<sc::byte_stream> stream, side of) {
    return std::make_unique<fault_stream>(std::move(stream), fault_.of == of ? fault_.plan : plan{},
                                          found_.progress[static_cast<std::size_t>(of)], later_);
  }

  const fault_at& fault_;
  outcome& found_;
  fault_stream::defer later_;
};

// An actor that serves until its connections have ended, or patience with it has.
class server_task {
 public:
  server_task(sc::nursery& all, in_process_actor& actor) {
    all.start_soon([this, &actor]() -> sc::task<> {
      static_cast<void>(co_await serving_.run([&] { return actor.serve(); }));
      ended_.set();
    });
  }
  sc::task<> end_by_force() {
    serving_.cancel("its connections do not end");
    co_await ended_.wait();
  }
  // Whether it had to be made to.
  sc::task<bool> end() {
    if (co_await sc::move_on_after(patience, [this] { return ended_.wait(); })) co_return false;
    co_await end_by_force();
    co_return true;
  }

 private:
  sc::cancel_scope serving_;
  sc::event ended_;
};

sc::task<bool> wait_until(sc::duration at_most, std::function<bool()> holds) {
  const auto end = sc::current_time() + at_most;
  while (!holds() && sc::current_time() < end) co_await sc::sleep(poll_interval);
  co_return holds();
}

sc::task<> hold(const dialog& said, const fault_at& fault, outcome& found) {
  co_await sc::open_nursery([&](sc::nursery& all) -> sc::task<> {
    wiring wires(fault, found, [&all](std::function<void()> release) {
      all.start_soon([release = std::move(release)]() -> sc::task<> {
        co_await sc::sleep(delay);
        release();
      });
    });
    in_process_actor::streams of_opener, of_server, of_third;
    wires.connect(of_opener, side::opener, of_server, side::server);
    const bool has_third = said.shape == shape::through_the_middle;
    if (said.shape == shape::two_connections) wiring::connect_without_faults(of_opener, of_server);
    if (has_third) wires.connect(of_server, side::behind_server, of_third, side::third);
    in_process_actor opener("opener", {}, std::move(of_opener));
    in_process_actor server("server", {"fault_dialogs"}, std::move(of_server));
    in_process_actor third(third_actor_name, {"fault_dialogs"}, std::move(of_third));

    server_task serving(all, server);
    std::optional<server_task> behind;
    if (has_third) behind.emplace(all, third);
    // Its endpoints ask for the third actor, so they are not asked before it is there, or never will be.
    const auto knows_third = [&] {
      return std::ranges::any_of(server.self().peers(), [](const auto& each) { return each->remote_uid().name == third_actor_name; });
    };
    if (has_third) static_cast<void>(co_await wait_until(2 * tractor::handshake_timeout, knows_third));

    found.text = "no handshake";
    sc::cancel_scope waiting;
    std::optional<sc::time_point> out_of_patience;
    co_await opener.use([&](std::span<const tractor::portal> portals) -> sc::task<> {
      sc::cancel_scope trying;
      all.start_soon([&]() -> sc::task<> {
        static_cast<void>(co_await waiting.run([&]() -> sc::task<> {
          co_await sc::sleep(patience);
          for (auto& made : found.progress) made.moved_in_time = made.moved.size();
          out_of_patience = sc::current_time();
          trying.cancel("out of patience");
        }));
      });
      const auto begun = sc::current_time();
      try {
        const auto text = co_await trying.run([&] { return said.run(portals); });
        found.text = text.value_or("hung");
      } catch (const std::exception&) {
        found.text = "error:" + error_name(std::current_exception());
      }
      found.took = sc::current_time() - begun;
      waiting.cancel("the dialog has ended");
    });
    if (out_of_patience) found.unwinding = sc::current_time() - *out_of_patience;
    // Neither of the two behind hangs up by itself.
    if (has_third) {
      if (!co_await wait_until(patience, [&] { return server.self().running_calls() == 0; })) {
        found.server_had_to_be_ended = true;
        co_await serving.end_by_force();
      }
      third.self().cancel_soon(std::nullopt, "there is nothing more to do");
      found.third_had_to_be_ended = co_await behind->end();
    }
    found.server_cancelled = server.self().cancel_called();
    found.server_had_to_be_ended = co_await serving.end() || found.server_had_to_be_ended;
    found.record = seen();
    for (in_process_actor* const each : {&opener, &server, &third}) {
      const bool ended_by_force = (each == &server && found.server_had_to_be_ended) || (each == &third && found.third_had_to_be_ended);
      if (each->self().running_calls() != 0) found.broken = "calls of " + each->self().name() + " are left";
      if (each->self().peer_count() != 0 && !ended_by_force) found.broken = "a peer of " + each->self().name() + " is left";
    }
  });
}

}  // namespace

std::string to_string(side of) {
  switch (of) {
    case side::opener: return "the opener";
    case side::server: return "the server";
    case side::behind_server: return "the server, to the third";
    case side::third: return "the third";
  }
  return "?";
}

std::span<const side> sides_of(shape of) {
  static constexpr std::array all{side::opener, side::server, side::behind_server, side::third};
  return std::span(all).first(of == shape::through_the_middle ? 4 : 2);
}

outcome run_with(const dialog& said, const fault_at& fault, std::uint64_t seed) {
  outcome found;
  reset();
  sc::virtual_clock clock;
  late_timer late(clock, fault, found);
  sc::instrument* const instruments[] = {&late};
  const bool watched = fault.timer != 0;  // it has each step go through the scheduler
  try {
    sc::run({.clock = &clock,
             .seed = seed,
             .swallow = sc::swallow_policy::fail,
             .instruments = std::span<sc::instrument* const>(instruments, watched ? 1 : 0)},
            [&] { return hold(said, fault, found); });
  } catch (...) {
    found.broken = "the run failed: " + sc::error_report(std::current_exception());
  }
  const record& seen = found.record;
  if (found.broken.empty() && seen.entered != seen.returned + seen.failed + seen.cancelled) found.broken = "an endpoint did not end";
  return found;
}

}  // namespace faults
