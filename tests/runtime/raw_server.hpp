// SPDX-License-Identifier: Apache-2.0
//
// A peer that listens and answers by hand: what it makes of the requests of the actor that is connected to it.

#pragma once

#include <functional>
#include <string>

#include "raw_peer.hpp"
#include "tractor/tractor.hpp"

namespace raw {

using use_portal = std::function<sc::task<>(tractor::portal&)>;

// Runs `use(portal&)` in an actor whose peer is `talk(raw_peer&)`.
void with_peer(const attack& talk, const use_portal& use);

// The cid of the next message, which is to be a Start; "" of any other.
sc::task<std::string> next_start(raw_peer& peer);
void send_start_ack(raw_peer& peer, const std::string& cid, msg::function_kind kind);
// Begins a context as its endpoint would.
sc::task<std::string> begin_context(raw_peer& peer);
// The next request is one to cancel: acknowledges it.
sc::task<> acknowledge_cancel(raw_peer& peer);

msg::error_msg error_of_peer(const std::string& type, const std::string& cid);
void send_error(raw_peer& peer, const msg::error_msg& fields);
// Answers a call with that error.
attack failing_with(const std::function<msg::error_msg(const std::string& cid)>& error);

}  // namespace raw
