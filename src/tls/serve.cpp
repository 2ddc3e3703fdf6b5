// SPDX-License-Identifier: Apache-2.0

#include "tractor/tls/serve.hpp"

#include <memory>
#include <utility>

#include "tractor/sc/cancel_scope.hpp"
#include "tractor/sc/errors.hpp"

namespace tractor::tls {

namespace {

// The server owns its connections, a stream its transport.
class lent_stream final : public sc::byte_stream {
 public:
  explicit lent_stream(sc::byte_stream& owned) noexcept : owned_(owned) {}
  void send_eof() override { owned_.send_eof(); }
  void close() noexcept override { owned_.close(); }
  [[nodiscard]] bool closed() const noexcept override { return owned_.closed(); }
  sc::io_result try_receive(std::span<std::byte> into) noexcept override { return owned_.try_receive(into); }
  sc::io_result try_send(std::span<const std::byte> from) noexcept override { return owned_.try_send(from); }
  void set_reader(sc::detail::io_source::waiter* waiter) noexcept override { owned_.set_reader(waiter); }
  void set_writer(sc::detail::io_source::waiter* waiter) override { owned_.set_writer(waiter); }
  [[nodiscard]] std::exception_ptr error_of(const char* doing, int errno_value) const noexcept override {
    return owned_.error_of(doing, errno_value);
  }

 private:
  sc::byte_stream& owned_;
};

struct server {
  tls_handler handler;
  context with;
  serve_tls_listeners_options options;
};

std::string address_of(const sc::byte_stream& connection) {
  const auto* const socket = dynamic_cast<const sc::socket_stream*>(&connection);
  const auto at = socket != nullptr ? socket->remote_endpoint() : std::nullopt;
  return at ? at->host + " port " + std::to_string(at->port) : "the peer";
}

sc::task<bool> agree(const server& how, stream& with) {
  try {
    co_await sc::fail_after(how.options.handshake_within, [&]() -> sc::task<> { co_await with.do_handshake(); });
    co_return true;
  } catch (const sc::broken_resource_error& refused) {
    if (how.options.on_refused) how.options.on_refused(refused);
  } catch (const os_error& refused) {
    if (how.options.on_refused) how.options.on_refused(refused);
  } catch (const sc::too_slow_error& refused) {
    if (how.options.on_refused) how.options.on_refused(refused);
  }
  co_return false;
}

sc::task<> serve_connection(std::shared_ptr<const server> how, sc::byte_stream& connection) {
  stream secured(std::make_unique<lent_stream>(connection), how->with,
                 {.https_compatible = how->options.https_compatible, .peer_name = address_of(connection)});
  if (!co_await agree(*how, secured)) co_return;
  co_await how->handler(secured);
  static_cast<void>(co_await sc::move_on_after(how->options.goodbye_within, [&]() -> sc::task<> { co_await secured.aclose(); }));
}

sc::stream_handler handler_of(const char* call, tls_handler handler, context with, serve_tls_listeners_options options) {
  if (!with.is_server()) throw usage_error(std::string(call) + "(): the context is a client's");
  const auto how = std::make_shared<const server>(std::move(handler), std::move(with), std::move(options));
  return [how](sc::byte_stream& connection) { return serve_connection(how, connection); };
}

sc::stream_handler handler_over_tcp(tls_handler handler, context with, serve_tls_options options) {
  return handler_of("serve_tls_over_tcp", std::move(handler), std::move(with),
                    {.https_compatible = options.https_compatible,
                     .handshake_within = options.handshake_within,
                     .goodbye_within = options.goodbye_within,
                     .on_refused = std::move(options.on_refused)});
}

}  // namespace

namespace detail {

sc::task<> serve_tls_function::operator()(tls_handler handler, context with, serve_tls_options options) {
  sc::serve_tcp_options tcp = options.tcp;
  co_await sc::serve_tcp(handler_over_tcp(std::move(handler), std::move(with), std::move(options)), std::move(tcp));
}

sc::task<> serve_tls_function::operator()(sc::task_status<sc::served_listeners> status, tls_handler handler, context with,
                                          serve_tls_options options) {
  sc::serve_tcp_options tcp = options.tcp;
  co_await sc::serve_tcp(std::move(status), handler_over_tcp(std::move(handler), std::move(with), std::move(options)), std::move(tcp));
}

sc::task<> serve_tls_listeners_function::operator()(tls_handler handler, context with, sc::listener_references listeners,
                                                    serve_tls_listeners_options options) {
  const sc::serve_options serving = options.serving;
  co_await sc::serve_listeners(handler_of("serve_tls_over_listeners", std::move(handler), std::move(with), std::move(options)),
                               std::move(listeners), serving);
}

}  // namespace detail

}  // namespace tractor::tls
