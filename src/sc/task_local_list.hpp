// SPDX-License-Identifier: Apache-2.0
//
// The task-local values of a task: an immutable, reference-counted list, so that a child shares its parent's at no cost.

#pragma once

#include "tractor/sc/detail/kernel.hpp"

namespace tractor::sc::detail {

// One more owner of the list.
local_node* share_locals(local_node* list) noexcept;
// One owner less; frees what nobody owns any more.
void drop_locals(local_node* list) noexcept;

}  // namespace tractor::sc::detail
