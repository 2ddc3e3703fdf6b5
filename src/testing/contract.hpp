// SPDX-License-Identifier: Apache-2.0
//
// What the checks of contracts share.

#pragma once

#include <array>
#include <chrono>
#include <exception>
#include <span>
#include <string>
#include <string_view>

#include "tractor/sc/byte_stream.hpp"
#include "tractor/sc/task.hpp"
#include "tractor/testing/check_failed.hpp"

namespace tractor::testing::detail {

// Real descriptors tell what has happened to their peer a moment later.
inline constexpr auto cushion = std::chrono::milliseconds(1);

inline void expect(bool holds, const std::string& what) {
  if (!holds) throw check_failed("the contract is not kept: " + what);
}

// What `body` throws must be an E. Lets `cancelled` pass.
template <class E, class Body>
sc::task<> expect_error(const char* what, Body body) {
  std::string instead = "nothing was thrown";
  try {
    static_cast<void>(co_await body());
  } catch (const E&) {
    co_return;
  } catch (const std::exception& other) {
    instead = std::string("this was thrown: ") + other.what();
  }
  expect(false, std::string(what) + ", but " + instead);
}

inline sc::task<> send_text(sc::byte_stream& to, std::string_view text) { co_await to.send_all(std::as_bytes(std::span(text))); }

// Up to the end of the stream.
inline sc::task<std::string> receive_text(sc::byte_stream& from) {
  std::string text;
  std::array<std::byte, 256> buffer;
  while (const std::size_t bytes = co_await from.receive_some(buffer)) text.append(reinterpret_cast<const char*>(buffer.data()), bytes);
  co_return text;
}

}  // namespace tractor::testing::detail
