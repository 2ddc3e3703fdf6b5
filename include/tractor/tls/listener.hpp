// SPDX-License-Identifier: Apache-2.0
//
// A listener whose connections speak TLS.
//
//     tls::listener secured(sc::listen_tcp("0.0.0.0", 443), server_context);
//     auto stream = co_await secured.accept();    // connected; the handshake is to be done, by the task that serves it
//
// The contract of accept() and close() is socket_listener's. No handshake is done in accept(): a client that is silent in it would hold
// up all the others.

#pragma once

#include <memory>

#include "tractor/sc/socket_listener.hpp"
#include "tractor/sc/task.hpp"
#include "tractor/tls/stream.hpp"

namespace tractor::tls {

class TRACTOR_API listener {
 public:
  // Throws usage_error without a listener, or with a client's context.
  listener(std::unique_ptr<sc::socket_listener> plain, context with, stream_options options = {});
  listener(const listener&) = delete;
  listener& operator=(const listener&) = delete;
  ~listener();  // no task may be in accept()

  [[nodiscard]] sc::task<std::unique_ptr<stream>> accept();
  void close() noexcept { plain_->close(); }
  [[nodiscard]] bool closed() const noexcept { return plain_->closed(); }
  // Where it listens, among others.
  [[nodiscard]] const sc::socket_listener& plain() const noexcept { return *plain_; }

 private:
  std::unique_ptr<sc::socket_listener> plain_;
  context context_;
  stream_options options_;
};

}  // namespace tractor::tls
