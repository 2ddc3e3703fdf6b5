// SPDX-License-Identifier: Apache-2.0

#include "tractor/ipc/tree_secret.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>

#include "blake2s.hpp"
#include "tractor/base/fd.hpp"

namespace tractor::ipc {

namespace {

constexpr const char* secret_variable = "TRACTOR_SECRET";
constexpr const char* secret_file_variable = "TRACTOR_SECRET_FILE";
constexpr std::string_view purpose = "tractor tree secret 1";

// Each part with its length before it, so that no two lists of parts give the same bytes.
void add(blake2s& hash, std::span<const std::byte> part) {
  std::array<std::byte, 8> length{};
  for (std::size_t i = 0; i < length.size(); ++i) length[i] = static_cast<std::byte>(std::uint64_t{part.size()} >> (8 * i));
  hash.update(length);
  hash.update(part);
}
void add(blake2s& hash, std::string_view part) { add(hash, std::as_bytes(std::span(part))); }

[[noreturn]] void refuse_length(const std::string& which, std::size_t bytes) {
  throw usage_error(which + " has " + std::to_string(bytes) + " bytes: a tree secret has " + std::to_string(secret_bytes_min) + " to " +
                    std::to_string(secret_bytes_max));
}

void check_length(const std::string& which, std::size_t bytes) {
  if (bytes < secret_bytes_min || bytes > secret_bytes_max) refuse_length(which, bytes);
}

}  // namespace

challenge fresh_challenge() {
  challenge made;
  std::span<std::byte> left(made);
  while (!left.empty()) {
    const auto got = retry_eintr([&] { return ::getrandom(left.data(), left.size(), 0); });
    if (got <= 0) throw_os_error("getrandom() for a challenge", errno);
    left = left.subspan(static_cast<std::size_t>(got));
  }
  return made;
}

tree_secret::tree_secret(std::string_view text) {
  check_length("the secret", text.size());
  blake2s hash(key_.size());
  add(hash, purpose);
  add(hash, text);
  hash.finish(key_);
}

tree_secret tree_secret::from_file(const std::string& path) {
  const unique_fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!file) throw_os_error("open(" + path + ") for the tree secret", errno);
  struct stat found{};
  if (::fstat(file.get(), &found) != 0) throw_os_error("fstat(" + path + ")", errno);
  if (!S_ISREG(found.st_mode)) throw usage_error("the tree secret's file " + path + " is no file");
  if ((found.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    throw usage_error("the tree secret's file " + path + " can be used by others than its owner: chmod 600 it");
  std::string text(secret_bytes_max + 2, '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    const auto got = retry_eintr([&] { return ::read(file.get(), text.data() + filled, text.size() - filled); });
    if (got < 0) throw_os_error("read(" + path + ")", errno);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  text.resize(filled);
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  check_length("the secret in " + path, text.size());
  return tree_secret(text);
}

std::optional<tree_secret> tree_secret::from_environment() {
  if (const char* const path = std::getenv(secret_file_variable); path != nullptr && *path != '\0') return from_file(path);
  const char* const text = std::getenv(secret_variable);
  if (text == nullptr || *text == '\0') return std::nullopt;
  check_length(secret_variable, std::string_view(text).size());
  return tree_secret(text);
}

proof tree_secret::prove(connection_end as, const handshake_facts& facts) const {
  proof made;
  blake2s hash(made.size(), key_);
  add(hash, as == connection_end::connector ? "connector" : "acceptor");
  add(hash, facts.connector_challenge);
  add(hash, facts.acceptor_challenge);
  add(hash, facts.connector_uuid);
  add(hash, facts.acceptor_uuid);
  hash.finish(made);
  return made;
}

bool tree_secret::verifies(std::span<const std::byte> given, connection_end of, const handshake_facts& facts) const {
  if (given.size() != proof_bytes) return false;
  const proof wanted = prove(of, facts);
  unsigned different = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) different |= std::to_integer<unsigned>(wanted[i] ^ given[i]);
  return different == 0;
}

std::optional<tree_secret> tree_secret::from_key(std::span<const std::byte> key) {
  tree_secret made;
  if (key.size() != made.key_.size()) return std::nullopt;
  std::ranges::copy(key, made.key_.begin());
  return made;
}

}  // namespace tractor::ipc
