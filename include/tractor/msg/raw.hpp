// SPDX-License-Identifier: Apache-2.0
//
// One msgpack item that is not decoded: a slice of a frame that is looked at later (`raw_view`) or kept (`raw`). Encoding
// either of them copies its bytes verbatim into the output; an empty one stands for nil.

#pragma once

#include "tractor/msg/bytes.hpp"

namespace tractor::msg {

// Points into somebody else's buffer and is valid as long as that.
struct raw_view {
  bytes_view data{};

  constexpr operator bytes_view() const noexcept { return data; }  // NOLINT(google-explicit-constructor): decode<T>(message.pld)
};

// Owns its bytes.
struct raw {
  bytes data;

  raw() = default;
  explicit raw(bytes_view from) : data(from.begin(), from.end()) {}

  operator bytes_view() const noexcept { return data; }  // NOLINT(google-explicit-constructor): decode<T>(kept)
  friend bool operator==(const raw&, const raw&) = default;
};

}  // namespace tractor::msg
