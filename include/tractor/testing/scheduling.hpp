// SPDX-License-Identifier: Apache-2.0
//
// Bringing tasks into a known state, and seeing where they stop.
//
//     n.start_soon(receiver);
//     co_await testing::wait_all_tasks_blocked();                           // the receiver waits now
//     co_await testing::assert_checkpoints([&] { return stream.send_all(bytes); });
//     co_await testing::assert_schedule_point([&] { return stream.send_all(bytes); });
//     co_await testing::assert_no_checkpoints([&]() -> sc::task<> { … });
//     co_await order.at(2, [&]() -> sc::task<> { … });                      // after 0 and 1, in whatever task they are

#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <source_location>
#include <utility>

#include "tractor/sc/cancel_scope.hpp"
#include "tractor/sc/detail/idle_wait.hpp"
#include "tractor/sc/event.hpp"
#include "tractor/sc/instrument.hpp"
#include "tractor/sc/task.hpp"
#include "tractor/testing/check_failed.hpp"

namespace tractor::testing {

// Returns when every other task of this run waits for something, and has for `cushion` of real time: until then no task ran, no I/O and
// no timer was due. Several tasks may wait so; those with the shortest cushion are woken first, together. Who sleeps is blocked: an
// autojump clock does not jump before this has returned. A call into a thread is a wait like any other. In a run that a host drives the
// cushion is not waited for. A checkpoint.
[[nodiscard]] inline sc::detail::idle_wait wait_all_tasks_blocked(sc::duration cushion = sc::duration::zero()) noexcept {
  return sc::detail::idle_wait(cushion);
}

namespace detail {
[[noreturn]] TRACTOR_API void fail_no_checkpoint(std::source_location where);
[[noreturn]] TRACTOR_API void fail_checkpoint(const char* what, std::source_location where);

// How often a task was resumed since this was made.
class step_counter final : sc::instrument {
 public:
  step_counter() { sc::add_instrument(*this); }
  step_counter(const step_counter&) = delete;
  step_counter& operator=(const step_counter&) = delete;
  ~step_counter() override { sc::remove_instrument(*this); }
  [[nodiscard]] int count() const noexcept { return count_; }

 private:
  void before_task_step(const sc::task_note& /*task*/) noexcept override { ++count_; }
  int count_ = 0;
};
}  // namespace detail

// Checks that what `body` does is a checkpoint, by having it done in a scope that is cancelled: it must throw `cancelled`. (That it
// has done nothing by then is for the test to see.) Throws check_failed when it ends otherwise, with the error nested that it ended with.
// `body` is called once and returns something that can be awaited. Whether it lets other tasks run cannot be seen in the same call: what is
// refused because of a cancel does not stop for that. assert_schedule_point sees it.
template <class Body>
[[nodiscard]] sc::task<> assert_checkpoints(Body body, std::source_location where = std::source_location::current()) {
  sc::cancel_scope cancelled_before;
  cancelled_before.cancel("to see whether this is a checkpoint", where);
  bool ended = false;
  co_await cancelled_before.run([&]() -> sc::task<> {
    try {
      static_cast<void>(co_await body());
    } catch (const sc::cancelled&) {
      throw;
    } catch (...) {
      std::throw_with_nested(check_failed("this failed, where it was to be a checkpoint and throw cancelled", where));
    }
    ended = true;
  });
  if (ended) detail::fail_no_checkpoint(where);
}

// Checks that what `body` does lets other tasks run at least once before it ends; sc::checkpoint_if_cancelled(), say, does not. Every
// operation of the kernel that is a checkpoint does: while this looks, one that is ready at once stops as well, which otherwise it need
// not, a bounded number of times. `body` is called once and returns something that can be awaited, which is to end by itself; what it
// throws is passed on. Throws check_failed.
template <class Body>
[[nodiscard]] sc::task<> assert_schedule_point(Body body, std::source_location where = std::source_location::current()) {
  const detail::step_counter steps;  // with an instrument present whatever may stop does
  static_cast<void>(co_await body());
  if (steps.count() == 0) detail::fail_checkpoint("no schedule point was met: this did not stop, so no other task could run", where);
}

// Checks that `body` (which returns a task) neither stops, so that another task could run, nor notices that it is cancelled. Throws
// check_failed.
template <class Body>
[[nodiscard]] sc::task<> assert_no_checkpoints(Body body, std::source_location where = std::source_location::current()) {
  bool ended = false;
  detail::step_counter steps;  // with an instrument present whatever may stop does
  sc::cancel_scope cancelled_before;
  cancelled_before.cancel("to see whether there is a checkpoint", where);
  co_await cancelled_before.run([&]() -> sc::task<> {
    co_await body();
    ended = true;
  });
  if (!ended) detail::fail_checkpoint("a checkpoint was met: this threw cancelled", where);
  if (steps.count() != 0) detail::fail_checkpoint("a checkpoint was met: this stopped, and other tasks could run", where);
}

// Orders what tasks do: position 0 first, then 1, and so on, wherever they stand. Each position is used once (usage_error). A task that is
// cancelled while it waits for its turn breaks the chain: whoever waits for a later one, or comes for one, gets a usage_error, because
// that turn can never come.
class TRACTOR_API sequencer {
 public:
  // Waits until everything before `position` is through, then runs `body` (which returns a task) and lets the next one go, also when it
  // fails.
  template <class Body>
  [[nodiscard]] sc::task<> at(std::size_t position, Body body) {
    co_await wait_for(position);
    struct next_turn {
      sequencer* of;
      std::size_t after;
      ~next_turn() { of->done(after); }
    } const next{this, position};
    co_await body();
  }
  // The same with nothing to do.
  [[nodiscard]] sc::task<> at(std::size_t position);

 private:
  [[nodiscard]] sc::task<> wait_for(std::size_t position);
  void done(std::size_t position);

  std::map<std::size_t, sc::event> turns_;  // of those who have come
  std::size_t turn_ = 0;
  bool broken_ = false;
};

}  // namespace tractor::testing
