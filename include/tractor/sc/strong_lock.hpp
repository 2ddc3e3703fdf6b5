// SPDX-License-Identifier: Apache-2.0
//
// trio's StrongFIFOLock: a lock whose order is part of its contract.
//
// In trio that is a type of its own, because the order of a plain Lock may change one day. Here `lock` guarantees the order already: who
// releases it hands it to the task that waits longest, with no moment at which it is free. One kind of lock is enough, and this is
// its name where a program depends on the order and wants to say so.

#pragma once

#include "tractor/sc/lock.hpp"

namespace tractor::sc {

using strong_lock = lock;

}  // namespace tractor::sc
