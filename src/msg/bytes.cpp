// SPDX-License-Identifier: Apache-2.0

#include "tractor/msg/bytes.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <new>

namespace tractor::msg {

namespace {

constexpr std::size_t first_capacity = 512;

}  // namespace

buffer::~buffer() { std::free(data_); }

void buffer::release_excess(std::size_t capacity_kept_max) noexcept {
  if (size_ != 0 || capacity_ <= capacity_kept_max) return;
  std::free(data_);
  data_ = nullptr;
  capacity_ = 0;
}

void buffer::grow_by(std::size_t count) {
  if (count > static_cast<std::size_t>(PTRDIFF_MAX) - size_) throw std::bad_alloc();
  grow_to(std::max({first_capacity, size_ + count, capacity_ + capacity_ / 2}));
}

void buffer::grow_to(std::size_t capacity) {
  // realloc, because it can extend large blocks by remapping pages instead of copying them.
  void* const grown = std::realloc(data_, capacity);
  if (grown == nullptr) throw std::bad_alloc();
  data_ = static_cast<std::byte*>(grown);
  capacity_ = capacity;
}

void buffer::patch_u32_le(std::size_t offset, std::uint32_t value) noexcept {
  TRACTOR_ASSERT(offset + sizeof value <= size_, "only bytes that were appended can be patched");
  if constexpr (std::endian::native == std::endian::big) value = std::byteswap(value);
  std::memcpy(data_ + offset, &value, sizeof value);
}

}  // namespace tractor::msg
