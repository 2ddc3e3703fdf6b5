// SPDX-License-Identifier: Apache-2.0
//
// The way into a run for those who do not belong to it: threads of a foreign library, callbacks, other loops.
//
//     auto ready = std::make_shared<sc::event>();                 // shared: the wait below may be cancelled
//     library.on_ready([home = sc::run_handle(), ready] { home.post([ready] { ready->set(); }); });   // called in any thread
//     co_await ready->wait();
//
// What is posted is called in the run's thread, between the steps of its tasks and in the order it came, and not any more once the main
// task has ended. It may use whatever does not wait: set an event, send_nowait, start_soon, cancel. What it refers to must live until then.

#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "tractor/base/config.hpp"

namespace tractor::sc {

namespace detail {
class run_mailbox;
}  // namespace detail

class TRACTOR_API run_handle {
 public:
  static constexpr std::size_t posted_max = 65'536;  // functions that wait to be run

  // Of the current run; usage_error outside one, os_error when no descriptor is left. May outlive the run, and be copied in any thread.
  run_handle();

  // Wakes the run and has it call `function`. From any thread, also from the run's own. False: the run has ended, and `function` was
  // destroyed without a call; so is what has not been called when the run ends. Throws error (overloaded) when posted_max wait. What
  // `function` throws cancels the run, which ends with that error. Under a virtual clock that jumps, a run in which every task waits does
  // not wait for who might post.
  bool post(std::move_only_function<void()> function) const;

 private:
  std::shared_ptr<detail::run_mailbox> mailbox_;
};

}  // namespace tractor::sc
