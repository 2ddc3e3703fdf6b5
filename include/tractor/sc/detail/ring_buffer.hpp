// SPDX-License-Identifier: Apache-2.0
//
// A first-in first-out buffer on one block of memory that doubles when it is full. Its owner bounds it.

#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

namespace tractor::sc::detail {

template <class T>
class ring_buffer {
  static_assert(std::is_nothrow_move_constructible_v<T>, "elements must not throw when moved: hold them by std::unique_ptr");

 public:
  ring_buffer() noexcept = default;
  ring_buffer(ring_buffer&& other) noexcept
      : slots_(std::exchange(other.slots_, nullptr)),
        capacity_(std::exchange(other.capacity_, 0)),
        head_(std::exchange(other.head_, 0)),
        size_(std::exchange(other.size_, 0)) {}
  ring_buffer& operator=(ring_buffer&&) = delete;
  ~ring_buffer() {
    while (size_ != 0) drop_front();
    if (slots_ != nullptr) std::allocator<T>().deallocate(slots_, capacity_);
  }

  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  void push(T&& element) {
    if (size_ == capacity_) [[unlikely]]
      grow();
    std::construct_at(slots_ + ((head_ + size_) & (capacity_ - 1)), std::move(element));
    ++size_;
  }
  [[nodiscard]] T& front() noexcept { return slots_[head_]; }
  void drop_front() noexcept {
    std::destroy_at(slots_ + head_);
    head_ = (head_ + 1) & (capacity_ - 1);
    --size_;
  }

 private:
  static constexpr std::size_t first_capacity = 8;

  void grow() {
    const std::size_t bigger = capacity_ == 0 ? first_capacity : capacity_ * 2;
    T* const fresh = std::allocator<T>().allocate(bigger);
    for (std::size_t i = 0; i < size_; ++i) {
      T& old = slots_[(head_ + i) & (capacity_ - 1)];
      std::construct_at(fresh + i, std::move(old));
      std::destroy_at(&old);
    }
    if (slots_ != nullptr) std::allocator<T>().deallocate(slots_, capacity_);
    slots_ = fresh;
    capacity_ = bigger;
    head_ = 0;
  }

  T* slots_ = nullptr;
  std::size_t capacity_ = 0;  // a power of two, or 0
  std::size_t head_ = 0;
  std::size_t size_ = 0;
};

}  // namespace tractor::sc::detail
