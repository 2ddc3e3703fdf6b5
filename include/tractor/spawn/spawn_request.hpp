// SPDX-License-Identifier: Apache-2.0
//
// What a requester asks of a process backend, the same for the fork server and for exec.
//
// The child's world, under both backends, is its requester's at the moment of the call: working directory, environment
// (with the overrides given here, and of a forked child TRACTOR_ACTOR), umask, resource limits, CPU affinity, scheduling policy and nice
// value, process group. Signals have their default dispositions and none is blocked. Of descriptors it has stdin (/dev/null), stdout (the
// requester's, /dev/null where that is closed), stderr (a pipe whose read end the requester holds) and its link; nothing else is inherited.
// It gets SIGKILL when its parent, the fork server or the requester, dies.
//
// The child's end of the stderr pipe is non-blocking, so that a requester that does not read never stops the child: what
// does not fit into the pipe (64 KiB) is lost. The flag belongs to the pipe's end, hence also to programs that the child
// starts with its stderr.
//
// What a requester changes about itself beyond this list (namespaces, root directory, session, cgroup, capabilities) reaches an
// exec'd child only. One that changed its user or group is refused by the fork server.

#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tractor/base/config.hpp"
#include "tractor/base/fd.hpp"

namespace tractor::spawn {

inline constexpr std::size_t boot_bytes_max = std::size_t{1} << 20;
inline constexpr std::size_t actor_name_bytes_max = 255;
inline constexpr std::size_t environment_bytes_max = std::size_t{4} << 20;

// Sets a variable for the child, or removes it.
struct environment_override {
  std::string name;
  std::optional<std::string> value{};
};

struct spawn_request {
  std::string name{};                               // for the process title and for messages; at most actor_name_bytes_max
  std::span<const std::byte> boot{};                // handed to the child as it is; at most boot_bytes_max; read during the call only
  std::vector<environment_override> environment{};  // on top of the requester's own

  // Throws usage_error that names the field and the bound.
  TRACTOR_API void check() const;
};

// The requester's ends of what connects it with a child.
struct child_ends {
  unique_fd link;         // a connected, non-blocking AF_UNIX stream socket; EOF when the child is gone
  unique_fd stderr_read;  // non-blocking
};

}  // namespace tractor::spawn
