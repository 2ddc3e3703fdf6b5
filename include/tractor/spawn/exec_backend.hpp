// SPDX-License-Identifier: Apache-2.0
//
// Starts an actor by executing the program once more: a child of the calling process, always available, about a
// millisecond. The kernel kills the child when the *thread* that called exec_spawn ends, so call it from the thread that
// runs the actor.
//
// The program is executed through /proc/self/exe, which stays the running image even when the file was replaced or deleted.
// A program that was started through the dynamic loader (`ld.so prog`) has the loader there: name `executable` then.

#pragma once

#include <optional>
#include <string>

#include "tractor/spawn/death_certificate.hpp"
#include "tractor/spawn/spawn_request.hpp"

namespace tractor::spawn {

struct exec_options {
  std::string executable{};       // a path; empty: this program. Its main must begin with child_entry
  int fork_server_requests = -1;  // fork_server_client::requests_fd(), so that the child can use the tree's fork server
};

struct exec_child {
  pid_t pid = -1;
  unique_fd pidfd;  // polls readable when the child has ended
  child_ends ends;

  // The certificate once the child has ended, and nothing before. Reaps it; call no more after that.
  [[nodiscard]] TRACTOR_API std::optional<death_certificate> try_reap();

  // SIGKILLs and reaps it, for who cannot go on with it; says on stderr where it is not gone within `abandon_bound_ms`.
  static constexpr int abandon_bound_ms = 2000;
  TRACTOR_API void abandon() noexcept;
};

// Throws os_error, naming the executable, where it cannot be executed; usage_error where child_entry was not called. The caller
// reaps the child; the destructor of exec_child does not.
[[nodiscard]] TRACTOR_API exec_child exec_spawn(const spawn_request& request, const exec_options& options = {});

}  // namespace tractor::spawn
