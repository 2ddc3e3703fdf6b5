// SPDX-License-Identifier: Apache-2.0

#include "ipc/blake2s.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace tractor::ipc {
namespace {

std::vector<std::byte> digest_of(std::size_t bytes, std::span<const std::byte> data, std::span<const std::byte> key = {}) {
  std::vector<std::byte> out(bytes);
  blake2s hash(bytes, key);
  hash.update(data);
  hash.finish(out);
  return out;
}

std::string hex(std::span<const std::byte> data) {
  std::string text;
  for (const std::byte byte : data) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", std::to_integer<unsigned>(byte));
    text += two;
  }
  return text;
}

// RFC 7693, appendix B.
TEST(blake2s, abc_gives_the_digest_of_the_rfc) {
  EXPECT_EQ(hex(digest_of(32, std::as_bytes(std::span(std::string_view("abc"))))),
            "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
}

// RFC 7693, appendix E: a hash over the hashes of deterministic inputs of several lengths, with and without keys.
TEST(blake2s, self_test_of_the_rfc_gives_its_digest) {
  const auto sequence = [](std::size_t length) {
    std::uint32_t a = 0xdead4bad * static_cast<std::uint32_t>(length), b = 1;
    std::vector<std::byte> out(length);
    for (std::byte& byte : out) {
      const std::uint32_t t = a + b;
      a = b;
      b = t;
      byte = static_cast<std::byte>(t >> 24);
    }
    return out;
  };
  blake2s over_all(32);
  for (const std::size_t digest_bytes : {16u, 20u, 28u, 32u}) {
    for (const std::size_t length : {0u, 3u, 64u, 65u, 255u, 1024u}) {
      over_all.update(digest_of(digest_bytes, sequence(length)));
      over_all.update(digest_of(digest_bytes, sequence(length), sequence(digest_bytes)));
    }
  }
  std::vector<std::byte> result(32);
  over_all.finish(result);
  EXPECT_EQ(hex(result), "6a411f08ce25adcdfb02aba641451cec53c598b24f4fc787fbdc88797f4c1dfe");
}

TEST(blake2s, data_in_pieces_gives_the_digest_of_the_whole) {
  const std::vector<std::byte> data(300, std::byte{7});
  const auto whole = digest_of(16, data);
  for (const std::size_t piece : {1u, 63u, 64u, 65u, 128u}) {
    blake2s hash(16);
    for (std::size_t at = 0; at < data.size(); at += piece) hash.update(std::span(data).subspan(at, std::min(piece, data.size() - at)));
    std::vector<std::byte> out(16);
    hash.finish(out);
    EXPECT_EQ(out, whole) << piece;
  }
}

// S-UDS-4: what the reference's hash function gives.
TEST(blake2s, short_digests_in_hexadecimal_are_those_of_the_reference) {
  EXPECT_EQ(blake2s_128_hex(""), "64550d6ffe2c0a01a14aba1eade0200c");
  EXPECT_EQ(blake2s_128_hex("abc"), "aa4938119b1dc7b87cbad0ffd200d0ae");
  EXPECT_EQ(blake2s_128_hex("a/b"), "5e81c1f95afb12f7266d1a4de7271acc");
  EXPECT_EQ(blake2s_128_hex(std::string(64, 'a')), "d3e01950b1787af9170c6edbc49d5a22");
  EXPECT_EQ(blake2s_128_hex(std::string(200, 'a')), "79a89d15167e9c07d9a0af1e290816a7");
}

}  // namespace
}  // namespace tractor::ipc
