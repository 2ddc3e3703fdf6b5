// SPDX-License-Identifier: Apache-2.0

#include "tractor/ipc/channel.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tractor/msg/errors.hpp"
#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/errors.hpp"
#include "tractor/sc/socket_stream.hpp"

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

channel::~channel() {
  TRACTOR_ASSERT(waiters_ == 0, "a channel is destroyed while tasks wait for it to send");
  close("the channel was destroyed");
}

// Counted while it waits, and until it has run again after that.
class channel::waiter {
 public:
  explicit waiter(channel& in) noexcept : in_(in) { ++in_.waiters_; }
  waiter(const waiter&) = delete;
  waiter& operator=(const waiter&) = delete;
  ~waiter() { --in_.waiters_; }

 private:
  channel& in_;
};

std::optional<channel_ends> channel::ends() const {
  const auto* const socket = dynamic_cast<const sc::socket_stream*>(stream_.get());
  if (socket == nullptr || socket->closed()) return std::nullopt;
  if (const auto path = socket->unix_path()) {
    if (!path->starts_with('/')) return std::nullopt;  // made by somebody else, at a path that is relative
    const std::size_t slash = path->rfind('/');
    const uds_address both{.dir = slash == 0 ? "/" : path->substr(0, slash), .file = path->substr(slash + 1)};
    return channel_ends{.local = both, .remote = both};
  }
  const auto local = socket->local_endpoint(), remote = socket->remote_endpoint();
  if (!local || !remote) return std::nullopt;
  return channel_ends{.local = tcp_address{.host = local->host, .port = local->port},
                      .remote = tcp_address{.host = remote->host, .port = remote->port}};
}

std::string channel::text() const {
  if (closed_) return peer_name_ + ", closed: " + why_closed_;
  std::string shown = peer_name_ + (mute_ ? ", takes nothing any more: " + why_closed_ + ";" : ", open") + " over ";
  const auto between = ends();
  if (!between) return shown + "a link without an address";
  shown += std::string(key_of(between->local.transport())) + ", " + between->local.text();
  return between->local == between->remote ? shown : shown + " to " + between->remote.text();
}

void channel::throw_closed() const { throw transport_closed(why_closed_); }

void channel::queued() {
  if (outgoing_.size() - sent_ < outgoing_bytes_flush) {
    sc::detail::this_runner().defer(flush_);
    return;
  }
  flush();
  if (outgoing_.size() - sent_ > outgoing_bytes_max)
    fail(peer_name_ + " does not read: more than " + std::to_string(outgoing_bytes_max) + " bytes are queued for it (outgoing_bytes_max)");
}

namespace {

bool peer_has_gone(int send_errno) noexcept { return send_errno == EPIPE || send_errno == ECONNRESET; }

}  // namespace

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
      std::string why = "the connection to " + peer_name_ + " broke while sending [" + errno_name(result.errno_value) + "]";
      // Only a peer that has gone is worth being listened to: one that lives would wait for ever for what was dropped, and be waited for.
      if (peer_has_gone(result.errno_value))
        stop_sending(std::move(why), true);
      else
        fail(std::move(why));
      return;
    }
    sent_ += result.bytes;
    taken_ += result.bytes;
  }
  if (sent_ == outgoing_.size()) {
    outgoing_.clear();
    outgoing_.release_excess(outgoing_bytes_kept);
    sent_ = 0;
  } else if (sent_ > outgoing_bytes_high && sent_ >= outgoing_.size() - sent_) {
    // What is left moves to the front, so that a peer that is always a little behind does not make the buffer grow. Not before it is
    // the smaller part: a byte moves once on average, however long the queue is.
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

void channel::fail(std::string why, bool by_stream) noexcept {
  if (closed_) return;
  closed_ = true;
  stop_sending(std::move(why), by_stream);
  stream_->close();
}

// The peer takes no more. What it sent before is still to be read, the end of the stream included.
void channel::stop_sending(std::string why, bool by_stream) noexcept {
  if (!mute_) {
    why_closed_ = std::move(why);
    ended_by_stream_ = by_stream;
  }
  mute_ = true;
  if (sc::runner* run = sc::runner::current()) run->cancel_deferred(flush_);
  if (waiting_to_write_) stream_->set_writer(nullptr);
  waiting_to_write_ = false;
  outgoing_.clear();
  sent_ = 0;
  congested_.unpark_all();
}

sc::task<> channel::drained() {
  const waiter counted(*this);
  while (!mute_ && congested()) co_await congested_.park("channel.drained");
  if (mute_) throw_closed();
}

sc::task<> channel::flushed() {
  const waiter counted(*this);
  flush();
  while (!mute_ && !outgoing_.empty()) co_await congested_.park("channel.flushed");
}

// What a big frame took is given back when nothing follows it: between big frames that do, it would only be taken again. Gives
// what was read at that.
sc::task<std::size_t> channel::shrink() {
  co_await sc::checkpoint();
  if (closed_) throw_closed();
  const sc::io_result more = stream_->try_receive(splitter_.writable_tail(read_bytes_));
  if (more.would_block()) {
    splitter_.release();
  } else if (more.errno_value != 0) {
    fail("the connection to " + peer_name_ + " broke [" + errno_name(more.errno_value) + "]", true);
    throw_closed();
  }
  splitter_.commit(more.bytes);
  co_return more.bytes;
}

// The rest of a long frame, however little that is, and little more: what comes behind it has to be moved to the front before the next
// read. Short ones are read many at once.
std::size_t channel::bytes_to_read() const noexcept {
  const std::size_t missing = splitter_.missing();
  if (missing == 0 || splitter_.frame_bytes() < read_bytes_busy / 2) return read_bytes_;
  return std::min(missing + read_bytes_first, read_bytes_max);
}

// Reads once into the splitter; gives 0 at a clean end.
sc::task<std::size_t> channel::fill() {
  if (closed_) throw_closed();
  // Before anything is done to the memory that the other one receives into.
  if (receiving_) throw sc::busy_resource_error("another task is receiving from the channel to " + peer_name_);
  struct receiving {
    bool& flag;
    ~receiving() { flag = false; }
  } const registered{receiving_ = true};
  if (splitter_.at_frame_boundary() && splitter_.capacity() > read_bytes_busy) [[unlikely]]
    if (const std::size_t count = co_await shrink(); count != 0) co_return count;
  const std::size_t wanted = bytes_to_read();
  const auto tail = splitter_.writable_tail(wanted).first(wanted);
  std::size_t count = 0;
  try {
    count = co_await stream_->receive_some(tail);
  } catch (const sc::closed_resource_error&) {
    if (!closed_) fail("the connection to " + peer_name_ + " was closed on this side");
    throw_closed();
  } catch (const error& broken) {
    fail("the connection to " + peer_name_ + " broke: " + broken.message(), true);
    throw_closed();
  }
  if (count == 0) {
    if (!splitter_.at_frame_boundary()) {
      fail("the connection to " + peer_name_ + " ended in the middle: " + splitter_.describe_eof());
      throw_closed();
    }
    fail("the connection to " + peer_name_ + " was closed by the peer", true);
    co_return 0;
  }
  read_bytes_ = count >= std::min(tail.size(), read_bytes_) ? read_bytes_busy : read_bytes_first;
  splitter_.commit(count);
  co_return count;
}

std::optional<msg::bytes_view> channel::next_body() {
  try {
    return splitter_.next();
  } catch (const error& bad) {
    blame_peer(bad);
  }
}

msg::envelope channel::decoded(msg::bytes_view body) {
  try {
    return msg::decode_envelope(body);
  } catch (const error& bad) {
    blame_peer(bad);
  }
}

void channel::blame_peer(const error& bad) {
  std::string why = peer_name_ + " broke the protocol: " + bad.message();
  if (mute_ && !closed_) {  // that it takes nothing any more was known before, and says less
    why_closed_ = why;
    ended_by_stream_ = false;
  }
  close(std::move(why));
  throw_closed();
}

sc::task<> channel::receive_each(message_sink sink, void* self) {
  for (;;) {
    while (const auto body = next_body()) {
      msg::envelope message = decoded(*body);
      try {
        sink(self, message, *body);
      } catch (const transport_closed&) {
        // The sink could not answer: the peer takes nothing any more. Its last words may be behind this frame.
        if (closed_ || !mute_) throw;
      }
      if (closed_) throw_closed();
    }
    if (co_await fill() == 0) co_return;
  }
}

sc::task<std::optional<msg::envelope>> channel::receive() {
  for (;;) {
    if (const auto body = next_body()) co_return decoded(*body);
    if (co_await fill() == 0) co_return std::nullopt;
  }
}

}  // namespace tractor::ipc
