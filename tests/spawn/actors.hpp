// SPDX-License-Identifier: Apache-2.0
//
// What the processes do that these tests start: the first word of the boot bytes names a role, the others are its arguments.

#pragma once

#include "tractor/spawn/child_entry.hpp"

namespace spawn_test {

int run_actor(tractor::spawn::birth&& born);

// The prewarm hook of these tests.
void note_prewarming();

}  // namespace spawn_test
