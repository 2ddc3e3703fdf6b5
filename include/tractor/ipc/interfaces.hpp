// SPDX-License-Identifier: Apache-2.0
//
// Which addresses are this machine's, and by which of them others reach it.

#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tractor/ipc/address.hpp"

namespace tractor::ipc {

inline constexpr std::size_t interface_hosts_max = 16;  // that an actor which listens at all interfaces is told to be at

// How far an address is from here, nearest first (S-DSC-8).
enum class distance : unsigned char {
  here,          // a socket file, or in this process
  this_machine,  // loopback, the wildcard, or an address of one of this machine's interfaces
  elsewhere,
};

// Looks at the machine's interfaces each time it is asked about an address that is not loopback.
[[nodiscard]] TRACTOR_API distance distance_to(const address& where);

// An interface that is up has an IPv6 address.
[[nodiscard]] TRACTOR_API bool has_ipv6();

// By which addresses of this machine those who come to `where`, too, reach it: loopback for what is on this machine only, the address
// itself for one of an interface, for another machine's the address that a connection to it would come from, for the wildcard those of all
// interfaces that are up, without loopback and link-local ones. At most interface_hosts_max literals. Sends nothing; empty where there is
// no way there.
[[nodiscard]] TRACTOR_API std::vector<std::string> hosts_beside(const address& where);

}  // namespace tractor::ipc
