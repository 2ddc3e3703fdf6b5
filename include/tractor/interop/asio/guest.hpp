// SPDX-License-Identifier: Apache-2.0
//
// Tasks in a program whose main loop is an `io_context` of Boost.Asio, beside its handlers.
//
//     boost::asio::io_context loop;
//     tractor::interop::asio_guest guest(loop, []() -> sc::task<> { … }, [](std::exception_ptr error) { … });
//     loop.run();                    // returns when there is nothing left to do, and the guest has ended
//
// See sc/guest.hpp for on_done, cancel() and what destroying means. The context must be run by one thread, the one that makes the guest,
// and must outlive it. What on_done throws leaves the context's run(), as from any handler. Inside the guest Asio operations can be awaited
// (use_task.hpp) on objects of this context.
//
// Needs the headers of Boost 1.81 or later; nothing of it is in the library.

#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <exception>
#include <functional>
#include <source_location>
#include <string_view>
#include <utility>

#include "tractor/sc/guest.hpp"

namespace tractor::interop {

class asio_guest {
 public:
  asio_guest(boost::asio::io_context& loop, std::function<sc::task<>()> main, sc::guest_run::done_function on_done,
             sc::guest_options options = {})
      : guest_(std::move(main), std::move(on_done), with_loop(std::move(options), loop)), descriptor_(loop, guest_.fd()) {
    wait();
  }
  asio_guest(const asio_guest&) = delete;
  asio_guest& operator=(const asio_guest&) = delete;
  ~asio_guest() {
    *here_ = false;
    descriptor_.release();  // it is the guest's
  }

  [[nodiscard]] bool done() const noexcept { return guest_.done(); }
  void cancel(std::string_view why, std::source_location where = std::source_location::current()) noexcept { guest_.cancel(why, where); }

 private:
  static sc::guest_options with_loop(sc::guest_options options, boost::asio::io_context& loop) {
    options.loop = &loop;
    return options;
  }
  void wait() {
    descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
      // Aborted: the guest is being destroyed, after its end or before its first step.
      if (error) return;
      const std::shared_ptr<bool> here = here_;  // until this is destroyed, which on_done may do
      try {
        if (guest_.step()) wait();
      } catch (...) {
        if (*here && !guest_.done()) wait();  // the step was refused, and can be taken another time
        throw;
      }
    });
  }

  std::shared_ptr<bool> here_ = std::make_shared<bool>(true);
  sc::guest_run guest_;
  boost::asio::posix::stream_descriptor descriptor_;
};

}  // namespace tractor::interop
