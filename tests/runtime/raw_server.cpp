// SPDX-License-Identifier: Apache-2.0

#include "raw_server.hpp"

#include <variant>

namespace raw {

void with_peer(const attack& talk, const use_portal& use) {
  tractor::testing::run_test([&]() -> sc::task<> {
    co_await tractor::open_root_actor(
        [&]() -> sc::task<> {
          const auto listener = ipc::listen(ipc::tcp_address{"127.0.0.1", 0});
          co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
            n.start_soon([&]() -> sc::task<> {
              raw_peer peer((co_await listener->accept()).stream);
              co_await peer.shake_hands();
              co_await talk(peer);
              while (co_await peer.answer() != "closed") continue;
            });
            co_await tractor::open_portal(listener->local(), use);
          });
        },
        {.handle_signals = false});
  });
}

sc::task<std::string> next_start(raw_peer& peer) {
  const auto message = co_await peer.channel().receive();
  const auto* request = message ? std::get_if<msg::start>(&*message) : nullptr;
  EXPECT_NE(request, nullptr);
  co_return request == nullptr ? std::string() : std::string(request->cid);
}

void send_start_ack(raw_peer& peer, const std::string& cid, msg::function_kind kind) {
  peer.channel().send([&](msg::buffer& out) { msg::encode_start_ack(out, cid, kind); });
}

sc::task<std::string> begin_context(raw_peer& peer) {
  std::string cid = co_await next_start(peer);
  send_start_ack(peer, cid, msg::function_kind::context);
  peer.channel().send([&](msg::buffer& out) { msg::encode_started(out, cid, nullptr); });
  co_return cid;
}

sc::task<> acknowledge_cancel(raw_peer& peer) {
  const auto request = co_await next_start(peer);
  send_start_ack(peer, request, msg::function_kind::asyncfunc);
  peer.channel().send([&](msg::buffer& out) { msg::encode_cancel_ack(out, request, true); });
}

msg::error_msg error_of_peer(const std::string& type, const std::string& cid) {
  msg::error_msg fields;
  fields.src_uid = intruder;
  fields.src_type_str = fields.boxed_type_str = type;
  fields.relay_path.push_back(intruder);
  fields.cid = cid;
  return fields;
}

void send_error(raw_peer& peer, const msg::error_msg& fields) {
  peer.channel().send([&](msg::buffer& out) { msg::encode_error_msg(out, fields); });
}

attack failing_with(const std::function<msg::error_msg(const std::string& cid)>& error) {
  return [=](raw_peer& peer) -> sc::task<> {
    const auto cid = co_await next_start(peer);
    send_start_ack(peer, cid, msg::function_kind::asyncfunc);
    send_error(peer, error(cid));
  };
}

}  // namespace raw
