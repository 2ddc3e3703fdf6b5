// SPDX-License-Identifier: Apache-2.0
//
// Bytes: the payload type that travels as msgpack "bin", and the output buffer that every encoder appends to.
//
// A `buffer` grows geometrically without touching the new memory, keeps its memory when cleared (one per channel serves
// for the life of the channel) and never shrinks on its own. Views into it are valid until the next append.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "tractor/base/config.hpp"

namespace tractor::msg {

using bytes = std::vector<std::byte>;
using bytes_view = std::span<const std::byte>;

[[nodiscard]] inline bytes_view as_bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
[[nodiscard]] inline std::string_view as_text(bytes_view data) noexcept {
  return {reinterpret_cast<const char*>(data.data()), data.size()};
}

// A long run of bytes is copied in pieces of this size, below that from which on glibc uses `rep movsb` (2,112 bytes, tunable
// x86_rep_movsb_threshold). Zen 3 and 4 run that at a tenth of the speed where the destination is not aligned, and what lies behind
// a frame's header never is. On other machines the pieces cost nothing that could be measured.
inline constexpr std::size_t copy_bytes_at_once = 2048;

// As memcpy; gives where the copy ends.
inline std::byte* copy_bytes(std::byte* to, const void* from, std::size_t count) noexcept {
  const auto* rest = static_cast<const std::byte*>(from);
  for (; count > copy_bytes_at_once; count -= copy_bytes_at_once, to += copy_bytes_at_once, rest += copy_bytes_at_once)
    std::memcpy(to, rest, copy_bytes_at_once);
  if (count != 0) std::memcpy(to, rest, count);
  return to + count;
}

// As to.assign, for `bytes` or std::string.
template <class Container>
void assign_bytes(Container& to, bytes_view from) {
  const auto* const begin = reinterpret_cast<const typename Container::value_type*>(from.data());
  if (from.size() <= copy_bytes_at_once) {
    to.assign(begin, begin + from.size());
    return;
  }
  to.clear();
  to.reserve(from.size());
  for (std::size_t at = 0; at < from.size(); at += copy_bytes_at_once)
    to.insert(to.end(), begin + at, begin + std::min(at + copy_bytes_at_once, from.size()));
}

class TRACTOR_API buffer {
 public:
  buffer() noexcept = default;
  buffer(buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)), capacity_(std::exchange(other.capacity_, 0)) {}
  buffer& operator=(buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  ~buffer();

  [[nodiscard]] std::byte* data() noexcept { return data_; }
  [[nodiscard]] const std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] bytes_view view() const noexcept { return {data_, size_}; }

  // Forgets the content, keeps the memory.
  void clear() noexcept { size_ = 0; }
  // Cuts the content back to its first `size` bytes (at most what it holds).
  void truncate(std::size_t size) noexcept {
    if (size < size_) size_ = size;
  }
  // Gives the memory back when more than `capacity_kept_max` bytes of it are held and nothing is in it.
  void release_excess(std::size_t capacity_kept_max) noexcept;
  void reserve(std::size_t capacity) {
    if (capacity > capacity_) grow_to(capacity);
  }

  // Room for `count` more bytes behind the content; what is written there counts after `advance_to(end)`.
  [[nodiscard]] std::byte* room(std::size_t count) {
    if (capacity_ - size_ < count) [[unlikely]]
      grow_by(count);
    return data_ + size_;
  }
  void advance_to(const std::byte* end) noexcept { size_ = static_cast<std::size_t>(end - data_); }

  void append(const void* from, std::size_t count) {
    copy_bytes(room(count), from, count);
    size_ += count;
  }
  void append(bytes_view from) { append(from.data(), from.size()); }
  void append(std::string_view from) { append(from.data(), from.size()); }
  void push_back(std::byte value) {
    *room(1) = value;
    ++size_;
  }

  // Overwrites four bytes that were appended before, at `offset`, little-endian: the length in front of a frame.
  void patch_u32_le(std::size_t offset, std::uint32_t value) noexcept;

 private:
  void grow_by(std::size_t count);
  void grow_to(std::size_t capacity);

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace tractor::msg
