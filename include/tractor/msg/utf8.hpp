// SPDX-License-Identifier: Apache-2.0
//
// Is this text UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF)? msgpack's str must be; both
// directions check. ASCII, the usual case, is decided eight bytes at a time.

#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "tractor/base/config.hpp"

namespace tractor::msg {

namespace detail {

[[nodiscard]] TRACTOR_API bool is_utf8_general(const char* at, const char* end) noexcept;

inline constexpr std::uint64_t high_bits = 0x8080'8080'8080'8080;

inline std::uint64_t load8(const char* from) noexcept {
  std::uint64_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

}  // namespace detail

[[nodiscard]] inline bool is_utf8(std::string_view text) noexcept {
  const char* at = text.data();
  const char* const end = at + text.size();
  if (text.size() >= 8) {
    // The last word overlaps the one before it, so that no byte-wise tail is left.
    std::uint64_t seen = detail::load8(end - 8);
    for (; end - at > 8; at += 8) seen |= detail::load8(at);
    if ((seen & detail::high_bits) == 0) [[likely]]
      return true;
    return detail::is_utf8_general(text.data(), end);
  }
  unsigned char seen = 0;
  for (; at != end; ++at) seen |= static_cast<unsigned char>(*at);
  return seen < 0x80 || detail::is_utf8_general(text.data(), end);
}

}  // namespace tractor::msg
