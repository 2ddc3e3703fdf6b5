// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/pipe_stream.hpp"

#include <fcntl.h>
#include <signal.h>

#include <new>
#include <utility>

#include "tractor/sc/errors.hpp"

namespace tractor::sc {

namespace {

// write() without its SIGPIPE: sockets have a flag for that, pipes do not. Blocked in this thread, so the signal can only be ours.
ssize_t write_quietly(int fd, std::span<const std::byte> bytes) noexcept {
  sigset_t pipe_signal, before, pending;
  ::sigemptyset(&pipe_signal);
  ::sigaddset(&pipe_signal, SIGPIPE);
  ::sigpending(&pending);
  const bool was_pending = ::sigismember(&pending, SIGPIPE) == 1;
  ::pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  const ssize_t written = retry_eintr([&] { return ::write(fd, bytes.data(), bytes.size()); });
  const int error = errno;
  if (written < 0 && error == EPIPE && !was_pending) {
    const timespec at_once{};
    static_cast<void>(retry_eintr([&] { return ::sigtimedwait(&pipe_signal, nullptr, &at_once); }));
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return written;
}

}  // namespace

pipe_stream::pipe_stream(unique_fd end, pipe_direction direction) : fd_(std::move(end)), direction_(direction) {
  const int flags = check_syscall(::fcntl(fd_.get(), F_GETFL), "fcntl(F_GETFL)");
  if ((flags & O_NONBLOCK) == 0) check_syscall(::fcntl(fd_.get(), F_SETFL, flags | O_NONBLOCK), "fcntl(F_SETFL, O_NONBLOCK)");
}

pipe_stream::~pipe_stream() {
  TRACTOR_ASSERT(source_.reader == nullptr && source_.writer == nullptr, "a pipe is destroyed while a task waits in it");
  close();
}

void pipe_stream::send_eof() {
  if (eof_sent_) return;
  if (closed()) throw closed_resource_error("send_eof(): the stream was closed on this side");
  if (source_.writer != nullptr) throw busy_resource_error("send_eof(): a task is sending on this stream");
  if (direction_ != pipe_direction::sends) return;
  close();
  eof_sent_ = true;
}

void pipe_stream::close() noexcept {
  if (!fd_) return;
  detail::io_source::waiter* const reader = std::exchange(source_.reader, nullptr);
  detail::io_source::waiter* const writer = std::exchange(source_.writer, nullptr);
  source_.detach();
  fd_.reset();
  // Both find the stream closed.
  if (reader != nullptr) reader->ready(*reader);
  if (writer != nullptr) writer->ready(*writer);
}

int pipe_stream::watch() noexcept {
  if (source_.attached() || runner::current() == nullptr) return 0;
  try {
    source_.attach(fd_.get());
  } catch (const os_error& refused) {
    return refused.errno_value();
  } catch (const std::bad_alloc&) {
    return ENOMEM;
  }
  return 0;
}

io_result pipe_stream::try_receive(std::span<std::byte> into) noexcept {
  TRACTOR_ASSERT(!into.empty(), "a receive into nothing cannot be told from the end of the stream");
  if (closed()) return {.errno_value = EBADF};
  if (direction_ != pipe_direction::receives) return {.errno_value = EOPNOTSUPP};
  if (source_.attached() && !source_.maybe_readable()) return {.errno_value = EAGAIN};
  const ssize_t got = retry_eintr([&] { return ::read(fd_.get(), into.data(), into.size()); });
  if (got >= 0) return {.bytes = static_cast<std::size_t>(got)};
  if (errno != EAGAIN) return {.errno_value = errno};
  // Joining the reactor reports what arrives from here on and what arrived since the attempt.
  if (const int refused = watch(); refused != 0) return {.errno_value = refused};
  if (source_.attached()) source_.set_drained();
  return {.errno_value = EAGAIN};
}

io_result pipe_stream::try_send(std::span<const std::byte> from) noexcept {
  if (closed()) return {.errno_value = EBADF};
  if (direction_ != pipe_direction::sends) return {.errno_value = EOPNOTSUPP};
  if (source_.attached() && !source_.maybe_writable()) return {.errno_value = EAGAIN};
  const ssize_t sent = write_quietly(fd_.get(), from);
  if (sent >= 0) return {.bytes = static_cast<std::size_t>(sent)};
  if (errno != EAGAIN) return {.errno_value = errno};
  if (const int refused = watch(); refused != 0) return {.errno_value = refused};
  if (!source_.attached()) return {.errno_value = EAGAIN};
  try {
    source_.set_not_writable();
  } catch (const os_error& refused) {
    return {.errno_value = refused.errno_value()};
  } catch (const std::bad_alloc&) {
    return {.errno_value = ENOMEM};
  }
  return {.errno_value = EAGAIN};
}

void pipe_stream::set_reader(detail::io_source::waiter* waiter) noexcept {
  TRACTOR_ASSERT(waiter == nullptr || source_.attached(), "a wait for a pipe needs a run and an attempt that would block");
  source_.reader = waiter;
}

void pipe_stream::set_writer(detail::io_source::waiter* waiter) {
  TRACTOR_ASSERT(waiter == nullptr || source_.attached(), "a wait for a pipe needs a run and an attempt that would block");
  source_.writer = waiter;
}

}  // namespace tractor::sc
