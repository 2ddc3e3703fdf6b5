// SPDX-License-Identifier: Apache-2.0
//
// Waiting until the reactor tells an io_source's reader or writer, or until who closes the source does. After an attempt that would
// block, by one task at a time for each direction.

#pragma once

#include "tractor/sc/detail/leaf.hpp"
#include "tractor/sc/detail/reactor.hpp"

namespace tractor::sc::detail {

class source_wait : public leaf_wait {
 public:
  // `slot` is the reader or the writer of an attached source; `name` is for the task tree.
  source_wait(io_source::waiter*& slot, const char* name) noexcept : slot_(slot), kind_{name, &abort_wait} {}
  source_wait(const source_wait&) = delete;
  source_wait& operator=(const source_wait&) = delete;
  ~source_wait() = default;

  bool await_ready() { return refuse_if_cancelled(); }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> here) noexcept {
    waiter_.self = this;
    waiter_.ready = [](io_source::waiter& told) noexcept { static_cast<waiter&>(told).self->wake(); };
    slot_ = &waiter_;
    park(here, kind_);
  }
  void await_resume() { throw_if_cancelled(); }

 private:
  struct waiter : io_source::waiter {
    source_wait* self = nullptr;
  };
  static bool abort_wait(suspension& self) noexcept {
    static_cast<source_wait&>(self).slot_ = nullptr;
    return true;
  }

  io_source::waiter*& slot_;
  wait_kind kind_;
  waiter waiter_;
};

}  // namespace tractor::sc::detail
