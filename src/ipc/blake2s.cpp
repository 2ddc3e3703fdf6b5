// SPDX-License-Identifier: Apache-2.0

#include "blake2s.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "tractor/base/config.hpp"

namespace tractor::ipc {

namespace {

constexpr std::array<std::uint32_t, 8> initial = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                                  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

constexpr std::uint8_t schedule[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

std::uint32_t load_le(const std::byte* from) noexcept {
  std::uint32_t word = 0;
  for (std::size_t i = 0; i < 4; ++i) word |= std::to_integer<std::uint32_t>(from[i]) << (8 * i);
  return word;
}

void mix(std::array<std::uint32_t, 16>& v, std::size_t a, std::size_t b, std::size_t c, std::size_t d, std::uint32_t x,
         std::uint32_t y) noexcept {
  v[a] += v[b] + x;
  v[d] = std::rotr(v[d] ^ v[a], 16);
  v[c] += v[d];
  v[b] = std::rotr(v[b] ^ v[c], 12);
  v[a] += v[b] + y;
  v[d] = std::rotr(v[d] ^ v[a], 8);
  v[c] += v[d];
  v[b] = std::rotr(v[b] ^ v[c], 7);
}

}  // namespace

blake2s::blake2s(std::size_t digest_bytes, std::span<const std::byte> key) noexcept : state_(initial), digest_bytes_(digest_bytes) {
  TRACTOR_ASSERT(digest_bytes > 0 && digest_bytes <= digest_bytes_max && key.size() <= key_bytes_max, "lengths that BLAKE2s has");
  state_[0] ^= 0x01010000U ^ (static_cast<std::uint32_t>(key.size()) << 8) ^ static_cast<std::uint32_t>(digest_bytes);
  if (!key.empty()) {
    std::memcpy(block_.data(), key.data(), key.size());
    filled_ = block_bytes;
  }
}

void blake2s::compress(bool last) noexcept {
  std::array<std::uint32_t, 16> v, m;
  std::copy(state_.begin(), state_.end(), v.begin());
  std::copy(initial.begin(), initial.end(), v.begin() + 8);
  v[12] ^= static_cast<std::uint32_t>(hashed_);
  v[13] ^= static_cast<std::uint32_t>(hashed_ >> 32);
  if (last) v[14] = ~v[14];
  for (std::size_t i = 0; i < 16; ++i) m[i] = load_le(block_.data() + 4 * i);
  for (const auto& s : schedule) {
    mix(v, 0, 4, 8, 12, m[s[0]], m[s[1]]);
    mix(v, 1, 5, 9, 13, m[s[2]], m[s[3]]);
    mix(v, 2, 6, 10, 14, m[s[4]], m[s[5]]);
    mix(v, 3, 7, 11, 15, m[s[6]], m[s[7]]);
    mix(v, 0, 5, 10, 15, m[s[8]], m[s[9]]);
    mix(v, 1, 6, 11, 12, m[s[10]], m[s[11]]);
    mix(v, 2, 7, 8, 13, m[s[12]], m[s[13]]);
    mix(v, 3, 4, 9, 14, m[s[14]], m[s[15]]);
  }
  for (std::size_t i = 0; i < 8; ++i) state_[i] ^= v[i] ^ v[i + 8];
}

void blake2s::update(std::span<const std::byte> data) noexcept {
  while (!data.empty()) {
    // A full block waits until it is known not to be the last one.
    if (filled_ == block_bytes) {
      hashed_ += block_bytes;
      compress(false);
      filled_ = 0;
    }
    const std::size_t taken = std::min(block_bytes - filled_, data.size());
    std::memcpy(block_.data() + filled_, data.data(), taken);
    filled_ += taken;
    data = data.subspan(taken);
  }
}

void blake2s::finish(std::span<std::byte> out) noexcept {
  TRACTOR_ASSERT(out.size() == digest_bytes_, "the digest has the length that was asked for");
  hashed_ += filled_;
  std::fill(block_.begin() + static_cast<std::ptrdiff_t>(filled_), block_.end(), std::byte{0});
  compress(true);
  for (std::size_t i = 0; i < digest_bytes_; ++i) out[i] = static_cast<std::byte>(state_[i / 4] >> (8 * (i % 4)));
}

std::string blake2s_128_hex(std::string_view text) {
  std::array<std::byte, 16> digest;
  blake2s hash(digest.size());
  hash.update(std::as_bytes(std::span(text)));
  hash.finish(digest);
  static constexpr char digits[] = "0123456789abcdef";
  std::string hex;
  for (const std::byte byte : digest) {
    hex += digits[std::to_integer<unsigned>(byte) >> 4];
    hex += digits[std::to_integer<unsigned>(byte) & 15];
  }
  return hex;
}

}  // namespace tractor::ipc
