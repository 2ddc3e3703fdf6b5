// SPDX-License-Identifier: Apache-2.0
//
// The version of these headers, and of the library that the program runs with. The build reads the numbers from here.

#pragma once

#include "tractor/base/config.hpp"

#define TRACTOR_VERSION_MAJOR 0
#define TRACTOR_VERSION_MINOR 1
#define TRACTOR_VERSION_PATCH 0
#define TRACTOR_VERSION "0.1.0"

namespace tractor {

// TRACTOR_VERSION as the library was built with: differs from the macro when headers and library do not belong together.
[[nodiscard]] TRACTOR_API const char* library_version() noexcept;

}  // namespace tractor
