// SPDX-License-Identifier: Apache-2.0
//
// HTTP with Boost.Beast inside tasks: a server that serves each connection in a task of its own, and a client with a deadline, in one
// program. The client asks for two pages; the second one never comes.

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <cstdio>
#include <string>

#include "tractor/interop/asio/use_task.hpp"
#include "tractor/sc/sc.hpp"

namespace {

namespace sc = tractor::sc;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using namespace std::chrono_literals;
using boost::asio::ip::tcp;
using tractor::interop::asio_context;
using tractor::interop::use_task;

using page = http::response<http::string_body>;

// One request on one connection, which is closed when this returns.
sc::task<> answer(tcp::socket peer) try {
  beast::flat_buffer buffer;
  http::request<http::empty_body> request;
  co_await http::async_read(peer, buffer, request, use_task);
  if (request.target() == "/never") co_await sc::sleep_forever();
  page response(http::status::ok, request.version());
  response.body() = "this is " + std::string(request.target()) + "\n";
  response.prepare_payload();
  co_await http::async_write(peer, response, use_task);
} catch (const boost::system::system_error&) {
  // This client went away, or spoke no HTTP. The others have nothing to do with it.
}

sc::task<> serve(tcp::acceptor& acceptor) {
  co_await sc::open_nursery([&](sc::nursery& connections) -> sc::task<> {
    for (;;) {
      tcp::socket peer = co_await acceptor.async_accept(use_task);
      connections.start_soon([held = std::move(peer)]() mutable { return answer(std::move(held)); });
    }
  });
}

sc::task<page> get(tcp::endpoint server, std::string target) {
  tcp::socket socket(asio_context());
  co_await socket.async_connect(server, use_task);
  http::request<http::empty_body> request(http::verb::get, target, 11);
  request.set(http::field::host, server.address().to_string());
  co_await http::async_write(socket, request, use_task);
  beast::flat_buffer buffer;
  page response;
  co_await http::async_read(socket, buffer, response, use_task);
  co_return response;
}

sc::task<> client(tcp::endpoint server) {
  const page response = co_await sc::fail_after(30s, [&] { return get(server, "/greeting"); });
  std::printf("%u %s\n%s", response.result_int(), std::string(response.reason()).c_str(), response.body().c_str());
  const auto none = co_await sc::move_on_after(50ms, [&] { return get(server, "/never"); });
  std::printf("%s\n", none ? "/never: came" : "/never: not within 50 ms");
}

}  // namespace

int main() {
  sc::run([]() -> sc::task<> {
    tcp::acceptor acceptor(asio_context(), tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&] { return serve(acceptor); });
      co_await client(acceptor.local_endpoint());
      n.cancel("the client is done");
    });
  });
}
