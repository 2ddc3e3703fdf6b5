// SPDX-License-Identifier: Apache-2.0
//
// Somebody else who waits for a run: a loop that the run is a guest of, or a foreign loop that the run has taken in.
//
// A run without a host waits in its reactor. A host waits for the reactor's descriptor among its own; so that this descriptor is all that
// it needs, the run's next deadline is a descriptor in the reactor, too: the alarm.

#pragma once

#include <any>
#include <memory>

#include "tractor/base/fd.hpp"
#include "tractor/sc/clock.hpp"
#include "tractor/sc/detail/reactor.hpp"

namespace tractor::sc::detail {

// A timer of the system's in a reactor. It must be destroyed before the reactor.
class TRACTOR_API alarm {
 public:
  explicit alarm(reactor& in);  // throws os_error
  alarm(const alarm&) = delete;
  alarm& operator=(const alarm&) = delete;
  ~alarm();

  // By CLOCK_MONOTONIC. `never` turns it off; what is past goes off at once. Costs nothing when it is set so already.
  void set(time_point at) noexcept;
  void set_now() noexcept { set(time_point(duration(1))); }
  // How many of the reactor's events were this one, since last asked: none or one.
  [[nodiscard]] int take_fired() noexcept { return std::exchange(fired_, 0); }

 private:
  struct waiter : io_source::waiter {
    alarm* self = nullptr;
  };
  unique_fd timer_;
  io_source source_;
  waiter waiter_;
  time_point at_ = never;
  int fired_ = 0;
};

// Owned by its run, and destroyed with it, after the tasks.
class TRACTOR_API io_host {
 public:
  io_host() noexcept = default;
  io_host(const io_host&) = delete;
  io_host& operator=(const io_host&) = delete;
  virtual ~io_host();

  // In place of reactor::poll, in the run's thread: also polls the reactor. Gives how many events came, of the reactor's or others'.
  virtual int wait(duration timeout) = 0;
  // A task was woken outside of the run's steps: a step must follow.
  virtual void nudge() noexcept {}

  // The foreign loop: a pointer to it, for who knows its type. Empty: none that anybody could use.
  std::any loop;
};

}  // namespace tractor::sc::detail
