// SPDX-License-Identifier: Apache-2.0
//
// What every actor tells whoever may connect to it: module `_control`, which nobody has to enable. The `tractor` command asks it; so can
// any peer.
//
//     co_await tractor::open_portal(address, [](tractor::portal& worker) -> sc::task<> {
//       const tractor::actor_status status = co_await worker.run_from_ns<tractor::actor_status>("_control", "status", {});
//     });

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tractor/base/config.hpp"
#include "tractor/ipc/address.hpp"
#include "tractor/sc/task.hpp"

namespace tractor {

inline constexpr std::string_view control_module = "_control";

// An actor that another one has started.
struct child_status {
  std::string name{};
  std::string uuid{};
  std::int64_t pid = 0;
};

struct actor_status {
  std::string name{};
  std::string uuid{};
  std::int64_t pid = 0;
  std::optional<std::string> parent_uuid{};  // none: it is a root
  std::optional<std::int64_t> parent_pid{};
  bool is_registrar = false;
  bool cancel_called = false;
  std::uint64_t running_calls = 0;  // tasks that peers asked for: calls, contexts, streams
  std::uint64_t peers = 0;
  std::vector<std::string> modules{};
  std::vector<ipc::address> addrs{};
  std::vector<ipc::address> registry_addrs{};
  std::vector<child_status> children{};
};

// A function that an actor exposes. Types are named as error messages name them.
struct function_description {
  std::string module{};
  std::string name{};
  std::string kind{};  // "asyncfunc", "asyncgen", "context"
  std::vector<std::string> argument_names{};
  std::vector<std::string> argument_types{};
  std::string result{};   // of a generator: of what it yields
  std::string started{};  // of a context: its first value, what it receives, what it sends
  std::string in{};
  std::string out{};
};

namespace detail {
// Makes the module known to this process. Idempotent.
void define_control();
}  // namespace detail

}  // namespace tractor
