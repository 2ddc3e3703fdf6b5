// SPDX-License-Identifier: Apache-2.0
//
// Looking at several errors as one.
//
// Nurseries never throw a group of one, and a sc::exception_group holds errors only: a cancel goes its own way, past the groups. So most of
// what trio's programs do with groups is not needed here: there is nothing to unwrap around a nursery, and nothing to split off. What is
// left: groups that a program makes or nests itself, and dialogs that another actor has cancelled, for context_cancelled is an
// error, of which several may come together.

#pragma once

#include <exception>

#include "tractor/base/config.hpp"

namespace tractor::trionics {

// The error without groups of one, at any depth: the only error in it, as the same object; a group of the same title without them; or,
// where there is nothing to take away, `error` itself.
[[nodiscard]] TRACTOR_API std::exception_ptr collapse_group(const std::exception_ptr& error);

// Whether `error` is a group, at any depth of cancellations only: context_cancelled, or a `cancelled` that somebody kept. A single
// cancellation is no group: false.
[[nodiscard]] TRACTOR_API bool is_multi_cancelled(const std::exception_ptr& error);

}  // namespace tractor::trionics
