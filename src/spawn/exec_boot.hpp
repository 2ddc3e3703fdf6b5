// SPDX-License-Identifier: Apache-2.0
//
// What an executed actor reads from the memory file it was born with: this header, the name, the boot bytes.

#pragma once

#include <cstdint>

namespace tractor::spawn::detail {

// Changes with the layout, so that an executable linked with another tractor is told apart.
inline constexpr std::uint64_t exec_boot_magic = 0x31746f6f62637274;  // "trcboot1"

struct exec_boot_header {
  std::uint64_t magic = exec_boot_magic;
  std::int32_t requester = -1;
  std::uint32_t name_bytes = 0;
  std::uint32_t boot_bytes = 0;
  std::uint32_t has_fork_server = 0;
};

}  // namespace tractor::spawn::detail
