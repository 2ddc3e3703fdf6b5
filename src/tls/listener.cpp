// SPDX-License-Identifier: Apache-2.0

#include "tractor/tls/listener.hpp"

#include <utility>

namespace tractor::tls {

listener::listener(std::unique_ptr<sc::socket_listener> plain, context with, stream_options options)
    : plain_(std::move(plain)), context_(std::move(with)), options_(std::move(options)) {
  if (plain_ == nullptr) throw usage_error("tls::listener: there is no listener");
  if (!context_.is_server()) throw usage_error("tls::listener: the context is a client's");
}

listener::~listener() = default;

sc::task<std::unique_ptr<stream>> listener::accept() {
  auto transport = co_await plain_->accept();
  co_return std::make_unique<stream>(std::move(transport), context_, options_);
}

}  // namespace tractor::tls
