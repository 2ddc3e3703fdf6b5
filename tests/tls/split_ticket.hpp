// SPDX-License-Identifier: Apache-2.0
//
// A message of the protocol that comes in two parts, with nothing in between that a test does not want there.

#pragma once

#include <memory>
#include <string>
#include <utility>

#include "tls_test.hpp"

namespace tractor::test {

// A client that has agreed with its server, whose ticket takes two records: they have yet to come.
struct split_ticket {
  tls_pair pair;
  std::unique_ptr<sc::memory_stream> client_side, server_side;  // what is between the two
  std::string first_record = {}, rest = {};
};

inline sc::task<> pass_on(sc::byte_stream& from, sc::byte_stream& to) {
  co_await testing::wait_all_tasks_blocked();
  co_await send_text(to, co_await receive_text(from, 100'000));
}

inline sc::task<split_ticket> open_with_split_ticket(tls::stream_options client_stream = {.server_name = "localhost"}) {
  const identity me = authority().sign({.common_name = "a client"});  // which stands in the ticket
  pair_options options{.client = trusting_client({.chain = me.chain, .key = me.key}),
                       .server = localhost_server({.clients = tls::client_certificates::required, .trust = {authority().certificate()}}),
                       .client_stream = std::move(client_stream)};
  SSL_CTX_set_max_send_fragment(options.server.state().ssl.get(), 512);
  SSL_CTX_set_num_tickets(options.server.state().ssl.get(), 1);
  auto [near, client_side] = sc::open_memory_streams();
  auto [server_side, far] = sc::open_memory_streams();
  split_ticket made{.pair = secure(std::pair(std::move(near), std::move(far)), options),
                    .client_side = std::move(client_side),
                    .server_side = std::move(server_side)};
  co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
    n.start_soon([&]() -> sc::task<> { co_await agree(made.pair); });
    co_await pass_on(*made.client_side, *made.server_side);
    co_await pass_on(*made.server_side, *made.client_side);
    co_await pass_on(*made.client_side, *made.server_side);
  });
  const std::string ticket = co_await receive_text(*made.server_side, 100'000);
  const std::size_t first_bytes = 5 + (std::size_t{static_cast<unsigned char>(ticket[3])} << 8) + static_cast<unsigned char>(ticket[4]);
  EXPECT_LT(first_bytes, ticket.size());
  made.first_record = ticket.substr(0, first_bytes);
  made.rest = ticket.substr(first_bytes);
  co_return made;
}

}  // namespace tractor::test
