// SPDX-License-Identifier: Apache-2.0
//
// What a user's program does with tractor::tls: a client that meets a server that speaks something else. Prints one line that the
// install tests look for.

#include <cstdio>
#include <memory>
#include <span>
#include <string_view>

#include "tractor/sc/memory_stream.hpp"
#include "tractor/sc/run.hpp"
#include "tractor/tls/tls.hpp"

namespace sc = tractor::sc;
namespace tls = tractor::tls;

namespace {

sc::task<int> amain() {
  auto [near, far] = sc::open_memory_streams();
  tls::stream client(std::move(near), tls::context::client(), {.server_name = "localhost"});
  const std::string_view greeting = "220 ready\r\n";
  co_await far->send_all(std::as_bytes(std::span(greeting)));
  try {
    co_await client.do_handshake();
  } catch (const tls::handshake_error& refused) {
    std::printf("consumer of tractor: %s\n", refused.what());
    co_return 0;
  }
  co_return 1;
}

}  // namespace

int main() { return sc::run(amain); }
