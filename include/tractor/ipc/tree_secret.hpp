// SPDX-License-Identifier: Apache-2.0
//
// What the actors of a tree know and nobody else: for connections that other machines, or other users of this one, can make.
//
// Each end of a connection sends the other a fresh challenge, and proves with an answer to it that it has the secret. The secret itself
// does not travel, an answer is good for one connection and one end of it only, and it says nothing about what comes after it: that is
// neither encrypted nor authenticated. So it keeps out who does not know the secret, and not who can read or change what is on the way
// (docs/security.md).

#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "tractor/base/error.hpp"

namespace tractor::ipc {

inline constexpr std::size_t secret_bytes_min = 16;
inline constexpr std::size_t secret_bytes_max = 4096;
inline constexpr std::size_t challenge_bytes = 32;
inline constexpr std::size_t proof_bytes = 32;

using challenge = std::array<std::byte, challenge_bytes>;
using proof = std::array<std::byte, proof_bytes>;

// 32 bytes of the system's randomness: never the same twice. Throws os_error.
[[nodiscard]] TRACTOR_API challenge fresh_challenge();

// Which end of a connection proves; so that an answer cannot be sent back to who asked.
enum class connection_end : unsigned char { connector, acceptor };

// Both challenges and both identities, in the order of the ends: what an answer is about.
struct handshake_facts {
  std::span<const std::byte> connector_challenge;
  std::span<const std::byte> acceptor_challenge;
  std::string_view connector_uuid;
  std::string_view acceptor_uuid;
};

class TRACTOR_API tree_secret {
 public:
  // Throws usage_error for fewer than `secret_bytes_min` bytes, or more than `secret_bytes_max`.
  explicit tree_secret(std::string_view text);
  // What the file holds, without the white space at its end. Throws os_error, and usage_error when others than its owner may read it.
  [[nodiscard]] static tree_secret from_file(const std::string& path);
  // Of the file that TRACTOR_SECRET_FILE names, else TRACTOR_SECRET itself; nullopt when neither is set. Throws as above; the text says
  // which variable is wrong, and never what is in it.
  [[nodiscard]] static std::optional<tree_secret> from_environment();

  [[nodiscard]] proof prove(connection_end as, const handshake_facts& facts) const;
  // Whether `given` is what that end would have answered; takes the same time whatever it is.
  [[nodiscard]] bool verifies(std::span<const std::byte> given, connection_end of, const handshake_facts& facts) const;

  // To hand it to an actor that this one starts, over a connection that nobody else has.
  [[nodiscard]] std::span<const std::byte> key() const noexcept { return key_; }
  [[nodiscard]] static std::optional<tree_secret> from_key(std::span<const std::byte> key);

 private:
  tree_secret() = default;
  std::array<std::byte, 32> key_{};  // a hash of the secret
};

}  // namespace tractor::ipc
