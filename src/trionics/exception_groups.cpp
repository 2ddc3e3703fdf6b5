// SPDX-License-Identifier: Apache-2.0

#include "tractor/trionics/exception_groups.hpp"

#include <algorithm>
#include <vector>

#include "tractor/runtime/errors.hpp"
#include "tractor/sc/cancelled.hpp"
#include "tractor/sc/exception_group.hpp"

namespace tractor::trionics {

std::exception_ptr collapse_group(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const sc::exception_group& group) {
    if (group.exceptions().size() == 1) return collapse_group(group.exceptions().front());
    std::vector<std::exception_ptr> members;
    for (const auto& member : group.exceptions()) members.push_back(collapse_group(member));
    if (members == group.exceptions()) return error;
    return std::make_exception_ptr(sc::exception_group(group.title(), std::move(members)));
  } catch (...) {
    return error;
  }
}

namespace {

bool is_cancellation(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const sc::exception_group& group) {
    return std::ranges::all_of(group.exceptions(), is_cancellation);
  } catch (const context_cancelled&) {
    return true;
  } catch (const sc::cancelled&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace

bool is_multi_cancelled(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const sc::exception_group&) {
    return is_cancellation(error);
  } catch (...) {
    return false;
  }
}

}  // namespace tractor::trionics
