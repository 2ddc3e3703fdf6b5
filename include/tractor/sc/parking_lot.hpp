// SPDX-License-Identifier: Apache-2.0
//
// Tasks that wait for something, first in first out: trio's parking lot, on which the other synchronisation objects stand.
//
//     co_await lot.park();     // until somebody unparks this task, or it is cancelled
//     lot.unpark(1);           // wakes the one that waits longest
//
// The queue must outlive who waits in it. A cancelled waiter leaves the queue at once.

#pragma once

#include <cstddef>
#include <limits>

#include "tractor/sc/detail/leaf.hpp"

namespace tractor::sc {

class TRACTOR_API parking_lot {
 public:
  parking_lot() noexcept = default;
  parking_lot(const parking_lot&) = delete;
  parking_lot& operator=(const parking_lot&) = delete;
  ~parking_lot() { TRACTOR_ASSERT(first_ == nullptr, "a synchronisation object is destroyed while tasks wait for it"); }

  // One waiting task. Derive from it to carry what the waker hands over.
  struct node : detail::leaf_wait {
    using detail::leaf_wait::wake;
    parking_lot* queue;  // these three are set when it enters one
    node* previous;
    node* next;

    // `how` undoes the wait with `leave`.
    template <class Promise>
    void enqueue(std::coroutine_handle<Promise> here, parking_lot& into, const detail::wait_kind& how) noexcept {
      into.append(*this);
      park(here, how);
    }

    // The task goes on waiting, as the last one of another queue, in a wait that `how` undoes.
    void move_to(parking_lot& other, const detail::wait_kind& how) noexcept {
      queue->remove(*this);
      other.append(*this);
      kind = &how;
    }

   protected:
    ~node() = default;

    static bool leave(detail::suspension& self) noexcept {
      auto& gone = static_cast<node&>(self);
      if (gone.queue != nullptr) gone.queue->remove(gone);  // else it was taken out, and is about to be woken
      return true;
    }
  };

  class park_awaiter final : public node {
   public:
    park_awaiter(parking_lot& lot, const char* what_for) noexcept : lot_(lot), waits_{what_for, &leave} {}
    bool await_ready() { return refuse_if_cancelled(); }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> here) noexcept {
      enqueue(here, lot_, waits_);
    }
    void await_resume() { throw_if_cancelled(); }

   private:
    parking_lot& lot_;
    detail::wait_kind waits_;
  };

  // `what_for` is a literal for the task tree.
  [[nodiscard]] park_awaiter park(const char* what_for = "parking_lot.park") noexcept { return {*this, what_for}; }

  // Wakes up to `count` tasks, those that wait longest first; gives how many.
  std::size_t unpark(std::size_t count = 1) {
    std::size_t woken = 0;
    for (; woken < count && first_ != nullptr; ++woken) pop_front()->wake();
    return woken;
  }
  std::size_t unpark_all() { return unpark(std::numeric_limits<std::size_t>::max()); }
  // Moves up to `count` tasks, those that wait longest first, to the end of another queue, where they go on waiting; gives how many.
  std::size_t repark(parking_lot& other, std::size_t count = 1) noexcept {
    TRACTOR_ASSERT(&other != this, "tasks are moved to another queue");
    std::size_t moved = 0;
    for (; moved < count && first_ != nullptr; ++moved) first_->move_to(other, *first_->kind);
    return moved;
  }
  std::size_t repark_all(parking_lot& other) noexcept { return repark(other, std::numeric_limits<std::size_t>::max()); }

  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] node* front() const noexcept { return first_; }
  // Takes the longest waiting one out without waking it; null when there is none.
  [[nodiscard]] node* pop_front() noexcept {
    node* const taken = first_;
    if (taken != nullptr) remove(*taken);
    return taken;
  }
  // Takes that one out without waking it; it must be in this queue.
  void take(node& waiting) noexcept { remove(waiting); }

 private:
  void append(node& waiting) noexcept {
    waiting.queue = this;
    waiting.previous = last_;
    waiting.next = nullptr;
    (last_ != nullptr ? last_->next : first_) = &waiting;
    last_ = &waiting;
    ++size_;
  }
  void remove(node& gone) noexcept {
    (gone.previous != nullptr ? gone.previous->next : first_) = gone.next;
    (gone.next != nullptr ? gone.next->previous : last_) = gone.previous;
    gone.queue = nullptr;
    --size_;
  }

  node* first_ = nullptr;
  node* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace tractor::sc
