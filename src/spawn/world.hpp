// SPDX-License-Identifier: Apache-2.0
//
// The world of a requester: what a forked child must be given because it is not its requester's child. An exec'd child
// inherits the same things from the kernel. Both sides keep the last world that was sent, so that a request carries only what
// changed and a child applies only what differs from what the server has.

#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "tractor/base/fd.hpp"

namespace tractor::spawn::detail {

inline constexpr std::size_t affinity_bytes_max = 512;  // 4096 processors
inline constexpr std::size_t resource_limits = 16;

// Compared and sent as bytes.
struct world_facts {
  std::uint64_t directory_device = 0;
  std::uint64_t directory_inode = 0;
  std::array<std::array<std::uint64_t, 2>, resource_limits> limits{};  // soft, hard
  std::uint32_t umask = 0;
  std::int32_t process_group = 0;
  std::uint32_t user = 0;  // effective; the server refuses what differs from its own
  std::uint32_t group = 0;
  std::uint32_t policy = 0;  // policy_unknown where the kernel does not say
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint32_t affinity_bytes = 0;  // 0: unknown
  std::array<std::uint8_t, affinity_bytes_max> affinity{};

  [[nodiscard]] bool same_directory(const world_facts& other) const noexcept {
    return directory_device == other.directory_device && directory_inode == other.directory_inode;
  }
};
static_assert(std::has_unique_object_representations_v<world_facts>, "world_facts is compared with memcmp");

inline constexpr std::uint32_t policy_unknown = ~std::uint32_t{0};

[[nodiscard]] bool same_facts(const world_facts& a, const world_facts& b) noexcept;

// The calling process's own. Throws os_error.
[[nodiscard]] world_facts capture_world_facts();

struct environment_block {
  std::string packed;
  std::vector<char*> pointers;  // into `packed`
};

// Immutable; a new one shares the parts that did not change.
struct world {
  world_facts facts;
  std::shared_ptr<const unique_fd> directory;  // O_PATH; while it is open its inode number, which is compared, is not given to another
  std::shared_ptr<const environment_block> environment;
};

// Gives the calling process what `wanted` has and `have`, its own, has not; the working directory and the umask are the caller's matter.
// Returns null, or the name of the step that failed, with errno.
[[nodiscard]] const char* apply_world(const world_facts& wanted, const world_facts& have) noexcept;

}  // namespace tractor::spawn::detail
