// SPDX-License-Identifier: Apache-2.0
//
// Where an actor listens when nobody says where, and which of that others are told.

#pragma once

#include <vector>

#include "tractor/ipc/address.hpp"
#include "tractor/runtime/actor.hpp"

namespace tractor::detail {

// TRACTOR_REGISTRY, else the registry's socket file in the runtime directory. Empty for `none`. Throws address_error.
[[nodiscard]] TRACTOR_API std::vector<ipc::address> default_registry_addrs();
// For actors whose registrar is reached by TCP on this machine: a port of the same host, for each (S-BOOT-6).
[[nodiscard]] std::vector<ipc::address> default_bind_addrs(const std::vector<ipc::address>& registry_addrs);
// NAME@PID.sock in the actor's socket_dir. Throws what ipc::listen throws.
void listen_at_control_socket(actor& self);
// Where the actor listens; not its control socket where a registrar may be on another machine.
[[nodiscard]] std::vector<ipc::address> registered_addrs(actor& self);

}  // namespace tractor::detail
