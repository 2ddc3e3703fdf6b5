// SPDX-License-Identifier: Apache-2.0
//
// What the tests of TLS streams share: connected pairs of them, and text.

#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "certificates.hpp"
#include "tls/openssl.hpp"
#include "tractor/sc/memory_stream.hpp"
#include "tractor/sc/sc.hpp"
#include "tractor/testing/scheduling.hpp"
#include "tractor/testing/test.hpp"
#include "tractor/tls/tls.hpp"

namespace tractor::test {

struct tls_pair {
  std::unique_ptr<tls::stream> client;
  std::unique_ptr<tls::stream> server;
};

struct pair_options {
  tls::context client = trusting_client();
  tls::context server = localhost_server();
  tls::stream_options client_stream = {.server_name = "localhost"};
  tls::stream_options server_stream = {};
};

template <class Transports>
tls_pair secure(Transports transports, pair_options options = {}) {
  return {std::make_unique<tls::stream>(std::move(transports.first), options.client, options.client_stream),
          std::make_unique<tls::stream>(std::move(transports.second), options.server, options.server_stream)};
}

inline tls_pair open_pair(pair_options options = {}) { return secure(sc::open_memory_streams(), std::move(options)); }

inline sc::task<> agree(tls_pair& pair) {
  co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
    n.start_soon([&]() -> sc::task<> { co_await pair.client->do_handshake(); });
    co_await pair.server->do_handshake();
  });
}

// What `body` throws, as "type: message"; empty when it throws nothing.
template <class Error, class Body>
sc::task<std::string> error_from(Body body) {
  try {
    static_cast<void>(co_await body());
  } catch (const Error& expected) {
    co_return expected.what();
  } catch (const std::exception& other) {
    co_return std::string("another error: ") + typeid(other).name() + ": " + other.what();
  }
  co_return "no error";
}

inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

inline sc::task<> send_text(sc::byte_stream& to, std::string_view text) { co_await to.send_all(bytes_of(text)); }

// What comes next; empty at the end.
inline sc::task<std::string> receive_text(sc::byte_stream& from, std::size_t room = 4096) {
  std::string buffer(room, '\0');
  const std::size_t bytes = co_await from.receive_some(std::as_writable_bytes(std::span(buffer)));
  co_return buffer.substr(0, bytes);
}

inline sc::task<std::string> receive_all(sc::byte_stream& from) {
  std::string text, next;
  while (!(next = co_await receive_text(from, 100'000)).empty()) text += next;
  co_return text;
}

// Bytes that tell where they belong.
inline std::string pattern(std::size_t bytes, unsigned seed) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>((i * 2654435761u + seed) >> 11);
  return text;
}

struct both_errors {
  std::string client;
  std::string server;
};

// What each side says to a handshake, and to receiving a byte of the other one after it.
template <class ClientError = tls::handshake_error, class ServerError = tls::handshake_error>
sc::task<both_errors> refused(pair_options options) {
  tls_pair pair = open_pair(std::move(options));
  both_errors said;
  co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
    n.start_soon([&]() -> sc::task<> {
      said.server = co_await error_from<ServerError>([&] { return pair.server->do_handshake(); });
      pair.server->close();
    });
    said.client = co_await error_from<ClientError>([&]() -> sc::task<> {
      co_await pair.client->do_handshake();
      static_cast<void>(co_await receive_text(*pair.client));
    });
  });
  co_return said;
}

inline tls::context server_with(const identity& who) { return localhost_server({.chain = who.chain, .key = who.key}); }

}  // namespace tractor::test
