// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/too_long_error.hpp"

#include <utility>

namespace tractor::sc {

too_long_error::too_long_error(std::string message, std::size_t bytes_max)
    : error(std::move(message), error_category::overloaded), bytes_max_(bytes_max) {}
too_long_error::~too_long_error() = default;

}  // namespace tractor::sc
