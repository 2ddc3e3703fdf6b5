// SPDX-License-Identifier: Apache-2.0
//
// What a registrar's peers may call in it (S-REG-2), as functions of a module that no other actor has. register_actor and
// unregister_actor are not among them: they are about the connection that they come by (detail/directory.hpp).

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tractor/ipc/address.hpp"
#include "tractor/msg/ordered_map.hpp"
#include "tractor/msg/protocol.hpp"
#include "tractor/sc/generator.hpp"
#include "tractor/sc/task.hpp"

namespace tractor::detail {

inline constexpr std::string_view registrar_module = "self";  // the runtime's own name on the wire

inline constexpr std::size_t watch_backlog_max = 4096;  // changes that a watcher has not taken; then its watch ends, and it looks again

// One of the reference's; of others a peer is told no more than that it is unknown.
[[nodiscard]] bool is_registrar_method(std::string_view name) noexcept;
// Makes the module known to this process, which has a registrar now.
void define_registrar();

struct registered_event {
  bool is_there = true;      // registered, or its addresses have changed; false: it is gone
  bool is_snapshot = false;  // what is there already when the watch begins
  std::string name{};        // empty: the snapshot is complete
  std::string uuid{};
  std::vector<ipc::address> addrs{};
};

// In the registrar. The addresses of who is called that, or has that uuid; nullopt when nobody is.
[[nodiscard]] sc::task<std::optional<std::vector<ipc::address>>> find_in_registry(std::string name);
// The same, when there is one.
[[nodiscard]] sc::task<std::vector<ipc::address>> wait_in_registry(std::string name);
// Takes that address from who is registered there, if nobody is there any more, or somebody else: who it was, else nullopt. Whoever asks
// waits registry_probe_attempt_timeout at most.
[[nodiscard]] sc::task<std::optional<msg::uid>> delete_from_registry(ipc::address addr);
// "name.uuid" and the addresses, in the order of registration.
[[nodiscard]] sc::task<msg::ordered_map<std::string, std::vector<ipc::address>>> list_registry();
// What there is, then what changes, of actors whose name begins so.
[[nodiscard]] sc::generator<registered_event> watch_registry(std::string prefix);

}  // namespace tractor::detail
