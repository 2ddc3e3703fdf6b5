// SPDX-License-Identifier: Apache-2.0

#include "tractor/tls/listener.hpp"

#include <utility>

namespace tractor::tls {

listener::listener(std::unique_ptr<sc::listener> transport, context with, stream_options options)
    : transport_(std::move(transport)), context_(std::move(with)), options_(std::move(options)) {
  if (transport_ == nullptr) throw usage_error("tls::listener: there is no listener");
  if (!context_.is_server()) throw usage_error("tls::listener: the context is a client's");
}

listener::~listener() = default;

sc::task<std::unique_ptr<stream>> listener::accept() {
  auto plain = co_await transport_->accept();
  co_return std::make_unique<stream>(std::move(plain), context_, options_);
}

sc::task<std::unique_ptr<sc::byte_stream>> listener::accept_stream() { co_return co_await accept(); }

const sc::socket_listener& listener::plain() const {
  const auto* const socket = dynamic_cast<const sc::socket_listener*>(transport_.get());
  if (socket == nullptr) throw usage_error("tls::listener::plain(): what it listens with is no socket");
  return *socket;
}

}  // namespace tractor::tls
