// SPDX-License-Identifier: Apache-2.0

#include "tractor/trionics/exception_groups.hpp"

#include <algorithm>
#include <vector>

#include "tractor/base/exception_ptr_cast.hpp"
#include "tractor/runtime/errors.hpp"
#include "tractor/sc/cancelled.hpp"
#include "tractor/sc/exception_group.hpp"

namespace tractor::trionics {

std::exception_ptr collapse_group(const std::exception_ptr& error) {
  const auto* const group = exception_ptr_cast<sc::exception_group>(error);
  if (group == nullptr) return error;
  if (group->exceptions().size() == 1) return collapse_group(group->exceptions().front());
  std::vector<std::exception_ptr> members;
  for (const auto& member : group->exceptions()) members.push_back(collapse_group(member));
  if (members == group->exceptions()) return error;
  return std::make_exception_ptr(sc::exception_group(group->title(), std::move(members)));
}

namespace {

bool is_cancellation(const std::exception_ptr& error) {
  if (const auto* const group = exception_ptr_cast<sc::exception_group>(error))
    return std::ranges::all_of(group->exceptions(), is_cancellation);
  return exception_ptr_cast<context_cancelled>(error) != nullptr || exception_ptr_cast<sc::cancelled>(error) != nullptr;
}

}  // namespace

bool is_multi_cancelled(const std::exception_ptr& error) {
  return exception_ptr_cast<sc::exception_group>(error) != nullptr && is_cancellation(error);
}

}  // namespace tractor::trionics
