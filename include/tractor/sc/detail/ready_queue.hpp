// SPDX-License-Identifier: Apache-2.0
//
// The tasks that can run, first in first out: a ring that grows by doubling. The first slots are inline, so that a small run
// never allocates for it. Each task stands in it at most once, so it is bounded by the number of tasks.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace tractor::sc::detail {

struct task_record;

class ready_queue {
 public:
  ready_queue() noexcept = default;
  ready_queue(const ready_queue&) = delete;
  ready_queue& operator=(const ready_queue&) = delete;

  [[nodiscard]] bool empty() const noexcept { return head_ == tail_; }
  [[nodiscard]] std::size_t size() const noexcept { return tail_ - head_; }

  [[nodiscard]] bool full() const noexcept { return tail_ - head_ > mask_; }
  void push(task_record* task) {
    if (full()) [[unlikely]]
      grow();
    push_into_room(task);
  }
  // Not while it is full().
  void push_into_room(task_record* task) noexcept { slots_[tail_++ & mask_] = task; }
  [[nodiscard]] task_record* pop() noexcept { return slots_[head_++ & mask_]; }

  // Exchanges the front with the element `offset` places behind it: how a seeded run shuffles.
  void bring_forward(std::size_t offset) noexcept {
    task_record*& front = slots_[head_ & mask_];
    task_record*& other = slots_[(head_ + offset) & mask_];
    task_record* const held = front;
    front = other;
    other = held;
  }

 private:
  static constexpr std::size_t inline_slots = 32;

  void grow() {
    const std::size_t old_size = mask_ + 1;
    std::unique_ptr<task_record*[]> bigger(new task_record*[old_size * 2]);
    for (std::size_t i = 0; i < old_size; ++i) bigger[i] = slots_[(head_ + i) & mask_];
    head_ = 0;
    tail_ = old_size;
    mask_ = old_size * 2 - 1;
    heap_ = std::move(bigger);
    slots_ = heap_.get();
  }

  task_record* inline_[inline_slots];
  std::unique_ptr<task_record*[]> heap_;
  task_record** slots_ = inline_;
  std::size_t mask_ = inline_slots - 1;
  std::size_t head_ = 0;
  std::size_t tail_ = 0;
};

}  // namespace tractor::sc::detail
