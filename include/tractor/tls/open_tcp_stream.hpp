// SPDX-License-Identifier: Apache-2.0
//
// A TLS connection to a host by name: sc::open_tcp_stream and a client's stream over it, for that name.
//
//     auto stream = co_await tls::open_tls_over_tcp_stream("example.org", 443, tls::context::client());
//
// Like it, it has no timeout of its own; cancelled, it leaves nothing behind; a checkpoint.

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "tractor/sc/open_tcp_stream.hpp"
#include "tractor/sc/task.hpp"
#include "tractor/tls/stream.hpp"

namespace tractor::tls {

struct open_tls_options {
  std::string server_name = {};  // empty: the host
  bool https_compatible = false;
  sc::open_tcp_options tcp = {};
};

// The handshake is done when it returns. Throws what sc::open_tcp_stream and stream::do_handshake throw; usage_error with a server's
// context.
[[nodiscard]] TRACTOR_API sc::task<std::unique_ptr<stream>> open_tls_over_tcp_stream(std::string host, std::uint16_t port, context with,
                                                                                     open_tls_options options = {});

}  // namespace tractor::tls
