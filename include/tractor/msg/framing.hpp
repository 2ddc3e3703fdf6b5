// SPDX-License-Identifier: Apache-2.0
//
// Cuts a byte stream into frames: a 4-byte unsigned little-endian length, then that many bytes of body (S-FRM-1).
//
// Read straight into the splitter and decode in place:
//
//     auto tail = splitter.writable_tail(4096);
//     splitter.commit(read(fd, tail.data(), tail.size()));
//     while (auto body = splitter.next()) handle(decode_envelope(*body));
//     // end of the stream: splitter.at_frame_boundary() ? clean : splitter.describe_eof()
//
// A body is a view into the splitter and valid until the next `writable_tail`. An announcement alone allocates nothing:
// memory follows what was received, at most twice that plus the room asked for. A frame announced above `frame_bytes_max`
// is an error that stays: the stream cannot be resynchronised. An empty body is handed out and refused by the decoder.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "tractor/msg/bytes.hpp"

namespace tractor::msg {

inline constexpr std::size_t frame_header_bytes = 4;
inline constexpr std::size_t frame_bytes_max_default = std::size_t{64} << 20;

class TRACTOR_API frame_splitter {
 public:
  explicit frame_splitter(std::size_t frame_bytes_max = frame_bytes_max_default) noexcept : frame_bytes_max_(frame_bytes_max) {}
  frame_splitter(frame_splitter&& other) noexcept;
  frame_splitter& operator=(frame_splitter&& other) noexcept;
  ~frame_splitter();

  // Room for at least `bytes_min` (at least 1) received bytes; may be larger. Ends the life of all bodies handed out.
  [[nodiscard]] std::span<std::byte> writable_tail(std::size_t bytes_min);
  // Gives the memory back. Only at a frame boundary; ends the life of all bodies handed out.
  void release() noexcept;
  // The first `count` bytes of the last tail now hold received bytes.
  void commit(std::size_t count) noexcept;

  // The next complete body; nullopt when more bytes are needed. Throws protocol_error for a frame above the bound.
  [[nodiscard]] std::optional<bytes_view> next();

  // How long the frame at hand is, its header included, and how many more bytes it is known to need; 0 when its length has not come.
  [[nodiscard]] std::size_t frame_bytes() const noexcept;
  [[nodiscard]] std::size_t missing() const noexcept;

  // True when every received byte was handed out: the end of the stream here is a clean one.
  [[nodiscard]] bool at_frame_boundary() const noexcept { return begin_ == end_; }
  // "the stream ended inside a frame: 10 of 100 bytes of the body had arrived"
  [[nodiscard]] std::string describe_eof() const;

  // Received bytes that were not handed out yet, and memory held.
  [[nodiscard]] std::size_t buffered_bytes() const noexcept { return end_ - begin_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  void set_frame_bytes_max(std::size_t bytes) noexcept { frame_bytes_max_ = bytes; }
  [[nodiscard]] std::size_t frame_bytes_max() const noexcept { return frame_bytes_max_; }

 private:
  [[nodiscard]] std::uint32_t announced() const noexcept;
  [[noreturn]] void refuse(std::uint32_t announced) const;
  void resize(std::size_t capacity);

  std::byte* data_ = nullptr;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t capacity_ = 0;
  std::size_t frame_bytes_max_;
};

}  // namespace tractor::msg
