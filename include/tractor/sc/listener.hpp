// SPDX-License-Identifier: Apache-2.0
//
// Something that gives a byte stream for each peer that connects: a socket that listens, one whose connections speak TLS, or a
// memory_listener in a test.
//
//     while (true) {
//       std::unique_ptr<sc::byte_stream> stream = co_await listener.accept();
//       n.start_soon(serve, std::move(stream));
//     }
//
// One task at a time accepts (busy_resource_error). accept() is a checkpoint and waits, for as long as nobody connects, until it is
// cancelled or the listener is closed; cancelled, it has taken nothing: who connects is given to the next accept(). It never gives null.
// close() wakes who accepts with closed_resource_error, as every later accept() gives; who has connected and was not accepted sees the end
// of the stream or a broken one. There is no broken_resource_error: a peer that went before it was accepted is passed over, or is
// accepted and its stream tells. Other errors say what is wrong with the listener itself, such as an os_error. No task may be in accept()
// when a listener is destroyed. A listener belongs to one run.
//
// A type of one's own implements accept_stream(), and may have an accept() that gives its own type of stream, as those of tractor do:
// it hides this one. testing::check_listener tries whether it keeps this contract.

#pragma once

#include <memory>

#include "tractor/sc/byte_stream.hpp"
#include "tractor/sc/task.hpp"

namespace tractor::sc {

class TRACTOR_API listener {
 public:
  listener() noexcept = default;
  listener(const listener&) = delete;
  listener& operator=(const listener&) = delete;
  virtual ~listener();

  [[nodiscard]] task<std::unique_ptr<byte_stream>> accept() { return accept_stream(); }
  virtual void close() noexcept = 0;  // idempotent
  [[nodiscard]] virtual bool closed() const noexcept = 0;

 private:
  [[nodiscard]] virtual task<std::unique_ptr<byte_stream>> accept_stream() = 0;
};

}  // namespace tractor::sc
