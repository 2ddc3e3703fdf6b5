// SPDX-License-Identifier: Apache-2.0

#include "tractor/tls/open_tcp_stream.hpp"

#include <utility>

namespace tractor::tls {

sc::task<std::unique_ptr<stream>> open_tls_over_tcp_stream(std::string host, std::uint16_t port, context with, open_tls_options options) {
  if (with.is_server()) throw usage_error("open_tls_over_tcp_stream(): the context is a server's");
  stream_options how{.server_name = options.server_name.empty() ? host : std::move(options.server_name),
                     .https_compatible = options.https_compatible};
  auto transport = co_await sc::open_tcp_stream(std::move(host), port, std::move(options.tcp));
  auto secured = std::make_unique<stream>(std::move(transport), with, std::move(how));
  co_await secured->do_handshake();
  co_return secured;
}

}  // namespace tractor::tls
