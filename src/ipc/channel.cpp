// SPDX-License-Identifier: Apache-2.0

#include "tractor/ipc/channel.hpp"

#include <algorithm>
#include <cstring>

#include "tractor/msg/errors.hpp"
#include "tractor/sc/errors.hpp"

namespace tractor {

transport_closed::transport_closed(std::string message) : error(std::move(message), error_category::disconnected) {}
transport_closed::~transport_closed() = default;

}  // namespace tractor

namespace tractor::ipc {

channel::channel(std::unique_ptr<sc::byte_stream> stream, std::size_t frame_bytes_max)
    : stream_(std::move(stream)), splitter_(frame_bytes_max) {
  flush_.self = this;
  flush_.run = [](sc::detail::deferred& work) noexcept { static_cast<flush_work&>(work).self->flush(); };
  writer_.self = this;
  writer_.ready = [](sc::detail::io_source::waiter& told) noexcept {
    channel& self = *static_cast<write_waiter&>(told).self;
    self.waiting_to_write_ = false;
    self.flush();
  };
}

channel::~channel() { close("the channel was destroyed"); }

void channel::throw_closed() const { throw transport_closed(why_closed_); }

void channel::queued() {
  if (outgoing_.size() - sent_ >= outgoing_bytes_flush)
    flush();
  else
    sc::detail::this_runner().defer(flush_);
}

void channel::flush() noexcept {
  if (closed_ || mute_ || waiting_to_write_) return;
  while (sent_ < outgoing_.size()) {
    const sc::io_result result = stream_->try_send(outgoing_.view().subspan(sent_));
    if (result.would_block()) {
      waiting_to_write_ = true;
      stream_->set_writer(&writer_);
      break;
    }
    if (result.errno_value != 0) {
      stop_sending("the connection to " + peer_name_ + " broke while sending [" + errno_name(result.errno_value) + "]");
      return;
    }
    sent_ += result.bytes;
  }
  if (sent_ == outgoing_.size()) {
    outgoing_.clear();
    outgoing_.release_excess(outgoing_bytes_kept);
    sent_ = 0;
  } else if (sent_ > outgoing_bytes_high) {
    // What is left moves to the front, so that a peer that is always a little behind does not make the buffer grow.
    const std::size_t left = outgoing_.size() - sent_;
    std::memmove(outgoing_.data(), outgoing_.data() + sent_, left);
    outgoing_.truncate(left);
    sent_ = 0;
  }
  if (!congested() && !congested_.empty()) congested_.unpark_all();
}

void channel::close(std::string why) noexcept {
  if (closed_) return;
  flush();
  fail(std::move(why));
}

void channel::fail(std::string why) noexcept {
  if (closed_) return;
  closed_ = true;
  stop_sending(std::move(why));
  stream_->close();
}

// The peer takes no more. What it sent before is still to be read, the end of the stream included.
void channel::stop_sending(std::string why) noexcept {
  if (!mute_) why_closed_ = std::move(why);
  mute_ = true;
  if (sc::runner* run = sc::runner::current()) run->cancel_deferred(flush_);
  if (waiting_to_write_) stream_->set_writer(nullptr);
  waiting_to_write_ = false;
  outgoing_.clear();
  sent_ = 0;
  congested_.unpark_all();
}

sc::task<> channel::drained() {
  while (!mute_ && congested()) co_await congested_.park("channel.drained");
  if (mute_) throw_closed();
}

sc::task<> channel::flushed() {
  flush();
  while (!mute_ && !outgoing_.empty()) co_await congested_.park("channel.flushed");
}

// Reads once into the splitter; gives 0 at a clean end.
sc::task<std::size_t> channel::fill() {
  if (closed_) throw_closed();
  const auto tail = splitter_.writable_tail(read_bytes_);
  std::size_t count = 0;
  try {
    count = co_await stream_->receive_some(tail);
  } catch (const sc::closed_resource_error&) {
    if (!closed_) fail("the connection to " + peer_name_ + " was closed on this side");
    throw_closed();
  } catch (const error& broken) {
    fail("the connection to " + peer_name_ + " broke: " + broken.message());
    throw_closed();
  }
  if (count == 0) {
    if (!splitter_.at_frame_boundary()) {
      fail("the connection to " + peer_name_ + " ended in the middle: " + splitter_.describe_eof());
      throw_closed();
    }
    fail("the connection to " + peer_name_ + " was closed by the peer");
    co_return 0;
  }
  read_bytes_ = count == tail.size() ? read_bytes_busy : read_bytes_first;
  splitter_.commit(count);
  co_return count;
}

sc::task<> channel::receive_each(message_sink sink, void* self) {
  for (;;) {
    try {
      while (auto body = splitter_.next()) {
        msg::envelope message = msg::decode_envelope(*body);
        sink(self, message, *body);
        if (closed_) throw_closed();
      }
    } catch (const transport_closed&) {
      throw;
    } catch (const error& bad) {
      close(peer_name_ + " broke the protocol: " + bad.message());
      throw_closed();
    }
    if (co_await fill() == 0) co_return;
  }
}

sc::task<std::optional<msg::envelope>> channel::receive() {
  for (;;) {
    try {
      if (auto body = splitter_.next()) co_return msg::decode_envelope(*body);
    } catch (const error& bad) {
      close(peer_name_ + " broke the protocol: " + bad.message());
      throw_closed();
    }
    if (co_await fill() == 0) co_return std::nullopt;
  }
}

}  // namespace tractor::ipc
