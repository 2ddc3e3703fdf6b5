// SPDX-License-Identifier: Apache-2.0

#include "tractor/tls/serve.hpp"

#include <memory>
#include <utility>

#include "tractor/sc/cancel_scope.hpp"
#include "tractor/sc/errors.hpp"

namespace tractor::tls {

namespace {

// sc::serve_tcp owns its sockets, a stream its transport.
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
  serve_tls_options options;
};

std::string address_of(const sc::socket_stream& socket) {
  const auto at = socket.remote_endpoint();
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

sc::task<> serve_connection(std::shared_ptr<const server> how, sc::socket_stream& socket) {
  stream secured(std::make_unique<lent_stream>(socket), how->with,
                 {.https_compatible = how->options.https_compatible, .peer_name = address_of(socket)});
  if (!co_await agree(*how, secured)) co_return;
  co_await how->handler(secured);
  static_cast<void>(co_await sc::move_on_after(how->options.goodbye_within, [&]() -> sc::task<> { co_await secured.aclose(); }));
}

sc::connection_handler handler_of(tls_handler handler, context with, serve_tls_options options) {
  if (!with.is_server()) throw usage_error("serve_tls_over_tcp(): the context is a client's");
  const auto how = std::make_shared<const server>(std::move(handler), std::move(with), std::move(options));
  return [how](sc::socket_stream& socket) { return serve_connection(how, socket); };
}

}  // namespace

namespace detail {

sc::task<> serve_tls_function::operator()(tls_handler handler, context with, serve_tls_options options) {
  sc::serve_tcp_options tcp = options.tcp;
  co_await sc::serve_tcp(handler_of(std::move(handler), std::move(with), std::move(options)), std::move(tcp));
}

sc::task<> serve_tls_function::operator()(sc::task_status<sc::served_listeners> status, tls_handler handler, context with,
                                          serve_tls_options options) {
  sc::serve_tcp_options tcp = options.tcp;
  co_await sc::serve_tcp(std::move(status), handler_of(std::move(handler), std::move(with), std::move(options)), std::move(tcp));
}

}  // namespace detail

}  // namespace tractor::tls
