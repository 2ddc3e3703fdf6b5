// SPDX-License-Identifier: Apache-2.0
//
// Readiness of descriptors: one epoll set a run, edge-triggered. Its descriptor can be polled by a host loop.
//
// A descriptor is registered once, for reading; interest in writing is added the first time a write would block, because a
// socket that is always writable would otherwise wake the run whenever its peer reads. A short read tells that the
// descriptor is drained, so the next read goes straight to waiting; that holds until the peer hung up or sent urgent data, which is
// remembered: no further edge announces the end of the stream, nor what lies behind the mark at which urgent data ends a read.

#pragma once

#include <cstdint>

#include "tractor/base/fd.hpp"
#include "tractor/sc/clock.hpp"

struct epoll_event;

namespace tractor::sc::detail {

class reactor;

// One descriptor's registration. The descriptor is owned by who derives from this or holds it; it must be closed after `detach`.
class TRACTOR_API io_source {
 public:
  // A wait for readiness; `ready` is called by the reactor from its poll and must not run user code. It may detach or destroy
  // any source, its own among them.
  struct waiter {
    void (*ready)(waiter& self) noexcept = nullptr;
  };

  io_source() noexcept = default;
  io_source(const io_source&) = delete;
  io_source& operator=(const io_source&) = delete;
  ~io_source() { detach(); }

  // The run may end before the source is detached, when nobody waits: then it is as if it had never been attached.
  // Throws os_error (EPERM for what epoll cannot watch, ENOSPC, ENOMEM).
  void attach(int fd);  // to the run of this thread
  void attach(int fd, reactor& into);
  void detach() noexcept;
  [[nodiscard]] bool attached() const noexcept { return owner_ != nullptr; }
  [[nodiscard]] int fd() const noexcept { return fd_; }

  // Whether a read, or a write, may succeed at once. Only a hint: a false "yes" costs one EAGAIN.
  [[nodiscard]] bool maybe_readable() const noexcept { return readable_ || hung_up_; }
  [[nodiscard]] bool maybe_writable() const noexcept { return writable_; }
  void set_drained() noexcept { readable_ = readable_ && urgent_; }
  void set_not_writable();

  waiter* reader = nullptr;
  waiter* writer = nullptr;

 private:
  friend class reactor;
  void forget_owner() noexcept;
  reactor* owner_ = nullptr;
  io_source* next_ = nullptr;  // of those of its owner
  io_source** link_ = nullptr;
  int fd_ = -1;
  bool readable_ = true;
  bool writable_ = true;
  bool hung_up_ = false;
  bool urgent_ = false;  // the peer sends urgent data
  bool watching_write_ = false;
};

class TRACTOR_API reactor {
 public:
  reactor();  // throws os_error when the process has no descriptor left
  reactor(const reactor&) = delete;
  reactor& operator=(const reactor&) = delete;
  ~reactor();

  [[nodiscard]] int fd() const noexcept { return epoll_.get(); }
  [[nodiscard]] std::size_t source_count() const noexcept;
  // Waits until something is ready, at most `timeout` (negative: for ever), and tells the waiters. Gives how many events came.
  int poll(duration timeout);

 private:
  friend class io_source;
  static constexpr int events_per_poll_max = 64;
  void forget(const io_source& source) noexcept;

  unique_fd epoll_;
  io_source* sources_ = nullptr;
  bool whole_milliseconds_ = false;  // the system has, or allows, no finer timeout
  // The events of the poll under way, in its frame: what is detached meanwhile is taken out of them.
  epoll_event* polled_ = nullptr;
  int polled_count_ = 0;
};

}  // namespace tractor::sc::detail
