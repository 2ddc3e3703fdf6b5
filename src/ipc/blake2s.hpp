// SPDX-License-Identifier: Apache-2.0
//
// BLAKE2s (RFC 7693): the hash that names socket files (S-UDS-4). Only for names: nothing here is secret.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tractor::ipc {

class blake2s {
 public:
  static constexpr std::size_t block_bytes = 64;
  static constexpr std::size_t digest_bytes_max = 32;
  static constexpr std::size_t key_bytes_max = 32;

  explicit blake2s(std::size_t digest_bytes, std::span<const std::byte> key = {}) noexcept;
  void update(std::span<const std::byte> data) noexcept;
  // Once, at the end; `out` has the length given at the start.
  void finish(std::span<std::byte> out) noexcept;

 private:
  void compress(bool last) noexcept;

  std::array<std::uint32_t, 8> state_;
  std::array<std::byte, block_bytes> block_{};
  std::size_t filled_ = 0;
  std::uint64_t hashed_ = 0;
  std::size_t digest_bytes_;
};

// The 16-byte digest of `text` as 32 lower-case hexadecimal digits.
[[nodiscard]] std::string blake2s_128_hex(std::string_view text);

}  // namespace tractor::ipc
