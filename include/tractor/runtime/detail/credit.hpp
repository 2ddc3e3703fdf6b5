// SPDX-License-Identifier: Apache-2.0
//
// Flow control of one direction of a stream, by credit: the receiver says how many more messages it has room for, the sender
// waits when it has used that up. Only Yields need credit; what opens, ends and cancels a dialog is always sent.
//
// Each side says in its Start or StartAck that it knows credit, with the number of messages that the other may send at first (nil: any
// number), and from then on with Credit messages. What it says is about its own receiving; a peer that says nothing (one of
// the reference) is sent no Credit, and neither side counts.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "tractor/base/config.hpp"
#include "tractor/msg/bytes.hpp"
#include "tractor/sc/detail/ring_buffer.hpp"

namespace tractor {

// A sender has at most this many payload bytes under way that the receiver has not taken, and one message more.
inline constexpr std::size_t stream_window_bytes = std::size_t{8} << 20;

namespace detail {

// As how many bytes a message counts at least: it bounds how many small ones the sender remembers.
inline constexpr std::size_t counted_bytes_min = 64;

// The sender's side. It remembers the size of what is under way, so that the receiver need only say how many messages it has taken.
class send_credit {
 public:
  [[nodiscard]] bool available() const noexcept { return !bounded_ || (messages_ > 0 && bytes_ < stream_window_bytes); }
  // The peer counts, and has room for that many at first.
  void bind(std::uint64_t messages) noexcept {
    bounded_ = true;
    messages_ = messages;
  }
  // It takes any number from here on.
  void release() noexcept {
    bounded_ = false;
    while (!sent_.empty()) sent_.drop_front();
    bytes_ = 0;
  }
  // A message is about to be sent. Throws std::bad_alloc, and then it has done nothing. take_back() when it was not sent after all; its
  // size is known when it was.
  void spend() {
    if (!bounded_) return;
    sent_.push(std::size_t{counted_bytes_min});
    bytes_ += counted_bytes_min;
    --messages_;
  }
  void take_back() noexcept {
    if (!bounded_ || sent_.empty()) return;
    bytes_ -= sent_.back();
    sent_.drop_back();
    ++messages_;
  }
  void set_size(std::size_t payload_bytes) noexcept {
    if (!bounded_ || sent_.empty() || payload_bytes <= counted_bytes_min) return;
    bytes_ += payload_bytes - sent_.back();
    sent_.back() = payload_bytes;
  }
  // The receiver has taken so many of the oldest, and has room for so many more. A peer that says it has taken what was never sent
  // harms only itself.
  void add(std::uint64_t taken, std::uint64_t more) noexcept {
    if (!bounded_) return;
    messages_ = more > unlimited - messages_ ? unlimited : messages_ + more;
    for (; taken > 0 && !sent_.empty(); --taken) {
      bytes_ -= sent_.front();
      sent_.drop_front();
    }
  }

 private:
  static constexpr std::uint64_t unlimited = ~std::uint64_t{0};

  bool bounded_ = false;
  std::uint64_t messages_ = 0;                 // that may still be sent
  std::size_t bytes_ = 0;                      // under way
  sc::detail::ring_buffer<std::size_t> sent_;  // what each message under way counts
};

// What the receiver tells the sender of.
struct grant {
  std::size_t taken = 0;
  std::size_t messages = 0;
};

// The receiver's side.
class receive_credit {
 public:
  [[nodiscard]] bool counts() const noexcept { return counts_; }
  // The peer was told that it may send so many, and keeps to it.
  void bind(std::size_t messages) noexcept {
    counts_ = true;
    window_ = allowance_ = messages;
  }
  void release() noexcept { counts_ = false; }
  void set_window(std::size_t messages) noexcept { window_ = messages; }
  // A message has come. False: the peer had no credit for it.
  [[nodiscard]] bool receive() noexcept {
    if (allowance_ == 0) return false;
    --allowance_;
    return true;
  }
  // A message was taken, by a reader or because nobody wants it.
  void take(std::size_t payload_bytes) noexcept {
    ++taken_;
    taken_bytes_ += std::max(payload_bytes, counted_bytes_min);
  }
  // What the peer is to be told now, while `unread` messages wait here; nothing: too little yet to be worth a message. A sender that has
  // to wait is always told once all it has sent was taken: it has then used up the window, of messages or of bytes.
  [[nodiscard]] std::optional<grant> take_grant(std::size_t unread) noexcept {
    const std::size_t used = allowance_ + unread;
    const std::size_t more = used < window_ ? window_ - used : 0;
    if ((more == 0 || more < window_ / 2) && taken_bytes_ < stream_window_bytes / 2) return std::nullopt;
    allowance_ += more;
    taken_bytes_ = 0;
    return grant{.taken = std::exchange(taken_, 0), .messages = more};
  }

 private:
  bool counts_ = false;
  std::size_t window_ = 0;     // unread messages and those that may come are never more
  std::size_t allowance_ = 0;  // that may still come
  std::size_t taken_ = 0;      // both since the peer was last told
  std::size_t taken_bytes_ = 0;
};

// What a Start or StartAck says: nothing, or how much may be sent at first (nullopt: any number).
using credit_note = std::optional<std::optional<std::uint64_t>>;
[[nodiscard]] credit_note credit_note_of(msg::bytes_view message_body);

}  // namespace detail
}  // namespace tractor
