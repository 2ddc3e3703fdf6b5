// SPDX-License-Identifier: Apache-2.0
//
// The fork server's children. Two dense arrays and a linear search: after every fork each page that the server writes to is
// copied, about 2 microseconds, so what a request writes must lie together; a search through a thousand pids takes less.

#pragma once

#include <sys/types.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

#include "tractor/base/config.hpp"

namespace tractor::spawn::detail {

struct world;

struct server_child {
  std::uint64_t ticket = 0;
  const world* born_with = nullptr;
  std::uint32_t requested_by = 0;
  std::uint16_t abandoned = 0;  // killed, with this errno, because its requester cannot be given it; told when it is gone
  bool introduced = false;      // is a requester itself
};

class child_table {
 public:
  child_table() {
    pids_.reserve(inline_children);
    children_.reserve(inline_children);
  }
  child_table(const child_table&) = delete;
  child_table& operator=(const child_table&) = delete;

  [[nodiscard]] std::span<const pid_t> pids() const noexcept { return pids_; }
  [[nodiscard]] bool empty() const noexcept { return pids_.empty(); }
  [[nodiscard]] std::span<const server_child> children() const noexcept { return children_; }

  [[nodiscard]] server_child* find(pid_t pid) noexcept {
    const auto found = std::ranges::find(pids_, pid);
    return found == pids_.end() ? nullptr : &children_[static_cast<std::size_t>(found - pids_.begin())];
  }

  // May throw bad_alloc: then nothing was added. Call `reserve_one` before the fork.
  void reserve_one() {
    if (pids_.size() < pids_.capacity()) return;
    pids_.reserve(2 * pids_.size());
    children_.reserve(2 * children_.size());
  }
  void add(pid_t pid, const server_child& child) {
    TRACTOR_ASSERT(pids_.size() < pids_.capacity(), "the fork server's table has no room that was reserved");
    pids_.push_back(pid);
    children_.push_back(child);
  }
  void remove(pid_t pid) noexcept {
    const auto at = std::ranges::find(pids_, pid) - pids_.begin();
    pids_[static_cast<std::size_t>(at)] = pids_.back();
    children_[static_cast<std::size_t>(at)] = children_.back();
    pids_.pop_back();
    children_.pop_back();
  }
  void clear() noexcept {
    pids_.clear();
    children_.clear();
  }

 private:
  static constexpr std::size_t inline_children = 24;

  std::array<std::byte, inline_children * (sizeof(pid_t) + sizeof(server_child)) + alignof(std::max_align_t)> storage_;
  std::pmr::monotonic_buffer_resource memory_{storage_.data(), storage_.size()};
  std::pmr::vector<pid_t> pids_{&memory_};
  std::pmr::vector<server_child> children_{&memory_};
};

}  // namespace tractor::spawn::detail
