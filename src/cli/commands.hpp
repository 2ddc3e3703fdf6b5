// SPDX-License-Identifier: Apache-2.0
//
// The subcommands of `tractor`, one function each; each gives the exit status. A mistake of the user's is a usage_error.

#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tractor/ipc/address.hpp"
#include "tractor/sc/task.hpp"

namespace tractor::cli {

// --- this machine's live actors: show.cpp, top.cpp ---
[[nodiscard]] sc::task<int> ps(bool json);
// The different names that fit into a line.
[[nodiscard]] sc::task<int> names();
// Each second, `count` times; 0: until it is interrupted, or the keys say so: q quits; j, k choose; c cancels, d dumps, m and u sort. JSON
// is an array a line. What goes elsewhere than to a terminal has no codes for one, and is printed once unless `count` says how often.
[[nodiscard]] sc::task<int> top(std::size_t count, bool json);
[[nodiscard]] sc::task<int> tree(std::string who, bool json);
[[nodiscard]] sc::task<int> dump(std::string who);
[[nodiscard]] sc::task<int> describe(std::string who, bool json);
[[nodiscard]] sc::task<int> cancel(std::string who);

// --- by name, through a registrar: lookup.cpp ---
// What was said, else TRACTOR_REGISTRY, else the registry of the runtime directory.
[[nodiscard]] std::vector<ipc::address> registries(const std::vector<std::string>& said);
[[nodiscard]] sc::task<int> find(std::string name, std::vector<ipc::address> registry, bool json);
[[nodiscard]] sc::task<int> watch(std::string prefix, std::vector<ipc::address> registry, bool json);
struct call_request {
  std::string name;                    // of the actor
  std::string function;                // MODULE.FUNCTION
  std::vector<std::string> arguments;  // key=value
  bool stream = false;
};
[[nodiscard]] sc::task<int> call(call_request request, std::vector<ipc::address> registry);
// Runs a registrar and nothing else until it is interrupted.
[[nodiscard]] int registrar(std::vector<ipc::address> registry);

// --- what is left behind, and what will hurt: reap.cpp, doctor.cpp ---
struct reap_request {
  int parent = 0;      // the actors below that process; 0: those that have no parent left
  double grace_s = 3;  // between SIGINT and SIGKILL
  bool look_only = false;
  bool sockets = true;
  bool registry = false;  // also the registry's file, when nobody listens there
  bool json = false;
};
[[nodiscard]] int reap(const reap_request& request);
[[nodiscard]] int doctor(bool json);

// --- bench.cpp ---
// Starts actors and calls them, for about so long each.
[[nodiscard]] sc::task<int> bench(double seconds, bool json);

}  // namespace tractor::cli
