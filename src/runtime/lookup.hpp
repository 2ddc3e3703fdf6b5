// SPDX-License-Identifier: Apache-2.0
//
// Whom a lookup asks, and how it gets there.

#pragma once

#include <cerrno>
#include <exception>
#include <vector>

#include "tractor/runtime/actor.hpp"
#include "tractor/runtime/detail/directory.hpp"
#include "tractor/runtime/find_actor.hpp"

namespace tractor::detail {

// Those of the options, names looked up, else this tree's. Throws runtime_failure where it has none, and sc::resolve_error.
[[nodiscard]] sc::task<std::vector<ipc::address>> registrars_for(directory& known, std::vector<ipc::address> asked_for);

// Nearest first; of equally near ones the last listed first (S-DSC-8). A socket file, a loopback address or a wildcard that `teller`, of
// another machine, knows is not here; null: it was told on this machine.
[[nodiscard]] std::vector<ipc::address> by_distance(std::vector<ipc::address> addrs, const ipc::address* teller);

// The root of this actor's tree, and where it is reached now, as far as this actor knows.
[[nodiscard]] actor::root_place root_of(const actor& self);

// Nobody listens there, or there is no such file.
[[nodiscard]] constexpr bool is_nobody(int errno_value) noexcept { return errno_value == ECONNREFUSED || errno_value == ENOENT; }
[[nodiscard]] bool is_nobody(const std::exception_ptr& error);

}  // namespace tractor::detail
