// SPDX-License-Identifier: Apache-2.0
//
// A code_place without memory of its own, for signal handlers: nothing is allocated, no lock is taken (the linker's _dl_find_object is made
// for that).

#pragma once

#include <cstdint>

namespace tractor::detail {

struct raw_place {
  const char* module;     // of the linker; "" for the program itself, null where the address lies in none
  std::uintptr_t offset;  // as code_place's
  std::uint64_t build;
};

[[nodiscard]] raw_place raw_place_of(const void* return_address) noexcept;

}  // namespace tractor::detail
