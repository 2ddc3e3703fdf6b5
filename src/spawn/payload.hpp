// SPDX-License-Identifier: Apache-2.0
//
// Bytes on their way to another process that may be too many for a message: those travel in a memory file instead.

#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "tractor/base/fd.hpp"

namespace tractor::spawn::detail {

// The most that one field of a request carries inside the message.
inline constexpr std::size_t inline_bytes_max = 16 * 1024;

[[nodiscard]] unique_fd make_memory_file(const char* name, std::span<const std::span<const std::byte>> parts);

// The first out.size() bytes. False, with errno, where they cannot be read; EIO where the file is shorter.
[[nodiscard]] bool read_memory_file(int fd, std::span<std::byte> out) noexcept;

}  // namespace tractor::spawn::detail
