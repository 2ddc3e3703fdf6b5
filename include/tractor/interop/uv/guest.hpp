// SPDX-License-Identifier: Apache-2.0
//
// Tasks in a program whose main loop is libuv's, beside its callbacks.
//
//     tractor::interop::uv_guest guest(uv_default_loop(), []() -> sc::task<> { … }, [](std::exception_ptr error) { … });
//     uv_run(uv_default_loop(), UV_RUN_DEFAULT);     // returns when there is nothing left to do, and the guest has ended
//
// See sc/guest.hpp for on_done, cancel() and what destroying means. The guest is used in the loop's thread. Nothing may be thrown through
// libuv: a throwing on_done ends the program. The last handle is closed by the loop after the guest is gone, so run the loop to its end
// before uv_loop_close().
//
// Needs the header and the library of libuv; nothing of it is in libtractor.

#pragma once

#include <uv.h>

#include <exception>
#include <functional>
#include <memory>
#include <source_location>
#include <string_view>
#include <utility>

#include "tractor/base/error.hpp"
#include "tractor/sc/guest.hpp"

namespace tractor::interop {

class uv_guest {
 public:
  // Throws os_error when libuv refuses.
  uv_guest(uv_loop_t* loop, std::function<sc::task<>()> main, sc::guest_run::done_function on_done, sc::guest_options options = {})
      : on_done_(std::move(on_done)),
        guest_(
            std::move(main), [this](std::exception_ptr error) { finish(std::move(error)); }, std::move(options)),
        poll_(std::make_unique<uv_poll_t>()) {
    if (const int failed = uv_poll_init(loop, poll_.get(), guest_.fd()); failed != 0) throw_os_error("uv_poll_init()", -failed);
    poll_->data = this;
    if (const int failed = uv_poll_start(poll_.get(), UV_READABLE, &readable); failed != 0) {
      close();
      throw_os_error("uv_poll_start()", -failed);
    }
  }
  uv_guest(const uv_guest&) = delete;
  uv_guest& operator=(const uv_guest&) = delete;
  ~uv_guest() { close(); }

  [[nodiscard]] bool done() const noexcept { return guest_.done(); }
  void cancel(std::string_view why, std::source_location where = std::source_location::current()) noexcept { guest_.cancel(why, where); }

 private:
  // An error of the poll is left to the step, which finds out by itself.
  static void readable(uv_poll_t* poll, int /*status*/, int /*events*/) noexcept { static_cast<uv_guest*>(poll->data)->guest_.step(); }

  void finish(std::exception_ptr error) {
    close();
    const sc::guest_run::done_function on_done = std::move(on_done_);  // which may destroy this
    if (on_done) on_done(std::move(error));
  }
  // Stops polling at once; libuv gives the handle back in a later round of the loop.
  void close() noexcept {
    if (poll_ == nullptr) return;
    uv_close(reinterpret_cast<uv_handle_t*>(poll_.release()),
             [](uv_handle_t* handle) { std::default_delete<uv_poll_t>()(reinterpret_cast<uv_poll_t*>(handle)); });
  }

  sc::guest_run::done_function on_done_;
  sc::guest_run guest_;
  std::unique_ptr<uv_poll_t> poll_;
};

}  // namespace tractor::interop
