// SPDX-License-Identifier: Apache-2.0
//
// Two byte streams connected with each other, in memory: a socket pair without the operating system.
//
//     auto [near, far] = sc::open_memory_streams();
//     co_await near->send_all(bytes);
//     std::size_t n = co_await far->receive_some(buffer);
//
// The contract is byte_stream's. Each direction buffers up to `buffer_bytes`; a sender waits for room. What was sent before send_eof or
// close can still be received; then comes the end of the stream. Sending to a closed peer is broken_resource_error. Both ends belong
// to one run.

#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "tractor/sc/byte_stream.hpp"

namespace tractor::sc {

inline constexpr std::size_t memory_stream_buffer_bytes_default = 64 * 1024;

namespace detail {
struct memory_link;
}

class TRACTOR_API memory_stream final : public byte_stream {
 public:
  // For open_memory_streams; `side` is 0 or 1.
  memory_stream(std::shared_ptr<detail::memory_link> link, std::size_t side) noexcept;
  ~memory_stream() override;

  void send_eof() override;
  void close() noexcept override;
  [[nodiscard]] bool closed() const noexcept override;

  io_result try_receive(std::span<std::byte> into) noexcept override;
  io_result try_send(std::span<const std::byte> from) noexcept override;
  void set_reader(detail::io_source::waiter* waiter) noexcept override;
  void set_writer(detail::io_source::waiter* waiter) override;

 private:
  std::shared_ptr<detail::memory_link> link_;
  std::size_t side_;
};

// Throws usage_error when `buffer_bytes` is 0.
[[nodiscard]] TRACTOR_API std::pair<std::unique_ptr<memory_stream>, std::unique_ptr<memory_stream>> open_memory_streams(
    std::size_t buffer_bytes = memory_stream_buffer_bytes_default);

}  // namespace tractor::sc
