// SPDX-License-Identifier: Apache-2.0
//
// A listener whose peers connect in memory: a server and its clients in one run, without the operating system, and so on a virtual clock.
//
//     sc::memory_listener door;
//     n.start_soon(sc::serve_listeners, echo, sc::listener_references{door});
//     auto stream = co_await door.connect();   // std::unique_ptr<memory_stream>
//
// The contract is listener's. connect() gives the client's end at once, though nobody has accepted the other one yet; when `backlog`
// connections lie there it waits, in the order of the calls, until one is accepted. It is a checkpoint; cancelled, it has connected
// nothing. close() refuses whoever waits in connect() or comes later with ECONNREFUSED (os_error), as a socket's peer is refused;
// what lies in the backlog is closed, and its clients see the end. While tasks wait in connect() a listener may be destroyed: that
// closes it.

#pragma once

#include <cstddef>
#include <memory>

#include "tractor/sc/listener.hpp"
#include "tractor/sc/memory_channel.hpp"
#include "tractor/sc/memory_stream.hpp"
#include "tractor/sc/task.hpp"

namespace tractor::sc {

inline constexpr std::size_t memory_backlog_default = 128;  // as listen_backlog

struct memory_listener_options {
  std::size_t backlog = memory_backlog_default;                   // 0: each connect waits for its accept
  std::size_t buffer_bytes = memory_stream_buffer_bytes_default;  // of each direction of a connection
};

class TRACTOR_API memory_listener final : public listener {
 public:
  // Throws usage_error when `buffer_bytes` is 0.
  explicit memory_listener(memory_listener_options options = {});
  ~memory_listener() override;

  [[nodiscard]] task<std::unique_ptr<memory_stream>> accept();
  // By any number of tasks at a time.
  [[nodiscard]] task<std::unique_ptr<memory_stream>> connect();

  void close() noexcept override;
  [[nodiscard]] bool closed() const noexcept override;

 private:
  [[nodiscard]] task<std::unique_ptr<byte_stream>> accept_stream() override;

  std::size_t buffer_bytes_;
  memory_channel_ends<std::unique_ptr<memory_stream>> backlog_;
};

}  // namespace tractor::sc
