// SPDX-License-Identifier: Apache-2.0
//
// Deadlines in order: a 4-ary heap of pointers; each timer knows its index, so that disarming needs no search.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tractor/sc/detail/kernel.hpp"

namespace tractor::sc::detail {

class timer_heap {
 public:
  [[nodiscard]] bool empty() const noexcept { return nodes_.empty(); }
  [[nodiscard]] timer& earliest() const noexcept { return *nodes_.front(); }

  void arm(timer& node) {
    nodes_.push_back(&node);
    node.heap_index = static_cast<std::uint32_t>(nodes_.size() - 1);
    sift_up(node.heap_index);
  }

  void disarm(timer& node) noexcept {
    const std::uint32_t index = node.heap_index;
    node.heap_index = timer::not_armed;
    timer* const last = nodes_.back();
    nodes_.pop_back();
    if (last == &node) return;
    place(index, last);
    sift_up(index);
    sift_down(last->heap_index);
  }

 private:
  static constexpr std::uint32_t arity = 4;

  void place(std::uint32_t index, timer* node) noexcept {
    nodes_[index] = node;
    node->heap_index = index;
  }
  void sift_up(std::uint32_t index) noexcept {
    timer* const node = nodes_[index];
    while (index > 0) {
      const std::uint32_t up = (index - 1) / arity;
      if (nodes_[up]->at <= node->at) break;
      place(index, nodes_[up]);
      index = up;
    }
    place(index, node);
  }
  void sift_down(std::uint32_t index) noexcept {
    timer* const node = nodes_[index];
    const auto size = static_cast<std::uint32_t>(nodes_.size());
    for (;;) {
      const std::uint32_t first = index * arity + 1;
      if (first >= size) break;
      std::uint32_t best = first;
      const std::uint32_t end = first + arity < size ? first + arity : size;
      for (std::uint32_t child = first + 1; child < end; ++child)
        if (nodes_[child]->at < nodes_[best]->at) best = child;
      if (nodes_[best]->at >= node->at) break;
      place(index, nodes_[best]);
      index = best;
    }
    place(index, node);
  }

  std::vector<timer*> nodes_;
};

}  // namespace tractor::sc::detail
