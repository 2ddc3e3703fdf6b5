// SPDX-License-Identifier: Apache-2.0

#include "tractor/msg/utf8.hpp"

namespace tractor::msg::detail {

namespace {

bool is_continuation(char c) noexcept { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// The length of the well-formed sequence that starts with the non-ASCII byte at `at`; 0 when it is malformed.
int sequence_length(const char* at, const char* end) noexcept {
  const auto lead = static_cast<unsigned char>(*at);
  const auto second = end - at > 1 ? static_cast<unsigned char>(at[1]) : 0U;
  if (lead >= 0xc2 && lead <= 0xdf) return end - at >= 2 && is_continuation(at[1]) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    if (end - at < 3 || !is_continuation(at[1]) || !is_continuation(at[2])) return 0;
    if (lead == 0xe0 && second < 0xa0) return 0;  // overlong
    if (lead == 0xed && second > 0x9f) return 0;  // a surrogate
    return 3;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    if (end - at < 4 || !is_continuation(at[1]) || !is_continuation(at[2]) || !is_continuation(at[3])) return 0;
    if (lead == 0xf0 && second < 0x90) return 0;  // overlong
    if (lead == 0xf4 && second > 0x8f) return 0;  // above U+10FFFF
    return 4;
  }
  return 0;
}

}  // namespace

bool is_utf8_general(const char* at, const char* end) noexcept {
  while (at != end) {
    if (end - at >= 8 && (load8(at) & high_bits) == 0) {
      at += 8;
    } else if (static_cast<unsigned char>(*at) < 0x80) {
      ++at;
    } else {
      const int length = sequence_length(at, end);
      if (length == 0) return false;
      at += length;
    }
  }
  return true;
}

}  // namespace tractor::msg::detail
