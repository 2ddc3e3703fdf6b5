// SPDX-License-Identifier: Apache-2.0

#include "dialogs.hpp"

#include <vector>

#include "parts.hpp"

namespace faults {

std::span<const dialog> dialogs() {
  static const std::vector<dialog> all = [] {
    std::vector<dialog> found;
    for (const auto part : {call_dialogs(), context_dialogs(), stream_dialogs(), type_dialogs(), several_dialogs()})
      found.insert(found.end(), part.begin(), part.end());
    return found;
  }();
  tractor::register_own_modules();  // there is no tractor::run here that does
  return all;
}

}  // namespace faults
