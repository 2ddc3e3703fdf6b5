// SPDX-License-Identifier: Apache-2.0
//
// A forked child maps every 64 KiB of code anew when it first runs there, most of a microsecond each. Functions between a fork and
// the actor's entry are put next to each other.

#pragma once

#define TRACTOR_FORK_PATH [[gnu::section("tractor_fork")]]
