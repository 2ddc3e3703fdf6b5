// SPDX-License-Identifier: Apache-2.0
//
// A forked child maps every 64 KiB of code anew when it first runs there, 3.5 µs each on the machine that this was measured on. Functions
// between a fork and the actor's entry are put next to each other, and with the linker's help (src/boot_order.txt) next to what follows.

#pragma once

#define TRACTOR_FORK_PATH [[gnu::section(".text.hot.tractor_fork")]]
