// SPDX-License-Identifier: Apache-2.0
//
// How socket files are named: `NAME@PID.sock`, so that a file tells whose it was (S-UDS-3), in the same way every time, so that a
// parent can remove what a killed child left (S-UDS-10).
//
// A name that cannot be a file name, or with which the path would not fit into a socket address, is replaced by
// `actor.` and the 32 hexadecimal digits of its BLAKE2s-128 hash (S-UDS-4).

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tractor/ipc/address.hpp"

namespace tractor::ipc {

// Throws address_error when even the short form does not fit below `dir`.
[[nodiscard]] TRACTOR_API std::string socket_file_name(std::string_view actor_name, pid_t pid, std::string_view dir);
// The address at which the actor listens when nobody says where: in the runtime directory, which is made and checked.
[[nodiscard]] TRACTOR_API uds_address default_uds_address(std::string_view actor_name, pid_t pid);
// A name for a process without a runtime: "no_runtime_root.1f2e3d4c", fresh for other random bits.
[[nodiscard]] TRACTOR_API std::string name_without_runtime(bool is_root, std::uint32_t random_bits);

// Removes the socket file of a process that was killed, if it is there and a socket. Never throws; true when it did.
TRACTOR_API bool remove_socket_of_dead(const uds_address& where) noexcept;
// The same for the file it had by default; a name that has none is skipped (S-UDS-10).
TRACTOR_API bool remove_default_socket_of_dead(std::string_view actor_name, pid_t pid) noexcept;

// The files NAME@PID.sock of actors of that name, dead or alive. Empty where the directory cannot be read.
[[nodiscard]] TRACTOR_API std::vector<std::string> socket_files_named(const std::string& dir, std::string_view actor_name);

// Whether there is a file NAME@PID.sock.
[[nodiscard]] TRACTOR_API bool has_socket_file(const std::string& dir, pid_t pid) noexcept;

// What lies in a runtime directory and is nobody's: this user's socket files NAME@PID.sock whose process is gone, or one of `known_dead`,
// and on which nobody listens; with `registry` also the registry's, when nobody listens there. Gives the names, removed unless `look_only`.
// Best effort: what cannot be looked at, or removed, is left out.
enum class registry_sweep : unsigned char { spared, swept };
TRACTOR_API std::vector<std::string> sweep_sockets_of_dead(const std::string& dir, registry_sweep registry,
                                                           std::span<const pid_t> known_dead = {}, bool look_only = false) noexcept;

}  // namespace tractor::ipc
