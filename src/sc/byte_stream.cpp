// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/byte_stream.hpp"

#include "tractor/sc/errors.hpp"

namespace tractor::sc {

namespace {

[[noreturn]] void throw_stream_error(const char* doing, int errno_value) {
  const std::string what(doing);
  switch (errno_value) {
    case EBADF: throw closed_resource_error(what + ": the stream was closed on this side");
    case EPIPE:
    case ECONNRESET:
    case ECONNABORTED:
    case ETIMEDOUT:
    case ESHUTDOWN:
    case ENOTCONN: throw broken_resource_error(what + ": the peer is gone [" + errno_name(errno_value) + "]");
    default: throw os_error(what, errno_value);
  }
}

}  // namespace

byte_stream::~byte_stream() = default;

std::exception_ptr byte_stream::error_of(const char* doing, int errno_value) const noexcept {
  try {
    throw_stream_error(doing, errno_value);
  } catch (...) {
    return std::current_exception();
  }
}

// --- receiving ---

bool byte_stream::receive_awaiter::advance() noexcept {
  result_ = stream_.try_receive(into_);
  if (result_.would_block()) return false;
  if (result_.errno_value != 0) error_ = stream_.error_of("receive_some()", result_.errno_value);
  return true;
}

bool byte_stream::receive_awaiter::await_ready() {
  if (refuse_if_cancelled()) return true;
  if (stream_.receiving_) throw busy_resource_error("another task is receiving from this stream");
  if (advance()) {
    ready_ = true;
    return detail::this_runner().may_continue();
  }
  waiter_.self = this;
  waiter_.ready = [](detail::io_source::waiter& told) noexcept {
    receive_awaiter& self = *static_cast<waiter&>(told).self;
    // The run reads into the waiting task's buffer: when the task runs it has its bytes.
    if (!self.advance()) {
      self.stream_.set_reader(&self.waiter_);
      return;
    }
    self.stream_.receiving_ = false;
    self.wake();
  };
  stream_.set_reader(&waiter_);
  stream_.receiving_ = true;
  return false;
}

std::size_t byte_stream::receive_awaiter::await_resume() {
  throw_if_cancelled();
  if (error_) std::rethrow_exception(error_);
  return result_.bytes;
}

bool byte_stream::receive_awaiter::abort_wait(detail::suspension& self) noexcept {
  byte_stream& stream = static_cast<receive_awaiter&>(self).stream_;
  stream.set_reader(nullptr);
  stream.receiving_ = false;
  return true;
}

// --- sending ---

bool byte_stream::send_awaiter::advance() noexcept {
  while (!from_.empty()) {
    const io_result sent = stream_.try_send(from_);
    if (sent.would_block()) return false;
    if (sent.errno_value != 0) {
      error_ = stream_.error_of("send_all()", sent.errno_value);
      return true;
    }
    from_ = from_.subspan(sent.bytes);
  }
  return true;
}

bool byte_stream::send_awaiter::await_ready() {
  if (refuse_if_cancelled()) return true;
  if (stream_.sending_) throw busy_resource_error("another task is sending on this stream");
  if (advance()) {
    ready_ = true;
    return detail::this_runner().may_continue();
  }
  waiter_.self = this;
  waiter_.ready = [](detail::io_source::waiter& told) noexcept {
    send_awaiter& self = *static_cast<waiter&>(told).self;
    if (!self.advance()) {
      self.stream_.set_writer(&self.waiter_);
      return;
    }
    self.stream_.sending_ = false;
    self.wake();
  };
  stream_.set_writer(&waiter_);
  stream_.sending_ = true;
  return false;
}

void byte_stream::send_awaiter::await_resume() {
  throw_if_cancelled();
  if (error_) std::rethrow_exception(error_);
}

bool byte_stream::send_awaiter::abort_wait(detail::suspension& self) noexcept {
  byte_stream& stream = static_cast<send_awaiter&>(self).stream_;
  stream.set_writer(nullptr);
  stream.sending_ = false;
  return true;
}

}  // namespace tractor::sc
