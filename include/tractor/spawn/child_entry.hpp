// SPDX-License-Identifier: Apache-2.0
//
// The door through which a process that tractor started comes in: the first statement of main.
//
//   int serve_actor(tractor::spawn::birth&& born);        // returns the exit status
//   int main(int argc, char** argv) {
//     tractor::spawn::child_entry(argc, argv, serve_actor);
//     ...                                                 // only the program that a person started gets here
//   }
//
// tractor executes the program again: once as the fork server of a tree, and for every actor that is started with exec. In
// such a process `child_entry` does that role and never returns. In any other it only notes that the program can be executed
// again, and returns. A process in which that was not noted may not spawn: executing a program that would run its own main
// once more is a fork bomb.
//
// The forked or executed child runs `entry` and then std::exit with what it returned, so atexit handlers run, leak checkers
// and coverage work. No exception may leave `entry`. Descriptors that static initialisers opened before main are kept. Of the standard
// descriptors (0 to 2) those that are closed are opened on /dev/null, in every process that comes in here.
//
// A process knows its role by its argument vector, and by the descriptors it was born with, not by its environment. One variable, which
// programs that an actor starts inherit, says whose they are: TRACTOR_ACTOR, in actors that the fork server made. It decides nothing but
// when the server ends what was left behind.

#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

#include "tractor/base/config.hpp"
#include "tractor/base/fd.hpp"
#include "tractor/spawn/start_method.hpp"

namespace tractor::spawn {

namespace detail {
struct world;
}

// What lets an actor use the fork server of its tree. Empty in a root and where there is none.
struct fork_server_access {
  unique_fd requests;                        // the way to introduce oneself to the server
  const detail::world* born_with = nullptr;  // what the server knows of this process's world; lives as long as the process
};

struct birth {
  start_method method = start_method::exec;  // forkserver or exec
  std::string name;
  pid_t requester_pid = -1;
  unique_fd link;  // connected, non-blocking AF_UNIX stream socket; its other end is the requester's
  std::vector<std::byte> boot;
  fork_server_access fork_server;  // for the fork_server_client of this actor
};

using actor_entry = int (*)(birth&&);

// Run once in the fork server before it forks: brings into memory what every actor will need. It runs with all signals
// blocked, and must leave no thread, descriptor, timer or changed signal disposition behind; the server checks threads and descriptors.
using prewarm_hook = void (*)();

TRACTOR_API void child_entry(int argc, char** argv, actor_entry entry, prewarm_hook prewarm = nullptr);

// Whether child_entry was called in this process; `require` throws a usage_error that says what to add to main.
[[nodiscard]] TRACTOR_API bool child_entry_noted() noexcept;
TRACTOR_API void require_child_entry();

}  // namespace tractor::spawn
