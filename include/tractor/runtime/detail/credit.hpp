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

// A sender has at most this many bytes under way that the receiver has not taken, and one message more.
inline constexpr std::size_t stream_window_bytes = std::size_t{8} << 20;

namespace detail {

// What a message costs at least: it bounds how many small ones are remembered.
inline constexpr std::size_t sent_bytes_min = 64;

// The sender's side.
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
  void spend(std::size_t bytes) {
    if (!bounded_) return;
    bytes = std::max(bytes, sent_bytes_min);
    bytes_ += bytes;
    sent_.push(std::move(bytes));
    --messages_;
  }
  // The receiver has room for more, because it has taken as many of the oldest. (More than were sent: its room has grown.)
  void add(std::uint64_t messages) noexcept {
    if (!bounded_) return;
    messages_ = messages > never_more - messages_ ? never_more : messages_ + messages;
    for (; messages > 0 && !sent_.empty(); --messages) {
      bytes_ -= sent_.front();
      sent_.drop_front();
    }
  }

 private:
  static constexpr std::uint64_t never_more = ~std::uint64_t{0};

  bool bounded_ = false;
  std::uint64_t messages_ = 0;                 // that may still be sent
  std::size_t bytes_ = 0;                      // under way
  sc::detail::ring_buffer<std::size_t> sent_;  // the size of each message under way
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
  // How many more the peer is to be told of now, while `unread` wait here; 0: not enough yet to be worth a message.
  [[nodiscard]] std::size_t take_grant(std::size_t unread) noexcept {
    const std::size_t used = allowance_ + unread;
    if (used >= window_ || window_ - used < std::max<std::size_t>(1, window_ / 2)) return 0;
    const std::size_t more = window_ - used;
    allowance_ += more;
    return more;
  }

 private:
  bool counts_ = false;
  std::size_t window_ = 0;     // unread messages and those that may come are never more
  std::size_t allowance_ = 0;  // that may still come
};

// What a Start or StartAck says: nothing, or how much may be sent at first (nullopt: any number).
using credit_note = std::optional<std::optional<std::uint64_t>>;
[[nodiscard]] credit_note credit_note_of(msg::bytes_view message_body);

}  // namespace detail
}  // namespace tractor
