// SPDX-License-Identifier: Apache-2.0
//
// Servers: accept connections and run a task for each.
//
//     sc::task<> echo(sc::socket_stream& stream);   // the stream is closed when it returns
//
//     co_await sc::serve_tcp(echo, {.hosts = {"127.0.0.1"}, .port = 7});                           // until cancelled
//     auto listeners = co_await n.start<sc::served_listeners>(sc::serve_tcp, echo, sc::serve_tcp_options{});   // in a nursery n
//     std::uint16_t port = listeners[0]->local_endpoint()->port;
//
//     sc::task<> greet(sc::byte_stream& stream);
//     co_await sc::serve_listeners(greet, {*tcp, secured, in_memory});   // any mix of listeners that are there already
//
// The connections run in a nursery of the call, or in the one that the options name. What a handler throws goes where the errors of a
// task go: it cancels the listeners and the other connections and comes out of the call. So a handler catches what a single peer can
// cause, broken_resource_error among others.
//
// The call ends in one of three ways. Cancelled, it closes the listeners at once and each connection as its handler ends. By an error
// of a handler or of accept(). Or quietly: who closes every listener stops the intake, and the call returns when the connections
// have ended. It closes the listeners in any case. Of sockets it is the owner: the pointers that started() gives are good until it has
// ended. Listeners given by reference are their owner's and must outlive it.
//
// When a handler returns its stream is closed with close(), which says a goodbye if that kind of stream has one; when it throws or is
// cancelled the stream is destroyed without.
//
// A peer that gave up before it was accepted is passed over. Out of descriptors or memory (EMFILE, ENFILE, ENOBUFS, ENOMEM) accept()
// pauses for back_off_first up to back_off_max and goes on (socket_listener.hpp); socket_listener::back_offs() counts that.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tractor/sc/byte_stream.hpp"
#include "tractor/sc/listener.hpp"
#include "tractor/sc/nursery.hpp"
#include "tractor/sc/socket_listener.hpp"
#include "tractor/sc/socket_stream.hpp"
#include "tractor/sc/task.hpp"

namespace tractor::sc {

// Of one call at the same time; further ones wait in the backlogs, and at each listener one may wait that has been accepted.
inline constexpr std::size_t served_connections_max_default = 10'000;

using connection_handler = std::function<task<>(socket_stream&)>;
using stream_handler = std::function<task<>(byte_stream&)>;
// What started() gives: where the call listens.
using served_listeners = std::vector<socket_listener*>;
// Of any types: listener_references{*tcp, in_memory}.
using listener_references = std::vector<std::reference_wrapper<listener>>;

struct serve_options {
  std::size_t connections_max = served_connections_max_default;
  nursery* handler_nursery = nullptr;  // for the connections, which then outlive the call; null: one of the call
};

struct serve_tcp_options {
  std::vector<std::string> hosts = {"127.0.0.1"};  // IP literals, a listener for each; "0.0.0.0" and "::": every interface
  std::uint16_t port = 0;                          // 0: the system chooses, for each listener
  std::size_t connections_max = served_connections_max_default;
  nursery* handler_nursery = nullptr;
};

namespace detail {

// Function objects, because nursery::start takes an object and these come with a task_status and without.
struct TRACTOR_API serve_listeners_function {
  static task<> operator()(connection_handler handler, std::vector<std::unique_ptr<socket_listener>> listeners, serve_options options = {});
  static task<> operator()(task_status<served_listeners> status, connection_handler handler,
                           std::vector<std::unique_ptr<socket_listener>> listeners, serve_options options = {});
  // Has no task_status: these listen before the call, and who connects early waits in the backlog.
  static task<> operator()(stream_handler handler, listener_references listeners, serve_options options = {});
};

struct TRACTOR_API serve_tcp_function {
  static task<> operator()(connection_handler handler, serve_tcp_options options = {});
  static task<> operator()(task_status<served_listeners> status, connection_handler handler, serve_tcp_options options = {});
};

}  // namespace detail

// Serves on listeners that are there already. Throws usage_error when there is none, or when no connection is allowed.
inline constexpr detail::serve_listeners_function serve_listeners;
// Listens and serves. Throws os_error, with nothing left open, when it cannot listen at one of the hosts.
inline constexpr detail::serve_tcp_function serve_tcp;

}  // namespace tractor::sc
