// SPDX-License-Identifier: Apache-2.0
//
// A framed, duplex connection between two actors, over any byte stream.
//
//     channel.send([&](msg::buffer& out) { msg::encode_stop(out, cid); });   // queues a frame, never waits
//     co_await channel.drained();                                            // back-pressure for who sends a lot
//     co_await channel.receive_each([&](msg::envelope& message) { … });      // until the end of the connection
//
// Frames queued in one scheduler round leave in one write. What the socket does not take stays in the buffer and goes out as
// soon as it can; `drained` waits while more than `outgoing_bytes_high` are queued, and above `outgoing_bytes_max` the channel fails:
// nobody who heeds `drained` gets there. Every fault (a bad frame, a frame above
// the bound, an end inside a frame, a reset) ends this channel and nothing else: `receive_each` throws transport_closed
// that says what happened, queued bytes are dropped, later sends throw. When only sending fails, because the peer has gone, what it
// had sent is still received; a send that fails for any other reason, for want of memory say, ends the channel. An idle channel holds
// little memory, whatever went through it. A channel outlives who waits in `drained` or `flushed`.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "tractor/base/error.hpp"
#include "tractor/ipc/address.hpp"
#include "tractor/msg/framing.hpp"
#include "tractor/msg/protocol.hpp"
#include "tractor/sc/byte_stream.hpp"
#include "tractor/sc/parking_lot.hpp"

namespace tractor {

// The connection to a peer is gone, in good order or not. `what()` says how and to whom.
class TRACTOR_API transport_closed : public error {
 public:
  explicit transport_closed(std::string message);
  ~transport_closed() override;
};

}  // namespace tractor

namespace tractor::ipc {

inline constexpr std::size_t outgoing_bytes_high = 256 * 1024;                       // `drained` waits above this
inline constexpr std::size_t outgoing_bytes_max = 4 * msg::frame_bytes_max_default;  // a channel with more queued is closed
inline constexpr std::size_t outgoing_bytes_flush = 64 * 1024;                       // a write is tried at once above this
inline constexpr std::size_t outgoing_bytes_kept = 64 * 1024;                        // memory kept for the next burst
inline constexpr std::size_t read_bytes_first = 4 * 1024;                            // the first reads
inline constexpr std::size_t read_bytes_busy = 64 * 1024;  // after a read that got that much; an idle channel holds no more
inline constexpr std::size_t read_bytes_max = 256 * 1024;  // of a frame that is longer than that

// The addresses that a connection is between. Over UDS both are the listener's (S-UDS-8).
struct channel_ends {
  address local;
  address remote;
};

class TRACTOR_API channel {
 public:
  explicit channel(std::unique_ptr<sc::byte_stream> stream, std::size_t frame_bytes_max = msg::frame_bytes_max_default);
  channel(const channel&) = delete;
  channel& operator=(const channel&) = delete;
  ~channel();

  // Queues the frames that `encode(msg::buffer&)` appends. Throws transport_closed when the channel is closed, and what `encode`
  // throws (nothing is queued then).
  template <class Encode>
  void send(Encode&& encode) {
    if (mute_) throw_closed();
    std::forward<Encode>(encode)(outgoing_);
    queued();
  }

  // Waits until the peer has taken enough that no more than `outgoing_bytes_high` are queued. A checkpoint only when it waits.
  [[nodiscard]] bool congested() const noexcept { return outgoing_.size() - sent_ > outgoing_bytes_high; }
  [[nodiscard]] sc::task<> drained();
  // All that the socket has taken so far: it grows as long as the peer reads.
  [[nodiscard]] std::uint64_t bytes_taken() const noexcept { return taken_; }

  // Waits until the socket has taken everything, or the channel takes nothing any more.
  [[nodiscard]] sc::task<> flushed();

  // Receives frames and hands each, decoded, to `sink`, which must not wait. Returns at a clean end of the stream; throws
  // transport_closed for every other end. One task at a time (busy_resource_error). What `sink` throws comes out as it is and leaves the
  // channel open; only a transport_closed of its own sends on a channel that can still receive does not end the reception.
  using message_sink = void (*)(void* self, msg::envelope& message, msg::bytes_view body);
  [[nodiscard]] sc::task<> receive_each(message_sink sink, void* self);
  // The next message only; nullopt at a clean end. The views in it are valid until the next receive.
  [[nodiscard]] sc::task<std::optional<msg::envelope>> receive();

  // Writes what is queued as far as the socket takes it without waiting.
  void flush() noexcept;
  // Flushes and closes. `why` is what later uses are told. Idempotent: the first reason stays.
  void close(std::string why) noexcept;
  [[nodiscard]] bool closed() const noexcept { return closed_; }
  [[nodiscard]] const std::string& why_closed() const noexcept { return why_closed_; }
  // The stream ended between two frames, or failed, as it does when the process at its other end goes; not: it was closed here, for a
  // fault that why_closed() tells.
  [[nodiscard]] bool ended_by_stream() const noexcept { return ended_by_stream_; }
  [[nodiscard]] sc::byte_stream& stream() noexcept { return *stream_; }

  // From the next frame on.
  void set_frame_bytes_max(std::size_t bytes) noexcept { splitter_.set_frame_bytes_max(bytes); }
  // Memory held for what is received.
  [[nodiscard]] std::size_t receive_buffer_bytes() const noexcept { return splitter_.capacity(); }
  // Who is at the other end; set after the handshake, for messages.
  void set_peer_name(std::string name) { peer_name_ = std::move(name); }
  [[nodiscard]] const std::string& peer_name() const noexcept { return peer_name_; }
  // Nothing for the link that a child is born with, a stream in memory, a peer that is gone, and once closed.
  [[nodiscard]] std::optional<channel_ends> ends() const;
  // For people: "actor 'x', open over tcp, /ip4/127.0.0.1/tcp/40112 to /ip4/127.0.0.1/tcp/1616", "actor 'x', closed: WHY".
  [[nodiscard]] std::string text() const;

 private:
  struct flush_work : sc::detail::deferred {
    channel* self = nullptr;
  };
  struct write_waiter : sc::detail::io_source::waiter {
    channel* self = nullptr;
  };
  void queued();
  [[noreturn]] void throw_closed() const;
  [[noreturn]] void blame_peer(const error& bad);
  [[nodiscard]] std::optional<msg::bytes_view> next_body();
  [[nodiscard]] msg::envelope decoded(msg::bytes_view body);
  void fail(std::string why, bool by_stream = false) noexcept;
  void stop_sending(std::string why, bool by_stream) noexcept;
  [[nodiscard]] sc::task<std::size_t> fill();
  [[nodiscard]] std::size_t bytes_to_read() const noexcept;
  [[nodiscard]] sc::task<std::size_t> shrink();
  class waiter;

  std::unique_ptr<sc::byte_stream> stream_;
  msg::frame_splitter splitter_;
  msg::buffer outgoing_;
  std::size_t sent_ = 0;  // of what is in outgoing_
  std::uint64_t taken_ = 0;
  flush_work flush_;
  write_waiter writer_;
  bool waiting_to_write_ = false;
  bool mute_ = false;  // nothing can be sent any more
  bool closed_ = false;
  bool ended_by_stream_ = false;
  bool receiving_ = false;
  std::size_t read_bytes_ = read_bytes_first;
  std::string why_closed_;
  std::string peer_name_ = "a peer that has not said who it is";
  sc::parking_lot congested_;
  std::size_t waiters_ = 0;  // in drained() or flushed()
};

}  // namespace tractor::ipc
