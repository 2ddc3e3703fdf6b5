// SPDX-License-Identifier: Apache-2.0
//
// Two connected byte streams without any buffer: a send returns when the peer has received everything, and no sooner. What depends on
// bytes that lie in a buffer somewhere does not work here, and a test shows it.
//
//     auto [near, far] = testing::open_lockstep_streams();
//     n.start_soon([&]() -> sc::task<> { co_await near->send_all(bytes); });   // ends with the receive below
//     co_await far->receive_some(buffer);
//
// The contract is byte_stream's. Of a send that is cancelled, the part that was received is gone and the rest is not sent. Both
// ends belong to one run.

#pragma once

#include <memory>
#include <span>
#include <utility>

#include "tractor/sc/byte_stream.hpp"

namespace tractor::testing {

namespace detail {
struct lockstep_link;
}

class TRACTOR_API lockstep_stream final : public sc::byte_stream {
 public:
  // For open_lockstep_streams; `side` is 0 or 1.
  lockstep_stream(std::shared_ptr<detail::lockstep_link> link, std::size_t side) noexcept;
  ~lockstep_stream() override;

  void send_eof() override;
  void close() noexcept override;
  [[nodiscard]] bool closed() const noexcept override;

  sc::io_result try_receive(std::span<std::byte> into) noexcept override;
  // Offers the bytes, and would block until they are received: then the same bytes must be sent again, and are reported as sent.
  sc::io_result try_send(std::span<const std::byte> from) noexcept override;
  void set_reader(sc::detail::io_source::waiter* waiter) noexcept override;
  void set_writer(sc::detail::io_source::waiter* waiter) override;

 private:
  std::shared_ptr<detail::lockstep_link> link_;
  std::size_t side_;
};

[[nodiscard]] TRACTOR_API std::pair<std::unique_ptr<lockstep_stream>, std::unique_ptr<lockstep_stream>> open_lockstep_streams();

}  // namespace tractor::testing
