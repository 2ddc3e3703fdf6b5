// SPDX-License-Identifier: Apache-2.0
//
// Something that was read is longer than the bound its reader gave: a record, what a program writes, a file.

#pragma once

#include <cstddef>
#include <string>

#include "tractor/base/error.hpp"

namespace tractor::sc {

class TRACTOR_API too_long_error : public error {
 public:
  too_long_error(std::string message, std::size_t bytes_max);  // of the category overloaded
  ~too_long_error() override;
  [[nodiscard]] std::size_t bytes_max() const noexcept { return bytes_max_; }

 private:
  std::size_t bytes_max_;
};

}  // namespace tractor::sc
