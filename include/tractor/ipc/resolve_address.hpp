// SPDX-License-Identifier: Apache-2.0
//
// Addresses by name, looked up.
//
//     ipc::address where = co_await ipc::resolve_address(ipc::address::parse("/dns/localhost/tcp/1616"));   // "/ip6/::1/tcp/1616", say
//
// Where a name has several addresses it is the first in the system's order: to listen, to be told to others, to be compared. Connecting
// tries them all (sc::open_tcp_stream), and is what ipc::connect does with a name.

#pragma once

#include <vector>

#include "tractor/ipc/address.hpp"
#include "tractor/sc/task.hpp"

namespace tractor::ipc {

// An address that is none by name is given back as it is, without a checkpoint. Throws sc::resolve_error. Cancelled as sc::resolve is.
[[nodiscard]] TRACTOR_API sc::task<address> resolve_address(address where);

// Each of them, in order.
[[nodiscard]] TRACTOR_API sc::task<std::vector<address>> resolve_addresses(std::vector<address> all);

// The same where one of them is enough: without those that have no address. Throws what the last one failed with when none has.
[[nodiscard]] TRACTOR_API sc::task<std::vector<address>> resolve_known_addresses(std::vector<address> all);

}  // namespace tractor::ipc
