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

namespace tractor {

// A sender has at most this many payload bytes under way that the receiver has not taken, and one message more.
inline constexpr std::size_t stream_window_bytes = std::size_t{4} << 20;

namespace detail {

// As how many bytes a message counts: its payload, but at least so many. Both sides count alike.
inline constexpr std::size_t counted_bytes_min = 64;
[[nodiscard]] constexpr std::size_t counted_bytes(std::size_t payload_bytes) noexcept { return std::max(payload_bytes, counted_bytes_min); }

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
  void release() noexcept { bounded_ = false; }
  void spend(std::size_t payload_bytes) noexcept {
    if (!bounded_) return;
    --messages_;
    bytes_ += counted_bytes(payload_bytes);
  }
  // The receiver has taken so many bytes, and has room for so many messages more. A peer that says it has taken what was never sent harms
  // only itself.
  void add(std::uint64_t taken_bytes, std::uint64_t more) noexcept {
    messages_ = more > unlimited - messages_ ? unlimited : messages_ + more;
    bytes_ -= std::min(bytes_, taken_bytes);
  }

 private:
  static constexpr std::uint64_t unlimited = ~std::uint64_t{0};

  bool bounded_ = false;
  std::uint64_t messages_ = 0;  // that may still be sent
  std::uint64_t bytes_ = 0;     // under way
};

// What the receiver tells the sender of.
struct grant {
  std::size_t bytes = 0;     // that were taken
  std::size_t messages = 0;  // more that may be sent
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
  void take(std::size_t payload_bytes) noexcept { bytes_ += counted_bytes(payload_bytes); }
  // Whether the peer is to be told now, while `unread` messages wait here: when half of the window is free, or half of the bytes were
  // taken. So a sender that has to wait is told at the latest when all it has sent was taken: it has used up one of the two.
  [[nodiscard]] bool worth_telling(std::size_t unread) const noexcept {
    const std::size_t more = room(unread);
    return counts_ && ((more != 0 && more >= window_ / 2) || bytes_ >= stream_window_bytes / 2);
  }
  // What it is to be told; nothing: too little yet to be worth a message.
  [[nodiscard]] std::optional<grant> take_grant(std::size_t unread) noexcept {
    if (!worth_telling(unread)) return std::nullopt;
    const std::size_t more = room(unread);
    allowance_ += more;
    return grant{.bytes = std::exchange(bytes_, 0), .messages = more};
  }

 private:
  // Further messages that the window has room for.
  [[nodiscard]] std::size_t room(std::size_t unread) const noexcept {
    const std::size_t used = allowance_ + unread;
    return used < window_ ? window_ - used : 0;
  }

  bool counts_ = false;
  std::size_t window_ = 0;     // unread messages and those that may come are never more
  std::size_t allowance_ = 0;  // that may still come
  std::size_t bytes_ = 0;      // taken since the peer was last told
};

// What a Start or StartAck says: nothing, or how much may be sent at first (nullopt: any number).
using credit_note = std::optional<std::optional<std::uint64_t>>;
[[nodiscard]] credit_note credit_note_of(msg::bytes_view message_body);

}  // namespace detail
}  // namespace tractor
