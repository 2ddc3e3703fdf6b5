// SPDX-License-Identifier: Apache-2.0
//
// The connections that a directory keeps.

#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "tractor/runtime/detail/directory.hpp"
#include "tractor/runtime/detail/peer.hpp"

namespace tractor::detail {

// From a root to a registrar, which is told what the tree has.
struct directory::upward {
  explicit upward(ipc::address at) : where(std::move(at)) {}
  ipc::address where;
  std::shared_ptr<peer> link;  // null while there is none
};

// To a registrar, for lookups.
struct directory_link {
  explicit directory_link(ipc::address at) : where(std::move(at)) {}
  ipc::address where;
  std::shared_ptr<peer> link;
  std::size_t users = 0;
  sc::lock connecting;
};

}  // namespace tractor::detail
