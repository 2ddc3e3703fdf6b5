// SPDX-License-Identifier: Apache-2.0
//
// The groups of who is at the other end of a Unix socket.

#pragma once

#include <sys/types.h>

#include <cstddef>

namespace tractor::sc::detail {

// Looked at of each peer. A process may be in NGROUPS_MAX, 65,536; one of more than these is in none.
inline constexpr std::size_t peer_groups_max = 256;

// Whether the peer had `group` among its supplementary groups when it connected, or listened. False where that cannot be known.
[[nodiscard]] bool peer_has_group(int fd, gid_t group) noexcept;

}  // namespace tractor::sc::detail
