// SPDX-License-Identifier: Apache-2.0
//
// Counted tokens of `cancelled` exceptions, and what is said of one that was dropped.

#pragma once

#include <string>

#include "tractor/sc/cancelled.hpp"

namespace tractor::sc::detail {

struct task_record;

void release_token(cancel_token* token) noexcept;

// "task 'x' (started at a.cpp:1) caught sc::cancelled, thrown by the co_await at a.cpp:2, and dropped it, in the scope at a.cpp:3", of a
// task that did.
[[nodiscard]] std::string dropped_cancel_text(const task_record& task);

}  // namespace tractor::sc::detail
