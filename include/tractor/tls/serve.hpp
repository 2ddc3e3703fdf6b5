// SPDX-License-Identifier: Apache-2.0
//
// TLS servers: sc::serve_tcp and sc::serve_listeners, with a TLS stream for each connection.
//
//     sc::task<> echo(tls::stream& stream);   // the handshake is done; close_notify is sent when it returns
//
//     co_await tls::serve_tls_over_tcp(echo, server_context, {.tcp = {.port = 443}});   // until cancelled
//     auto listeners = co_await n.start<sc::served_listeners>(tls::serve_tls_over_tcp, echo, server_context, tls::serve_tls_options{});
//
//     co_await tls::serve_tls_over_listeners(echo, server_context, {*unix_socket, in_memory});   // their streams are in the clear
//
// The contract is that of sc::serve_tcp and sc::serve_listeners, but for the handshake, which comes before the handler: a client that
// fails in it, or has not ended it within `handshake_within`, is dropped, and `on_refused` is told. So whoever scans ports ends no server.
// What the handler throws ends the server, as ever: so it catches what a single peer can cause, sc::broken_resource_error
// (truncated_error is one) and os_error (a network that cannot be reached any more). When it has returned there is `goodbye_within` for
// close_notify to get out and for aclose() to end; when it throws or is cancelled no close_notify is sent.

#pragma once

#include <functional>

#include "tractor/sc/serve.hpp"
#include "tractor/sc/task.hpp"
#include "tractor/tls/stream.hpp"

namespace tractor::tls {

using tls_handler = std::function<sc::task<>(stream&)>;

struct serve_tls_options {
  sc::serve_tcp_options tcp = {};
  bool https_compatible = false;
  sc::duration handshake_within = std::chrono::seconds(30);
  sc::duration goodbye_within = std::chrono::seconds(5);
  // Called for each client that was dropped, with a tls_error, an error of the connection, or too_slow_error. Must not throw.
  std::function<void(const error& why)> on_refused = {};
};

struct serve_tls_listeners_options {
  sc::serve_options serving = {};
  // As above.
  bool https_compatible = false;
  sc::duration handshake_within = std::chrono::seconds(30);
  sc::duration goodbye_within = std::chrono::seconds(5);
  std::function<void(const error& why)> on_refused = {};
};

namespace detail {

struct TRACTOR_API serve_tls_function {
  static sc::task<> operator()(tls_handler handler, context with, serve_tls_options options = {});
  static sc::task<> operator()(sc::task_status<sc::served_listeners> status, tls_handler handler, context with,
                               serve_tls_options options = {});
};

struct TRACTOR_API serve_tls_listeners_function {
  static sc::task<> operator()(tls_handler handler, context with, sc::listener_references listeners,
                               serve_tls_listeners_options options = {});
};

}  // namespace detail

// Throws usage_error with a client's context, and what sc::serve_tcp throws.
inline constexpr detail::serve_tls_function serve_tls_over_tcp;
// The same over sc::serve_listeners. Throws usage_error with a client's context before it touches a listener.
inline constexpr detail::serve_tls_listeners_function serve_tls_over_listeners;

}  // namespace tractor::tls
