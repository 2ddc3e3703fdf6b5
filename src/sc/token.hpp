// SPDX-License-Identifier: Apache-2.0
//
// Counted tokens of `cancelled` exceptions.

#pragma once

#include "tractor/sc/cancelled.hpp"

namespace tractor::sc::detail {

void release_token(cancel_token* token) noexcept;

}  // namespace tractor::sc::detail
