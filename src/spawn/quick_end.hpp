// SPDX-License-Identifier: Apache-2.0
//
// How a forked actor exits. Exit handlers that the actor registered, and destructors of what it made, run; those from before the
// fork do not: they belong to the program image, which the fork server shares with all its children, and a handler that removes a
// temporary file must not run once for each of them. It also saves half the time between the end of an actor and its reaping.

#pragma once

namespace tractor::spawn::detail {

// Call in the fork server when everything is loaded and nothing was forked yet.
void end_quickly_at_exit();

}  // namespace tractor::spawn::detail
