// SPDX-License-Identifier: Apache-2.0

#include "tractor/version.hpp"

namespace tractor {

const char* library_version() noexcept { return TRACTOR_VERSION; }

}  // namespace tractor
