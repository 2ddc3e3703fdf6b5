// SPDX-License-Identifier: Apache-2.0
//
// What the checks of the test kit throw when what they look at does not do what it should.

#pragma once

#include <source_location>
#include <string>

#include "tractor/base/error.hpp"

namespace tractor::testing {

class TRACTOR_API check_failed : public error {
 public:
  // `where` is the caller of the check, and part of the message.
  explicit check_failed(const std::string& what, std::source_location where = std::source_location::current());
  ~check_failed() override;
};

}  // namespace tractor::testing
