// SPDX-License-Identifier: Apache-2.0
//
// Listening, and reaching an actor by its address.
//
//     tractor::actor_options options{.enable_modules = {"greeter"}, .bind_addrs = {ipc::tcp_address{"127.0.0.1", 0}}};
//     …
//     int three = co_await tractor::open_portal(address, [](tractor::portal& worker) -> sc::task<int> {
//       co_return co_await worker.run<&add>(1, 2);
//     });
//
// An actor serves every peer that completes the handshake within `handshake_timeout`: its calls run as tasks of the actor. A peer
// that does not, or breaks the protocol later, loses its connection; the actor goes on. Beside its bind_addrs an actor listens at its
// control socket in the runtime directory, unless the root is told otherwise (root_options::control_socket). Where it has no bind_addrs and
// the registry is at a TCP address, it listens at a port of its own, of the same interface or the one that leads there; beyond loopback
// only in a tree with a secret, or one that is `insecure`. Parent and child need none of it: they talk over a descriptor that the child is
// born with.

#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "tractor/ipc/listener.hpp"
#include "tractor/runtime/actor.hpp"
#include "tractor/runtime/portal.hpp"

namespace tractor {

inline constexpr std::size_t connections_max = 4096;  // of one actor at a time, from accept on; one more is hung up on
// Of them those that have not said yet who they are, so that an actor keeps descriptors for what it has to do. When there is one more the
// oldest of them is hung up on. Or so large a part of the process's soft limit of descriptors, where that is less.
inline constexpr std::size_t handshakes_max = 1024;
inline constexpr std::size_t handshakes_share = 4;  // a quarter
// None of them is hung up on sooner than this; until then a new one waits to be accepted.
inline constexpr auto handshake_grace = std::chrono::milliseconds(20);

// After an accept that failed, and might again, an actor waits so long before the next one.
inline constexpr auto accept_retry_pause = std::chrono::milliseconds(500);

// Has the current actor listen there, until it ends, and tells the registry; gives the address with the port that the system chose. Who
// listens at a wildcard address is registered at the addresses of this machine by which those who ask the registry reach it. Throws what
// ipc::listen throws, and runtime_failure when its tasks have ended already: nobody would be served (S-SRV-2), or when the table of the
// registry is full: then it listens, and is not found there.
TRACTOR_API ipc::address listen_on(const ipc::address& where, ipc::listen_options options = {});

// Where the current actor listens.
[[nodiscard]] TRACTOR_API std::vector<ipc::address> accept_addresses();

namespace detail {
TRACTOR_API ipc::address listen_for(actor& self, const ipc::address& where, ipc::listen_options options);
[[nodiscard]] TRACTOR_API sc::task<> with_portal(ipc::address to, std::function<sc::task<>(portal&)> body);
// Connects and learns who is there: a peer of `self`, that nobody serves yet.
[[nodiscard]] sc::task<std::shared_ptr<peer>> connect_peer(actor& self, ipc::address to);
// Serves it until its channel ends.
void serve_peer(actor& self, std::shared_ptr<peer> link);
// Serves it while `body` runs, then disconnects.
[[nodiscard]] sc::task<> use_portal(actor& self, std::shared_ptr<peer> link, std::function<sc::task<>(portal&)> body);
}  // namespace detail

// Connects to the actor that listens at `to`, runs `body(portal&)` and disconnects. Throws os_error when nobody listens there, and
// transport_closed when nobody answers within `handshake_timeout`, or who does is no actor, or does not say who it is in that time.
template <class Body>
[[nodiscard]] auto open_portal(ipc::address to, Body body) -> std::invoke_result_t<Body&, portal&> {
  using value_type = typename std::invoke_result_t<Body&, portal&>::value_type;
  if constexpr (std::is_void_v<value_type>) {
    co_await detail::with_portal(std::move(to), [&](portal& there) -> sc::task<> { return body(there); });
  } else {
    std::optional<value_type> value;
    co_await detail::with_portal(std::move(to), [&](portal& there) -> sc::task<> { value.emplace(co_await body(there)); });
    co_return std::move(*value);
  }
}

}  // namespace tractor
