// SPDX-License-Identifier: Apache-2.0
//
// The messages between requesters and the fork server. Both ends are the same program on the same host, so these are structs
// in memory order over SOCK_SEQPACKET sockets; the magic tells another version of tractor apart.
//
//   introduce  an actor's first message, over the socket that all share; one descriptor: the server's end of a connection of its own
//   spawn      header, facts?, name, environment?, overrides?, boot; descriptors in the order of `spawn_descriptor`
//   kill       SIGKILL the child of a ticket
//   replies    header and text; `spawned` carries a pidfd
//   useless    not an answer: this program cannot be forked, and the text says why; sent instead of serving
//
// A request tells what changed in its sender's world since the one before. Where one is refused that told something, those behind it
// build on what never arrived: they are refused for the same reason, until one tells the whole world again.

#pragma once

#include <cstdint>

#include "tractor/spawn/death_certificate.hpp"

namespace tractor::spawn::detail {

inline constexpr std::uint32_t fork_server_magic = 0x32736b66;  // "fks2"

// Each field of a request is inline up to inline_bytes_max, so a whole one fits well.
inline constexpr std::size_t request_bytes_max = 64 * 1024;
inline constexpr std::size_t reply_text_bytes_max = 512;

enum class request_kind : std::uint32_t { introduce, spawn, kill };

struct request_field {
  std::uint32_t bytes = 0;
  std::uint32_t in_file = 0;  // the bytes are in a memory file that comes as a descriptor
};

struct request_header {
  std::uint32_t magic = fork_server_magic;
  request_kind kind = request_kind::spawn;
  std::uint64_t ticket = 0;
  std::uint32_t has_facts = 0;
  std::uint32_t has_environment = 0;
  std::uint32_t has_stdout = 0;     // else the child's is /dev/null
  std::uint32_t has_directory = 0;  // goes with facts
  std::uint32_t name_bytes = 0;
  std::uint32_t reserved = 0;
  request_field environment{}, overrides{}, boot{};
};

enum class reply_kind : std::uint32_t { spawned, failed, exited, useless };

struct reply_header {
  std::uint32_t magic = fork_server_magic;
  reply_kind kind = reply_kind::spawned;
  std::uint64_t ticket = 0;
  std::int32_t pid = -1;
  std::int32_t error = 0;        // of failed
  std::int32_t wait_status = 0;  // of exited
  std::uint32_t text_bytes = 0;  // of failed and useless
  // Of failed: the server does not know the requester's world any more, and refuses every request until one tells all of it.
  std::uint32_t world_refused = 0;
  std::uint32_t reserved = 0;
  resource_usage usage{};  // of exited
};

}  // namespace tractor::spawn::detail
