// SPDX-License-Identifier: Apache-2.0
//
// A byte stream: what a connected socket is, and a pair of memory streams in a test.
//
//     std::size_t n = co_await stream.receive_some(buffer);   // at least one byte; 0: the peer ended the stream
//     co_await stream.send_all(bytes);                        // all of it
//
// One task at a time may receive and one may send (busy_resource_error). Both are checkpoints: cancelled before anything moved when
// the scope is cancelled at the call. A cancelled receive_some loses nothing. A cancelled send_all may have sent a part:
// the stream is then of no use for framed data. Closing wakes who waits with closed_resource_error. A reset or
// vanished peer is broken_resource_error. A stream belongs to the run it was first used in until that has ended, and may outlive it. It may
// be destroyed once nobody waits in it: at once after close(), or after the cancel of who waited, though those tasks have yet to go on.

#pragma once

#include <cstddef>
#include <exception>
#include <span>

#include "tractor/sc/detail/leaf.hpp"
#include "tractor/sc/detail/reactor.hpp"

namespace tractor::sc {

// What a non-blocking attempt gave. `errno_value` 0: `bytes` were moved (0 bytes of a receive: end of stream); EAGAIN: it would block.
struct io_result {
  std::size_t bytes = 0;
  int errno_value = 0;
  [[nodiscard]] bool would_block() const noexcept { return errno_value == EAGAIN; }
};

class TRACTOR_API byte_stream {
 public:
  class receive_awaiter;
  class send_awaiter;

  byte_stream() noexcept = default;
  byte_stream(const byte_stream&) = delete;
  byte_stream& operator=(const byte_stream&) = delete;
  virtual ~byte_stream();

  [[nodiscard]] receive_awaiter receive_some(std::span<std::byte> into);  // `into` is not empty
  [[nodiscard]] send_awaiter send_all(std::span<const std::byte> from);

  // Tells the peer that nothing more will come; receiving goes on. Idempotent.
  virtual void send_eof() = 0;
  // Closes both directions at once; idempotent; wakes waiting tasks with closed_resource_error.
  virtual void close() noexcept = 0;
  [[nodiscard]] virtual bool closed() const noexcept = 0;

  // --- the non-blocking core, for code that multiplexes by itself ---
  virtual io_result try_receive(std::span<std::byte> into) noexcept = 0;
  virtual io_result try_send(std::span<const std::byte> from) noexcept = 0;
  // Have `waiter.ready` called once when a receive, or a send, may succeed or fail (also when the stream is closed). One of each
  // at a time: null stands for none. After would_block only.
  virtual void set_reader(detail::io_source::waiter* waiter) noexcept = 0;
  virtual void set_writer(detail::io_source::waiter* waiter) = 0;
  // What a receive or a send that just gave `errno_value` (neither 0 nor EAGAIN) is to throw; `doing` begins the message. A stream that
  // knows more of what went wrong than a number says it here.
  [[nodiscard]] virtual std::exception_ptr error_of(const char* doing, int errno_value) const noexcept;

 private:
  // While a task waits, not until it goes on: who has been told has nothing to do with the stream any more, which may be gone.
  bool receiving_ = false;
  bool sending_ = false;
};

class TRACTOR_API byte_stream::receive_awaiter : public detail::leaf_wait {
 public:
  receive_awaiter(byte_stream& stream, std::span<std::byte> into) noexcept : stream_(stream), into_(into) {}
  receive_awaiter(const receive_awaiter&) = delete;
  receive_awaiter& operator=(const receive_awaiter&) = delete;
  ~receive_awaiter() = default;

  bool await_ready();
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> here) {
    if (ready_) {
      detail::this_runner().yield(here.promise());
      return;
    }
    park(here, waits);
  }
  std::size_t await_resume();

 private:
  struct waiter : detail::io_source::waiter {
    receive_awaiter* self = nullptr;
  };
  // Receives what there is now; true: something, the end or a failure.
  bool advance() noexcept;
  static bool abort_wait(detail::suspension& self) noexcept;
  static constexpr detail::wait_kind waits{"receive_some", &abort_wait};

  byte_stream& stream_;
  std::span<std::byte> into_;
  io_result result_;
  std::exception_ptr error_;  // made at once: when the task goes on the stream may be gone
  waiter waiter_;
  bool ready_ = false;
};

class TRACTOR_API byte_stream::send_awaiter : public detail::leaf_wait {
 public:
  send_awaiter(byte_stream& stream, std::span<const std::byte> from) noexcept : stream_(stream), from_(from) {}
  send_awaiter(const send_awaiter&) = delete;
  send_awaiter& operator=(const send_awaiter&) = delete;
  ~send_awaiter() = default;

  bool await_ready();
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> here) {
    if (ready_) {
      detail::this_runner().yield(here.promise());
      return;
    }
    park(here, waits);
  }
  void await_resume();

 private:
  struct waiter : detail::io_source::waiter {
    send_awaiter* self = nullptr;
  };
  // Sends what the stream takes now; true: done or failed.
  bool advance() noexcept;
  static bool abort_wait(detail::suspension& self) noexcept;
  static constexpr detail::wait_kind waits{"send_all", &abort_wait};

  byte_stream& stream_;
  std::span<const std::byte> from_;
  std::exception_ptr error_;
  waiter waiter_;
  bool ready_ = false;
};

inline byte_stream::receive_awaiter byte_stream::receive_some(std::span<std::byte> into) { return {*this, into}; }
inline byte_stream::send_awaiter byte_stream::send_all(std::span<const std::byte> from) { return {*this, from}; }

}  // namespace tractor::sc
