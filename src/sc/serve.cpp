// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/serve.hpp"

#include <utility>

#include "tractor/sc/errors.hpp"
#include "tractor/sc/semaphore.hpp"

namespace tractor::sc {

namespace {

using listener_list = std::vector<std::unique_ptr<socket_listener>>;

// Connections in the caller's nursery go on after the call, so they share it.
struct serving {
  serving(connection_handler how, std::size_t connections_max) : handler(std::move(how)), free_slots(connections_max) {}
  connection_handler handler;
  semaphore free_slots;
};

class listener_closer {
 public:
  explicit listener_closer(socket_listener& closed) noexcept : closed_(closed) {}
  listener_closer(const listener_closer&) = delete;
  listener_closer& operator=(const listener_closer&) = delete;
  ~listener_closer() { closed_.close(); }

 private:
  socket_listener& closed_;
};

task<> serve_connection(std::shared_ptr<serving> given_state, std::unique_ptr<socket_stream> given_stream, semaphore::guard given_slot) {
  // They go in the opposite order, before the task has ended: the slot is free when the descriptor is.
  const std::shared_ptr<serving> state = std::move(given_state);
  const semaphore::guard slot = std::move(given_slot);
  const std::unique_ptr<socket_stream> stream = std::move(given_stream);
  co_await state->handler(*stream);
}

// Null: the listener was closed.
task<std::unique_ptr<socket_stream>> accept_or_closed(socket_listener& from) {
  try {
    co_return co_await from.accept();
  } catch (const closed_resource_error&) {
    co_return nullptr;
  }
}

task<> accept_connections(socket_listener& from, std::shared_ptr<serving> state, nursery& into) {
  // When the intake ends nobody may be left waiting in the backlog while the connections take their time.
  const listener_closer closer(from);
  for (;;) {
    semaphore::guard slot = co_await state->free_slots.hold();
    auto stream = co_await accept_or_closed(from);
    if (stream == nullptr) co_return;
    into.start_soon({.name = "connection"}, serve_connection, state, std::move(stream), std::move(slot));
  }
}

task<> serve(task_status<served_listeners>* status, connection_handler handler, listener_list listeners, serve_options options) {
  if (listeners.empty()) throw usage_error("serve_listeners(): there is no listener to serve on");
  if (options.connections_max == 0) throw usage_error("serve_listeners(): a server needs at least one connection, connections_max is 0");
  const auto state = std::make_shared<serving>(std::move(handler), options.connections_max);
  co_await open_nursery([&](nursery& own) -> task<> {
    nursery& into = options.handler_nursery != nullptr ? *options.handler_nursery : own;
    served_listeners all;
    for (const auto& each : listeners) {
      own.start_soon({.name = "accept"}, accept_connections, std::ref(*each), state, std::ref(into));
      all.push_back(each.get());
    }
    if (status != nullptr) status->started(std::move(all));
    co_return;
  });
}

task<> listen_and_serve(task_status<served_listeners>* status, connection_handler handler, serve_tcp_options options) {
  listener_list listeners;
  for (const std::string& host : options.hosts) listeners.push_back(listen_tcp(host, options.port));
  co_await serve(status, std::move(handler), std::move(listeners),
                 {.connections_max = options.connections_max, .handler_nursery = options.handler_nursery});
}

}  // namespace

namespace detail {

task<> serve_listeners_function::operator()(connection_handler handler, listener_list listeners, serve_options options) {
  return serve(nullptr, std::move(handler), std::move(listeners), options);
}

task<> serve_listeners_function::operator()(task_status<served_listeners> status, connection_handler handler, listener_list listeners,
                                            serve_options options) {
  co_await serve(&status, std::move(handler), std::move(listeners), options);
}

task<> serve_tcp_function::operator()(connection_handler handler, serve_tcp_options options) {
  return listen_and_serve(nullptr, std::move(handler), std::move(options));
}

task<> serve_tcp_function::operator()(task_status<served_listeners> status, connection_handler handler, serve_tcp_options options) {
  co_await listen_and_serve(&status, std::move(handler), std::move(options));
}

}  // namespace detail

}  // namespace tractor::sc
