// SPDX-License-Identifier: Apache-2.0
//
// A 128-bit identifier and its text form ("6f63cb36-af91-4424-aa60-ba87f005ce1e"). The random bits come from the caller
// (sc/entropy.hpp), so that a simulated tree is reproducible.

#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tractor/base/config.hpp"

namespace tractor {

struct uuid {
  std::array<std::uint8_t, 16> bytes{};

  static constexpr std::size_t text_bytes = 36;

  // RFC 4122 version 4 out of 128 random bits.
  [[nodiscard]] static uuid from_random(std::uint64_t high, std::uint64_t low) noexcept {
    uuid id;
    for (std::size_t i = 0; i < 8; ++i) {
      id.bytes[i] = static_cast<std::uint8_t>(high >> (56 - 8 * i));
      id.bytes[i + 8] = static_cast<std::uint8_t>(low >> (56 - 8 * i));
    }
    id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0f) | 0x40);
    id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3f) | 0x80);
    return id;
  }

  // Writes exactly 36 characters, no terminator.
  void write_text(char* out) const noexcept {
    static constexpr char digits[] = "0123456789abcdef";
    for (std::size_t i = 0; i < 16; ++i) {
      if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
      *out++ = digits[bytes[i] >> 4];
      *out++ = digits[bytes[i] & 15];
    }
  }

  [[nodiscard]] std::string text() const {
    std::string out(text_bytes, '\0');
    write_text(out.data());
    return out;
  }

  // Accepts exactly the hyphenated 36-character form, either case.
  [[nodiscard]] static std::optional<uuid> parse(std::string_view text) noexcept {
    if (text.size() != text_bytes) return std::nullopt;
    uuid id;
    std::size_t at = 0;
    for (std::size_t i = 0; i < 16; ++i) {
      if (i == 4 || i == 6 || i == 8 || i == 10) {
        if (text[at++] != '-') return std::nullopt;
      }
      const int high = digit(text[at]), low = digit(text[at + 1]);
      if (high < 0 || low < 0) return std::nullopt;
      id.bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
      at += 2;
    }
    return id;
  }

  friend auto operator<=>(const uuid&, const uuid&) = default;

 private:
  static constexpr int digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  }
};

}  // namespace tractor
