// SPDX-License-Identifier: Apache-2.0
//
// An `io_context` of Boost.Asio inside a run: for the I/O objects of Asio and of libraries made on it, used by tasks (use_task.hpp).
//
//     boost::asio::steady_timer timer(tractor::interop::asio_context(), 1s);
//     co_await timer.async_wait(tractor::interop::use_task);
//
// A run that never asks for it has none. From the first call on the run waits *in* the context, which watches the run's descriptor beside
// its own, so tasks and handlers share one thread and need no locks; each wait costs a few system calls more. Handlers run between steps of
// tasks, at most `handlers_per_wait_max` in a row. Like any code of a run they may set an event or cancel a scope, and cannot await. What a
// handler throws cancels the run, which then ends with it.
//
// In a guest of an Asio loop (guest.hpp) it is the host's context. In a guest of another loop there is none (usage_error): Asio does not
// give away a descriptor by which that loop could wait for it.
//
// The context is destroyed with the run, after its tasks: I/O objects must not outlive the main task. Work may be posted to it from other
// threads. It is not for another thread to run, and not for stop().

#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <exception>
#include <memory>
#include <utility>

#include "tractor/base/error.hpp"
#include "tractor/sc/detail/io_host.hpp"
#include "tractor/sc/run.hpp"

namespace tractor::interop {

inline constexpr int handlers_per_wait_max = 64;

namespace detail {

// Waits for its run in a context of its own.
class asio_host final : public sc::detail::io_host {
 public:
  explicit asio_host(sc::runner& run) : run_(run), context_(1), alarm_(run.io()), reactor_(context_, run.fd()) { loop = &context_; }
  ~asio_host() override { reactor_.release(); }  // the descriptor is the run's

  int wait(sc::duration timeout) override {
    // First, because the context hears of what arrives in the reactor, and not of what is left there.
    int events = poll_reactor();
    try {
      if (context_.stopped()) context_.restart();  // it stops when a handler leaves no work
      watch();
      if (events == 0 && timeout != sc::duration::zero()) {
        alarm_.set(timeout < sc::duration::zero() ? sc::never : sc::saturating_add(sc::monotonic_now(), timeout));
        events += static_cast<int>(context_.run_one());
      }
      for (int i = 0; i < handlers_per_wait_max && context_.poll_one() > 0; ++i) ++events;
    } catch (...) {
      run_.fail(std::current_exception(), "a handler of the run's io_context threw");
      ++events;
    }
    events -= std::exchange(wakes_, 0);
    return events + poll_reactor();
  }

 private:
  void watch() {
    if (watching_) return;
    reactor_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code&) {
      watching_ = false;
      ++wakes_;
    });
    watching_ = true;
  }
  int poll_reactor() {
    const int events = run_.io().poll(sc::duration::zero());
    return events - alarm_.take_fired();
  }

  sc::runner& run_;
  boost::asio::io_context context_;
  sc::detail::alarm alarm_;  // because the context's own timeouts are whole milliseconds
  boost::asio::posix::stream_descriptor reactor_;
  bool watching_ = false;
  int wakes_ = 0;  // handlers of ours among those that ran
};

}  // namespace detail

// The context of the current run, made on first use. Throws usage_error outside a run, and see above.
[[nodiscard]] inline boost::asio::io_context& asio_context() {
  sc::runner& run = sc::detail::this_runner();
  if (run.io_host() == nullptr) run.set_io_host(std::make_unique<detail::asio_host>(run));
  auto* const* const found = std::any_cast<boost::asio::io_context*>(&run.io_host()->loop);
  if (found == nullptr)
    throw usage_error("asio_context(): this run is the guest of a loop that is not Asio's, which cannot wait for an io_context");
  return **found;
}

}  // namespace tractor::interop
