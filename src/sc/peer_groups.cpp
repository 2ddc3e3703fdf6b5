// SPDX-License-Identifier: Apache-2.0

#include "peer_groups.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>

namespace tractor::sc::detail {

bool peer_has_group(int fd, gid_t group) noexcept {
  std::array<gid_t, peer_groups_max> groups{};
  socklen_t bytes = sizeof groups;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &bytes) != 0) return false;
  const auto end = groups.begin() + static_cast<std::ptrdiff_t>(bytes / sizeof(gid_t));
  return std::find(groups.begin(), end, group) != end;
}

}  // namespace tractor::sc::detail
