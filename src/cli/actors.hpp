// SPDX-License-Identifier: Apache-2.0
//
// The live actors of this user on this machine: found by their control sockets, in no registry.

#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "process.hpp"
#include "tractor/runtime/control.hpp"
#include "tractor/runtime/portal.hpp"
#include "tractor/sc/task.hpp"

namespace tractor::cli {

inline constexpr auto answer_timeout = std::chrono::milliseconds(50);  // nobody of those asked gives a sign of life: the rest are busy
inline constexpr auto answers_timeout = std::chrono::seconds(1);       // however many do
inline constexpr std::size_t asked_in_turn = 128;                      // more that answer at once leave no processor to who asks
inline constexpr auto turn_timeout = std::chrono::milliseconds(2);     // none of them has answered: as many more are asked
inline constexpr std::size_t asked_at_once_max = 512;                  // fewer where that are too many descriptors

struct live_actor {
  std::string name;  // as its socket file has it, until it has answered
  pid_t pid = 0;
  ipc::address control;
  std::optional<actor_status> status;  // none: it is busy
  std::optional<process_facts> process;
};

// "greeter (pid 3123)".
[[nodiscard]] std::string text_of(const live_actor& actor);

// A root for this command, which nobody else sees: gives what `body` gives.
[[nodiscard]] int run_command(const std::function<sc::task<int>()>& body);

// Whatever has a control socket in the runtime directory on which somebody listens, and a live process, asked for its status.
[[nodiscard]] sc::task<std::vector<live_actor>> all_actors();
// Those that `who` names: a pid, a name, or the beginning of a uuid. Throws a usage_error when there is none.
[[nodiscard]] sc::task<std::vector<live_actor>> actors_called(std::string who);
// The one that `who` names. Throws a usage_error that lists them when there are several.
[[nodiscard]] sc::task<live_actor> actor_called(std::string who);
// The same one asked anew. Throws an error when it has ended.
[[nodiscard]] sc::task<live_actor> asked_again(live_actor actor);

// A supervision tree: an actor, and those below it, the oldest first.
struct actor_tree {
  live_actor actor;
  std::vector<actor_tree> below;
};
[[nodiscard]] std::vector<actor_tree> trees_of(std::vector<live_actor> actors);

}  // namespace tractor::cli
