// SPDX-License-Identifier: Apache-2.0
//
// One message with descriptors over an AF_UNIX socket that keeps message boundaries. Neither call blocks or throws.

#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <optional>
#include <span>

#include "tractor/base/fd.hpp"

namespace tractor::spawn::detail {

inline constexpr std::size_t message_descriptors_max = 8;

struct received_message {
  ssize_t bytes = -1;  // as of recvmsg: 0 is end of file (no message of ours is empty), -1 failed with errno
  bool data_cut = false;
  bool descriptors_cut = false;  // some could not be installed: no descriptors left in this process
  std::optional<ucred> sender;   // where SO_PASSCRED is set; the kernel vouches for it
  std::array<unique_fd, message_descriptors_max> descriptors;
  std::size_t descriptor_count = 0;
};

[[nodiscard]] ssize_t send_message(int socket, std::span<iovec> parts, std::span<const int> descriptors) noexcept;
[[nodiscard]] received_message receive_message(int socket, std::span<std::byte> buffer) noexcept;

}  // namespace tractor::spawn::detail
