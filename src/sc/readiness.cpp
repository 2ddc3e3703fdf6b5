// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/readiness.hpp"

#include <fcntl.h>

namespace tractor::sc::detail {

void readiness_awaiter::watch() {
  try {
    source_.attach(fd_);
  } catch (const os_error& failed) {
    // An epoll set holds a descriptor number once; a duplicate of it is another one for the same file.
    if (failed.errno_value() != EEXIST) throw;
    duplicate_.reset(check_syscall(::fcntl(fd_, F_DUPFD_CLOEXEC, 0), "fcntl(F_DUPFD_CLOEXEC)"));
    source_.attach(duplicate_.get());
  }
  waiter_.self = this;
  waiter_.ready = [](io_source::waiter& told) noexcept {
    readiness_awaiter& self = *static_cast<waiter&>(told).self;
    self.unwatch();
    self.wake();
  };
  if (!writes_) {
    source_.set_drained();  // only what the reactor reports counts, not the optimism of a fresh source
    source_.reader = &waiter_;
    return;
  }
  source_.set_not_writable();
  source_.writer = &waiter_;
}

void readiness_awaiter::unwatch() noexcept {
  source_.reader = nullptr;
  source_.writer = nullptr;
  source_.detach();
  duplicate_.reset();
}

bool readiness_awaiter::abort_wait(suspension& self) noexcept {
  static_cast<readiness_awaiter&>(self).unwatch();
  return true;
}

}  // namespace tractor::sc::detail
