// SPDX-License-Identifier: Apache-2.0
//
// One end of an operating-system pipe as a byte stream, of which one direction works.
//
// The contract is byte_stream's. The stream owns the descriptor. send_eof closes a sending end. A reader that went away is
// broken_resource_error, never a SIGPIPE. The other direction is an os_error, EOPNOTSUPP. It joins the reactor of the run that first
// has to wait for it, and stays with that run.

#pragma once

#include "tractor/base/fd.hpp"
#include "tractor/sc/byte_stream.hpp"

namespace tractor::sc {

enum class pipe_direction : unsigned char { receives, sends };

class TRACTOR_API pipe_stream final : public byte_stream {
 public:
  // Makes the descriptor non-blocking: another process that shares the open file would see that.
  pipe_stream(unique_fd end, pipe_direction direction);
  ~pipe_stream() override;

  void send_eof() override;
  void close() noexcept override;
  [[nodiscard]] bool closed() const noexcept override { return !fd_; }

  io_result try_receive(std::span<std::byte> into) noexcept override;
  io_result try_send(std::span<const std::byte> from) noexcept override;
  void set_reader(detail::io_source::waiter* waiter) noexcept override;
  void set_writer(detail::io_source::waiter* waiter) override;

 private:
  // Joins the reactor if there is a run; gives 0 or why that failed.
  [[nodiscard]] int watch() noexcept;

  unique_fd fd_;
  detail::io_source source_;
  pipe_direction direction_;
  bool eof_sent_ = false;
};

}  // namespace tractor::sc
