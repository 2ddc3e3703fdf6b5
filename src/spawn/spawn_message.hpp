// SPDX-License-Identifier: Apache-2.0
//
// A spawn request as the fork server sees it: views into the received bytes, and the descriptors that came along.

#pragma once

#include <span>
#include <string_view>

#include "fd_message.hpp"
#include "fork_server_protocol.hpp"
#include "tractor/base/fd.hpp"
#include "world.hpp"

namespace tractor::spawn::detail {

// Either views bytes of the message or owns a memory file that holds them.
struct field_view {
  std::size_t bytes = 0;
  std::span<const std::byte> inline_bytes{};
  unique_fd file{};

  // Copies the whole field to `out`, which has `bytes` bytes. False with errno.
  [[nodiscard]] bool read(std::span<std::byte> out) const noexcept;
};

struct spawn_message {
  request_header header;
  std::span<const std::byte> facts{};  // of a world_facts, if header.has_facts
  std::string_view name;
  field_view environment, overrides, boot;
  unique_fd link, child_stderr, child_stdout, directory;

  // Throws error(protocol) for a message whose parts do not add up. Takes the descriptors out of `received`.
  [[nodiscard]] static spawn_message parse(std::span<const std::byte> bytes, received_message& received);

  // Whether what it tells of its sender's world builds on nothing that was told before.
  [[nodiscard]] bool tells_whole_world() const noexcept {
    return header.has_facts != 0 && header.has_directory != 0 && header.has_environment != 0;
  }

  // For a forked child, which closes by number what is not its own: gives up every descriptor, closing those below `fd`.
  void close_below(int fd) noexcept;
};

}  // namespace tractor::spawn::detail
