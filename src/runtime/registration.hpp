// SPDX-License-Identifier: Apache-2.0
//
// Where an actor listens when nobody says where, and which of that others are told.

#pragma once

#include <vector>

#include "tractor/ipc/address.hpp"
#include "tractor/runtime/actor.hpp"

namespace tractor::detail {

// TRACTOR_REGISTRY is set.
[[nodiscard]] bool names_registry() noexcept;
// TRACTOR_REGISTRY, else the registry's socket file in the runtime directory. Empty for `none`. Throws address_error.
[[nodiscard]] TRACTOR_API std::vector<ipc::address> default_registry_addrs();
// By TCP, from other machines, too.
[[nodiscard]] bool is_beyond_loopback(const ipc::address& where);
// All of these registries are on this machine.
[[nodiscard]] bool all_here(const std::vector<ipc::address>& registry_addrs);
// Who listens there listens at `where`, too.
[[nodiscard]] bool covers(const ipc::address& listening, const ipc::address& where);

// For an actor that is not told where to listen: a port of its own, for each registry that is reached by TCP, at the address by which those
// who ask that registry reach this machine (S-BOOT-6). Beyond loopback only in a tree that has a secret or is `insecure`.
[[nodiscard]] std::vector<ipc::address> default_bind_addrs(const actor& self, const std::vector<ipc::address>& registry_addrs);
// Where others reach who listens at `bound`: there. The wildcard is told as the addresses of this machine; and what means something else on
// another machine (a socket file, loopback) is told to registries of this machine only.
[[nodiscard]] std::vector<ipc::address> addresses_to_tell(const ipc::address& bound, const std::vector<ipc::address>& registry_addrs);

// NAME@PID.sock in the actor's socket_dir. Throws what ipc::listen throws.
void listen_at_control_socket(actor& self);
// Where others reach the actor, as addresses_to_tell() has it.
[[nodiscard]] std::vector<ipc::address> registered_addrs(actor& self);

}  // namespace tractor::detail
