// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/detail/io_host.hpp"

#include <sys/timerfd.h>

namespace tractor::sc::detail {

alarm::alarm(reactor& in) : timer_(check_syscall(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd_create()")) {
  source_.attach(timer_.get(), in);
  waiter_.self = this;
  waiter_.ready = [](io_source::waiter& told) noexcept {
    alarm& self = *static_cast<waiter&>(told).self;
    self.source_.reader = &told;  // waiters are asked once
    self.at_ = never;
    self.fired_ = 1;
  };
  source_.reader = &waiter_;
}

alarm::~alarm() {
  source_.reader = nullptr;
  source_.detach();
}

void alarm::set(time_point at) noexcept {
  if (at == at_) return;
  at_ = at;
  itimerspec spec{};  // zero: off
  if (at != never) {
    const duration since_boot = std::max(at.time_since_epoch(), duration(1));
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_boot);
    spec.it_value = {.tv_sec = seconds.count(), .tv_nsec = (since_boot - seconds).count()};
  }
  const int failed = ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
  TRACTOR_ASSERT(failed == 0, "a timer descriptor takes any time");
}

io_host::~io_host() = default;

}  // namespace tractor::sc::detail
