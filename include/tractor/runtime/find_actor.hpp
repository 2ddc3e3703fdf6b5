// SPDX-License-Identifier: Apache-2.0
//
// Finding actors by name, in this tree and in others that have the same registrar.
//
//     co_await tractor::find_actor("greeter", [](std::optional<tractor::portal> found) -> sc::task<> {
//       if (found) int three = co_await found->run<&add>(1, 2);
//     });
//     co_await tractor::wait_for_actor("greeter", [](tractor::portal& greeter) -> sc::task<> { … });   // until there is one
//     co_await tractor::watch_actors("worker", [](tractor::actor_watch& watch) -> sc::task<> {
//       for (;;) { tractor::actor_event event = co_await watch.receive(); … }
//     });
//
// Every actor is registered, for its tree, when its start_actor returns, for other programs when it has answered a first call (S-BOOT-11),
// and is not any more when its process has ended. Names need not be unique: the last that was registered is found; an actor's uuid in place
// of its name finds exactly that one. Groups of actors have names that begin alike.
//
// The parent, and an actor that this one has started, are found without asking and reached over the connection that is there; any other
// over one that is made for the block, at the nearest of its addresses: a socket file, loopback or another address of this machine,
// anything else (S-DSC-8). Registrars are asked at the same time, and one that does not answer harms nobody as long as another one does. A
// registrar that is gone is waited for, `registry_failover_timeout` at most: another root takes its place.
//
//     co_await tractor::get_root([](tractor::portal& root) -> sc::task<> { … });              // of this tree
//     co_await tractor::get_registrar([](tractor::portal& registrar) -> sc::task<> { … });    // for what is not above; to cancel it
//
// All of these throw what their body throws, and:
//   runtime_failure   this tree has no registry, or no registrar answers
//   address_error     an address in the options that cannot be
//   transport_closed, os_error   out of find_actor, get_root and get_registrar: it is known where the actor is, and it cannot be reached
//                     there, or does not say who it is within `handshake_timeout`. (wait_for_actor tries again, and logs why; where nobody
//                     listens there is none.)

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tractor/discovery/registry.hpp"
#include "tractor/ipc/address.hpp"
#include "tractor/runtime/portal.hpp"
#include "tractor/runtime/root.hpp"
#include "tractor/sc/memory_channel.hpp"

namespace tractor {

using discovery::registered_actor;

struct find_options {
  std::vector<ipc::address> registry_addrs = {};  // whom to ask; empty: the registrars of this tree
  bool raise_on_none = false;                     // find_actor throws runtime_failure instead of giving the body nothing
};

// An actor came, or its addresses have changed, or it went.
struct actor_event {
  enum class kind : unsigned char { registered, removed };
  kind what = kind::registered;
  registered_actor who;
};

inline constexpr std::size_t watch_buffer_events = 64;  // that a watch's body has not received; more wait at the registrar

class TRACTOR_API actor_watch {
 public:
  explicit actor_watch(sc::memory_receive_channel<actor_event>& from) noexcept : from_(from) {}
  // First those that are there, then what changes. A checkpoint.
  [[nodiscard]] sc::task<actor_event> receive() { co_return co_await from_.receive(); }

 private:
  sc::memory_receive_channel<actor_event>& from_;
};

namespace detail {
using found_body = std::function<sc::task<>(std::optional<portal>)>;
[[nodiscard]] TRACTOR_API sc::task<> with_found(std::string name, find_options options, found_body body);
[[nodiscard]] TRACTOR_API sc::task<> with_awaited(std::string name, find_options options, found_body body);
[[nodiscard]] TRACTOR_API sc::task<> with_root(std::function<sc::task<>(portal&)> body);
[[nodiscard]] TRACTOR_API sc::task<> with_registrar(find_options options, std::function<sc::task<>(portal&)> body);
[[nodiscard]] TRACTOR_API sc::task<> with_watch(std::string prefix, find_options options, std::function<sc::task<>(actor_watch&)> body);
}  // namespace detail

// Runs `body` with a portal to the actor of that name, or with none; gives what the body gives.
template <class Body>
[[nodiscard]] auto find_actor(std::string name, Body body, find_options options = {})
    -> std::invoke_result_t<Body&, std::optional<portal>> {
  using value_type = typename std::invoke_result_t<Body&, std::optional<portal>>::value_type;
  if constexpr (std::is_void_v<value_type>) {
    co_await detail::with_found(std::move(name), std::move(options),
                                [&](std::optional<portal> found) -> sc::task<> { return body(std::move(found)); });
  } else {
    std::optional<value_type> value;
    co_await detail::with_found(std::move(name), std::move(options),
                                [&](std::optional<portal> found) -> sc::task<> { value.emplace(co_await body(std::move(found))); });
    co_return std::move(*value);
  }
}

// Waits until there is an actor of that name, for ever if need be, and runs `body(portal&)`; gives what the body gives.
template <class Body>
[[nodiscard]] auto wait_for_actor(std::string name, Body body, find_options options = {}) -> std::invoke_result_t<Body&, portal&> {
  using value_type = typename std::invoke_result_t<Body&, portal&>::value_type;
  if constexpr (std::is_void_v<value_type>) {
    co_await detail::with_awaited(std::move(name), std::move(options),
                                  [&](std::optional<portal> found) -> sc::task<> { co_await body(*found); });
  } else {
    std::optional<value_type> value;
    co_await detail::with_awaited(std::move(name), std::move(options),
                                  [&](std::optional<portal> found) -> sc::task<> { value.emplace(co_await body(*found)); });
    co_return std::move(*value);
  }
}

// Where the actor of that name is reached, without connecting to it; nullopt when there is none.
[[nodiscard]] TRACTOR_API sc::task<std::optional<std::vector<ipc::address>>> query_actor(std::string name, find_options options = {});

// All that the first registrar which answers knows, in the order of registration.
[[nodiscard]] TRACTOR_API sc::task<std::vector<registered_actor>> get_registry(find_options options = {});

// Runs `body(actor_watch&)` with the actors whose name begins with `prefix`: those that are there, then each that comes and goes. When the
// registrar changes, the watch goes on with its successor: what did not change in between is not told again.
template <class Body>
[[nodiscard]] auto watch_actors(std::string prefix, Body body, find_options options = {}) -> std::invoke_result_t<Body&, actor_watch&> {
  using value_type = typename std::invoke_result_t<Body&, actor_watch&>::value_type;
  if constexpr (std::is_void_v<value_type>) {
    co_await detail::with_watch(std::move(prefix), std::move(options), [&](actor_watch& watch) -> sc::task<> { return body(watch); });
  } else {
    std::optional<value_type> value;
    co_await detail::with_watch(std::move(prefix), std::move(options),
                                [&](actor_watch& watch) -> sc::task<> { value.emplace(co_await body(watch)); });
    co_return std::move(*value);
  }
}

// Runs `body(portal&)` with the root of this tree; gives what the body gives. The parent is reached over the connection that is there,
// where it is the root; else one is made, to the nearest of the root's addresses when this actor was started (S-DSC-7). In the root itself
// it is a connection to itself. Throws runtime_failure where the root listens nowhere, and what connecting throws.
template <class Body>
[[nodiscard]] auto get_root(Body body) -> std::invoke_result_t<Body&, portal&> {
  using value_type = typename std::invoke_result_t<Body&, portal&>::value_type;
  if constexpr (std::is_void_v<value_type>) {
    co_await detail::with_root([&](portal& root) -> sc::task<> { return body(root); });
  } else {
    std::optional<value_type> value;
    co_await detail::with_root([&](portal& root) -> sc::task<> { value.emplace(co_await body(root)); });
    co_return std::move(*value);
  }
}

// Runs `body(portal&)` with the first of the registrars that can be reached, over a connection for the block, also to this very actor
// (S-DSC-6); gives what the body gives. Throws what connecting to the last of them throws when none can.
template <class Body>
[[nodiscard]] auto get_registrar(Body body, find_options options = {}) -> std::invoke_result_t<Body&, portal&> {
  using value_type = typename std::invoke_result_t<Body&, portal&>::value_type;
  if constexpr (std::is_void_v<value_type>) {
    co_await detail::with_registrar(std::move(options), [&](portal& registrar) -> sc::task<> { return body(registrar); });
  } else {
    std::optional<value_type> value;
    co_await detail::with_registrar(std::move(options), [&](portal& registrar) -> sc::task<> { value.emplace(co_await body(registrar)); });
    co_return std::move(*value);
  }
}

// Opens a root actor that offers its modules, and sleeps until it is cancelled (S-BOOT-13).
[[nodiscard]] TRACTOR_API sc::task<> run_daemon(root_options options);

}  // namespace tractor
