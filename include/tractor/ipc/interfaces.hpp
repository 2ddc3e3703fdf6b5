// SPDX-License-Identifier: Apache-2.0
//
// Whether an address is one of this machine.

#pragma once

#include "tractor/ipc/address.hpp"

namespace tractor::ipc {

// How far an address is from here, nearest first (S-DSC-8).
enum class distance : unsigned char {
  here,          // a socket file, or in this process
  this_machine,  // loopback, or an address of one of this machine's interfaces
  elsewhere,
};

// Looks at the machine's interfaces each time it is asked about an address that is not loopback.
[[nodiscard]] TRACTOR_API distance distance_to(const address& where);

}  // namespace tractor::ipc
