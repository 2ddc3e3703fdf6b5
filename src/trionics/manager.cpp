// SPDX-License-Identifier: Apache-2.0

#include "tractor/trionics/manager.hpp"

namespace tractor::trionics::detail {

inside_target::~inside_target() = default;

}  // namespace tractor::trionics::detail
