// SPDX-License-Identifier: Apache-2.0

#include "tractor/msg/framing.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "tractor/msg/errors.hpp"

namespace tractor::msg {

frame_splitter::frame_splitter(frame_splitter&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      begin_(std::exchange(other.begin_, 0)),
      end_(std::exchange(other.end_, 0)),
      capacity_(std::exchange(other.capacity_, 0)),
      frame_bytes_max_(other.frame_bytes_max_) {}

frame_splitter& frame_splitter::operator=(frame_splitter&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(begin_, other.begin_);
  std::swap(end_, other.end_);
  std::swap(capacity_, other.capacity_);
  std::swap(frame_bytes_max_, other.frame_bytes_max_);
  return *this;
}

frame_splitter::~frame_splitter() { std::free(data_); }

void frame_splitter::resize(std::size_t capacity) {
  void* const grown = std::realloc(data_, capacity);
  if (grown == nullptr) throw std::bad_alloc();
  data_ = static_cast<std::byte*>(grown);
  capacity_ = capacity;
}

std::span<std::byte> frame_splitter::writable_tail(std::size_t bytes_min) {
  bytes_min = std::max<std::size_t>(bytes_min, 1);
  if (begin_ == end_) begin_ = end_ = 0;
  if (capacity_ - end_ < bytes_min) {
    // What was handed out makes room first. A byte moves at most once: next time nothing lies before it.
    if (begin_ != 0) {
      std::memmove(data_, data_ + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    // Doubling follows what has arrived, whatever was announced.
    if (capacity_ - end_ < bytes_min) resize(end_ + std::max(end_, bytes_min));
  }
  return {data_ + end_, capacity_ - end_};
}

void frame_splitter::release() noexcept {
  TRACTOR_ASSERT(at_frame_boundary(), "the memory of a frame is released while a part of it is there");
  std::free(data_);
  data_ = nullptr;
  begin_ = end_ = capacity_ = 0;
}

void frame_splitter::commit(std::size_t count) noexcept {
  TRACTOR_ASSERT(count <= capacity_ - end_, "more bytes committed than the tail had room for");
  end_ += count;
}

std::uint32_t frame_splitter::announced() const noexcept {
  std::uint32_t length;
  std::memcpy(&length, data_ + begin_, sizeof length);
  if constexpr (std::endian::native == std::endian::big) length = std::byteswap(length);
  return length;
}

std::optional<bytes_view> frame_splitter::next() {
  const std::size_t held = end_ - begin_;
  if (held < frame_header_bytes) return std::nullopt;
  const std::uint32_t length = announced();
  if (length > frame_bytes_max_) [[unlikely]]
    refuse(length);
  if (held - frame_header_bytes < length) return std::nullopt;
  const bytes_view body(data_ + begin_ + frame_header_bytes, length);
  begin_ += frame_header_bytes + length;
  return body;
}

std::size_t frame_splitter::frame_bytes() const noexcept {
  return end_ - begin_ < frame_header_bytes ? 0 : frame_header_bytes + std::size_t{announced()};
}

std::size_t frame_splitter::missing() const noexcept {
  const std::size_t held = end_ - begin_, whole = frame_bytes();
  return whole > held ? whole - held : 0;
}

void frame_splitter::refuse(std::uint32_t announced) const {
  throw protocol_error("the peer announced a frame of " + std::to_string(announced) + " bytes; the bound is " +
                       std::to_string(frame_bytes_max_) + " (frame_bytes_max)");
}

std::string frame_splitter::describe_eof() const {
  const std::size_t held = end_ - begin_;
  if (held == 0) return "the stream ended between two frames";
  if (held < frame_header_bytes)
    return "the stream ended inside a frame: " + std::to_string(held) + " of " + std::to_string(frame_header_bytes) +
           " bytes of the header had arrived";
  return "the stream ended inside a frame: " + std::to_string(held - frame_header_bytes) + " of " + std::to_string(announced()) +
         " bytes of the body had arrived";
}

}  // namespace tractor::msg
