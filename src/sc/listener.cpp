// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/listener.hpp"

namespace tractor::sc {

listener::~listener() = default;

}  // namespace tractor::sc
