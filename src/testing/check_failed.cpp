// SPDX-License-Identifier: Apache-2.0

#include "tractor/testing/check_failed.hpp"

namespace tractor::testing {

check_failed::check_failed(const std::string& what, std::source_location where)
    : error(std::string(where.file_name()) + ":" + std::to_string(where.line()) + ": " + what) {}
check_failed::~check_failed() = default;

}  // namespace tractor::testing
