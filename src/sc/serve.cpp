// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/serve.hpp"

#include <utility>

#include "tractor/sc/errors.hpp"
#include "tractor/sc/semaphore.hpp"

namespace tractor::sc {

namespace {

using socket_listeners = std::vector<std::unique_ptr<socket_listener>>;

// Connections in the caller's nursery go on after the call, so they share it.
template <class Handler>
struct serving {
  serving(Handler how, std::size_t connections_max) : handler(std::move(how)), free_slots(connections_max) {}
  Handler handler;
  semaphore free_slots;
};

class listener_closer {
 public:
  explicit listener_closer(listener& closed) noexcept : closed_(closed) {}
  listener_closer(const listener_closer&) = delete;
  listener_closer& operator=(const listener_closer&) = delete;
  ~listener_closer() { closed_.close(); }

 private:
  listener& closed_;
};

template <class Handler, class Stream>
task<> serve_connection(std::shared_ptr<serving<Handler>> given_state, std::unique_ptr<Stream> given_stream, semaphore::guard given_slot) {
  // They go in the opposite order, before the task has ended: the slot is free when the descriptor is.
  const std::shared_ptr<serving<Handler>> state = std::move(given_state);
  const semaphore::guard slot = std::move(given_slot);
  const std::unique_ptr<Stream> stream = std::move(given_stream);
  co_await state->handler(*stream);
  stream->close();
}

// Null: the listener was closed.
template <class Listener>
auto accept_or_closed(Listener& from) -> decltype(from.accept()) {
  try {
    co_return co_await from.accept();
  } catch (const closed_resource_error&) {
    co_return nullptr;
  }
}

template <class Handler, class Listener>
task<> accept_connections(Listener& from, std::shared_ptr<serving<Handler>> state, nursery& into) {
  // When the intake ends nobody may be left waiting in the backlog while the connections take their time.
  const listener_closer closer(from);
  for (;;) {
    // While all are taken nobody is accepted. No slot is held while waiting for a peer: other listeners may have one that waits.
    (co_await state->free_slots.hold()).release();
    auto accepted = co_await accept_or_closed(from);
    if (accepted == nullptr) co_return;
    semaphore::guard slot = co_await state->free_slots.hold();
    using stream = typename decltype(accepted)::element_type;
    into.start_soon({.name = "connection"}, serve_connection<Handler, stream>, state, std::move(accepted), std::move(slot));
  }
}

// `Listener` by its own type, so that a handler gets the streams of that.
template <class Handler, class Listener>
task<> serve(Handler handler, std::vector<Listener*> listeners, serve_options options, std::function<void()> on_started) {
  if (listeners.empty()) throw usage_error("serve_listeners(): there is no listener to serve on");
  if (options.connections_max == 0) throw usage_error("serve_listeners(): a server needs at least one connection, connections_max is 0");
  const auto state = std::make_shared<serving<Handler>>(std::move(handler), options.connections_max);
  co_await open_nursery([&](nursery& own) -> task<> {
    nursery& into = options.handler_nursery != nullptr ? *options.handler_nursery : own;
    for (Listener* const each : listeners)
      own.start_soon({.name = "accept"}, accept_connections<Handler, Listener>, std::ref(*each), state, std::ref(into));
    if (on_started) on_started();
    co_return;
  });
}

task<> serve_sockets(task_status<served_listeners>* status, connection_handler handler, socket_listeners listeners, serve_options options) {
  served_listeners all;
  for (const auto& each : listeners) all.push_back(each.get());
  co_await serve(std::move(handler), all, options, [&] {
    if (status != nullptr) status->started(all);
  });
}

task<> serve_references(stream_handler handler, listener_references listeners, serve_options options) {
  // Each accept closes its own at once; this is for those that none was started for.
  const struct closer {
    const listener_references& all;
    ~closer() {
      for (listener& each : all) each.close();
    }
  } closes_all{listeners};
  std::vector<listener*> all;
  for (listener& each : listeners) all.push_back(&each);
  co_await serve(std::move(handler), std::move(all), options, nullptr);
}

task<> listen_and_serve(task_status<served_listeners>* status, connection_handler handler, serve_tcp_options options) {
  socket_listeners listeners;
  for (const std::string& host : options.hosts) listeners.push_back(listen_tcp(host, options.port));
  co_await serve_sockets(status, std::move(handler), std::move(listeners),
                         {.connections_max = options.connections_max, .handler_nursery = options.handler_nursery});
}

}  // namespace

namespace detail {

task<> serve_listeners_function::operator()(connection_handler handler, socket_listeners listeners, serve_options options) {
  return serve_sockets(nullptr, std::move(handler), std::move(listeners), options);
}

task<> serve_listeners_function::operator()(task_status<served_listeners> status, connection_handler handler, socket_listeners listeners,
                                            serve_options options) {
  co_await serve_sockets(&status, std::move(handler), std::move(listeners), options);
}

task<> serve_listeners_function::operator()(stream_handler handler, listener_references listeners, serve_options options) {
  return serve_references(std::move(handler), std::move(listeners), options);
}

task<> serve_tcp_function::operator()(connection_handler handler, serve_tcp_options options) {
  return listen_and_serve(nullptr, std::move(handler), std::move(options));
}

task<> serve_tcp_function::operator()(task_status<served_listeners> status, connection_handler handler, serve_tcp_options options) {
  co_await listen_and_serve(&status, std::move(handler), std::move(options));
}

}  // namespace detail

}  // namespace tractor::sc
