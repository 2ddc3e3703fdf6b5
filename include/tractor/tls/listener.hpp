// SPDX-License-Identifier: Apache-2.0
//
// A listener whose connections speak TLS.
//
//     tls::listener secured(sc::listen_tcp("0.0.0.0", 443), server_context);
//     auto stream = co_await secured.accept();    // connected; the handshake is to be done, by the task that serves it
//
// The contract is sc::listener's, over any listener of byte streams, which it owns. No handshake is done in accept(): a client that is
// silent in it would hold up all the others. (serve_tls_over_tcp and serve_tls_over_listeners need no listener of this kind: they do the
// handshake, with a bound, before the handler comes.)

#pragma once

#include <memory>

#include "tractor/sc/listener.hpp"
#include "tractor/sc/socket_listener.hpp"
#include "tractor/sc/task.hpp"
#include "tractor/tls/stream.hpp"

namespace tractor::tls {

class TRACTOR_API listener final : public sc::listener {
 public:
  // Throws usage_error without a listener, or with a client's context.
  listener(std::unique_ptr<sc::listener> transport, context with, stream_options options = {});
  ~listener() override;

  [[nodiscard]] sc::task<std::unique_ptr<stream>> accept();
  void close() noexcept override { transport_->close(); }
  [[nodiscard]] bool closed() const noexcept override { return transport_->closed(); }
  // The listener of the plain streams.
  [[nodiscard]] sc::listener& transport() const noexcept { return *transport_; }
  // The same as a socket, which tells where it listens. Throws usage_error when it is none.
  [[nodiscard]] const sc::socket_listener& plain() const;

 private:
  [[nodiscard]] sc::task<std::unique_ptr<sc::byte_stream>> accept_stream() override;

  std::unique_ptr<sc::listener> transport_;
  context context_;
  stream_options options_;
};

}  // namespace tractor::tls
