// SPDX-License-Identifier: Apache-2.0
//
// The tasks that can run, first in first out: a ring that grows by doubling. The first slots are inline, so that a small run
// never allocates for it. Each task stands in it at most once, and there is room for all that live (reserve): so to wake a task
// cannot fail, and needs no test.

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

  // Makes room for that many. Throws std::bad_alloc, and then nothing has happened.
  void reserve(std::size_t tasks) {
    if (tasks > mask_ + 1) [[unlikely]]
      grow();
  }
  void push(task_record* task) noexcept { slots_[tail_++ & mask_] = task; }
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
    const std::size_t slots = (mask_ + 1) * 2, used = size();
    std::unique_ptr<task_record*[]> bigger(new task_record*[slots]);
    for (std::size_t i = 0; i < used; ++i) bigger[i] = slots_[(head_ + i) & mask_];
    head_ = 0;
    tail_ = used;
    mask_ = slots - 1;
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
