// SPDX-License-Identifier: Apache-2.0
//
// What the actors of the tests of lookups can do: module "find_actor_test".

#pragma once

#include <string>

#include "tractor/tractor.hpp"

namespace find_actor_test {

namespace sc = tractor::sc;

sc::task<std::string> own_name();
sc::task<int> own_pid();
// What the actor `name` says that it is called; "nobody" when there is none.
sc::task<std::string> ask_name(std::string name);
sc::task<std::string> ask_name_when_there(std::string name);
// Two answers, of which the first block ends before the second has asked.
sc::task<std::string> ask_name_in_two_blocks(std::string name);
// Starts an actor and looks for it at once, ten times: whether it was always there.
sc::task<bool> start_and_look(bool by_exec);
// Starts an actor, says so, and holds it until the context is cancelled.
sc::task<> hold_one(tractor::context<std::string>& ctx, std::string name, bool by_exec);
sc::task<> stop_listening();

// What get_root, and get_registrar, lead to: name, or the uuid.
sc::task<std::string> ask_root_name();
sc::task<std::string> root_uuid();
sc::task<std::string> registrar_uuid();
// Starts an actor and gives what that knows of its root.
sc::task<std::string> root_uuid_from_below(bool by_exec);

// "+a" for one that is registered, "-a" for one that is removed.
std::string text(const tractor::actor_event& event);

}  // namespace find_actor_test
