// SPDX-License-Identifier: Apache-2.0
//
// Waiting for a descriptor that somebody else reads and writes: a pidfd, a timerfd, a pipe, the socket of a foreign library.
//
//     co_await sc::wait_readable(pidfd);   // a checkpoint; returns when a read would not block, or the other side hung up
//     co_await sc::wait_writable(fd);
//
// Each wait registers the descriptor for its own duration, so it costs two system calls (three for writing): streams are for what
// is waited for often. Several tasks may wait for one descriptor; all are woken. Readiness is a hint: read without
// blocking. The descriptor must stay open while a task waits for it. What cannot be polled (a regular file) is an os_error, EPERM.

#pragma once

#include <cstdint>

#include "tractor/base/fd.hpp"
#include "tractor/sc/detail/leaf.hpp"
#include "tractor/sc/detail/reactor.hpp"

namespace tractor::sc {

namespace detail {

class TRACTOR_API readiness_awaiter final : public leaf_wait {
 public:
  readiness_awaiter(int fd, bool writes) noexcept : fd_(fd), writes_(writes) {}
  readiness_awaiter(const readiness_awaiter&) = delete;
  readiness_awaiter& operator=(const readiness_awaiter&) = delete;
  ~readiness_awaiter() = default;

  bool await_ready() { return refuse_if_cancelled(); }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> here) {
    watch();
    park(here, writes_ ? waits_writable : waits_readable);
  }
  void await_resume() { throw_if_cancelled(); }

 private:
  struct waiter : io_source::waiter {
    readiness_awaiter* self = nullptr;
  };
  void watch();
  void unwatch() noexcept;
  static bool abort_wait(suspension& self) noexcept;
  static constexpr wait_kind waits_readable{"wait_readable", &abort_wait};
  static constexpr wait_kind waits_writable{"wait_writable", &abort_wait};

  int fd_;
  bool writes_;
  waiter waiter_;
  io_source source_;
  unique_fd duplicate_;  // of a descriptor that this run watches already
};

}  // namespace detail

[[nodiscard]] inline detail::readiness_awaiter wait_readable(int fd) noexcept { return {fd, false}; }
[[nodiscard]] inline detail::readiness_awaiter wait_writable(int fd) noexcept { return {fd, true}; }

// While one lives, a virtual clock neither jumps nor calls the run deadlocked: something outside the run (a process, a thread) is
// about to wake it. Made and destroyed in the run's thread, inside a task.
class external_wait {
 public:
  external_wait() : run_(detail::this_runner()) { run_.add_external_wait(); }
  external_wait(const external_wait&) = delete;
  external_wait& operator=(const external_wait&) = delete;
  ~external_wait() { run_.remove_external_wait(); }

 private:
  runner& run_;
};

}  // namespace tractor::sc
