// SPDX-License-Identifier: Apache-2.0
//
// Ends what is left of trees whose root is gone, and removes their socket files (S-REAP, S-SCR-1). Only what is provably ours: processes of
// this user whose title says that they are actors and that have no parent left (or are below a process that was named), and what descends
// from them; socket files NAME@PID.sock of processes that are gone, on which nobody listens.

#include <signal.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>
#include <vector>

#include "commands.hpp"
#include "process.hpp"
#include "spawn/pidfd.hpp"
#include "text.hpp"
#include "tractor/base/fd.hpp"
#include "tractor/ipc/runtime_directory.hpp"
#include "tractor/ipc/socket_file.hpp"

namespace tractor::cli {

namespace {

constexpr int look_again_ms = 250;

struct target {
  process_facts process;
  unique_fd pidfd;  // its number may be another process's by the time that it is signalled
};

bool is_nobodys(const process_facts& process, const std::map<pid_t, process_facts>& all) {
  // In a container the root of a tree may be the first process of all, and the parent of whoever has none.
  if (process.parent == 1) return !ipc::has_socket_file(ipc::runtime_directory_path(), 1);
  const auto parent = all.find(process.parent);  // a user's service manager adopts too
  return parent != all.end() && parent->second.command.find("systemd --user") != std::string::npos;
}

bool is_below(pid_t ancestor, const process_facts& process, const std::map<pid_t, process_facts>& all) {
  const process_facts* at = &process;
  for (std::size_t steps = 0; steps < all.size(); ++steps) {  // what was read one after the other may go in a circle
    if (at->parent == ancestor) return true;
    const auto parent = all.find(at->parent);
    if (parent == all.end()) return false;
    at = &parent->second;
  }
  return false;
}

std::vector<target> targets_of(const reap_request& request) {
  std::map<pid_t, process_facts> all;
  for (auto& process : own_processes()) all.emplace(process.pid, process);
  if (request.parent != 0 && !facts_of(request.parent)) throw error("there is no process " + std::to_string(request.parent));
  std::set<pid_t> meant;
  const auto is_meant = [&](const process_facts& process) {
    return request.parent != 0 ? is_below(request.parent, process, all) : is_nobodys(process, all);
  };
  for (const auto& [pid, process] : all)
    if (is_subactor(process) && process.state != 'Z' && is_meant(process)) meant.insert(pid);
  for (bool grows = true; grows;) {
    grows = false;
    for (const auto& [pid, process] : all)
      if (process.state != 'Z' && meant.contains(process.parent)) grows = meant.insert(pid).second || grows;
  }
  std::vector<target> found;
  for (const pid_t pid : meant) {
    unique_fd pidfd(spawn::detail::open_pidfd(pid));
    const auto now = facts_of(pid);
    if (pidfd && now && now->start_ticks == all[pid].start_ticks) found.push_back({.process = *now, .pidfd = std::move(pidfd)});
  }
  return found;
}

// A zombie is gone: it is for who adopted it.
bool is_gone(const target& of) { return spawn::detail::has_ended(of.pidfd.get()); }

void signal_all(std::vector<target>& targets, int number) {
  for (auto& of : targets) static_cast<void>(spawn::detail::signal_pidfd(of.pidfd.get(), number));
}

// What is left after so long.
void wait_for(std::vector<target>& targets, double seconds) {
  for (double waited = 0; !targets.empty() && waited <= seconds; waited += look_again_ms / 1e3) {
    std::erase_if(targets, is_gone);
    if (targets.empty()) return;
    const timespec pause{.tv_sec = 0, .tv_nsec = look_again_ms * 1'000'000L};
    ::nanosleep(&pause, nullptr);
  }
  std::erase_if(targets, is_gone);
}

}  // namespace

int reap(const reap_request& request) {
  auto targets = targets_of(request);
  nlohmann::ordered_json report{{"processes", nlohmann::ordered_json::array()}};
  std::vector<process_facts> meant;
  for (const auto& of : targets) {
    report["processes"].push_back({{"pid", of.process.pid}, {"command", of.process.command}});
    meant.push_back(of.process);
  }
  std::size_t killed = 0, stayed = 0;
  if (!request.look_only && !targets.empty()) {
    signal_all(targets, SIGINT);
    wait_for(targets, request.grace_s);
    killed = targets.size();
    if (killed != 0) {
      signal_all(targets, SIGKILL);
      wait_for(targets, 1);
      stayed = targets.size();
    }
  }
  std::string text;
  for (const auto& process : meant) {
    const bool has_stayed = stayed != 0 && std::ranges::any_of(targets, [&](const target& of) { return of.process.pid == process.pid; });
    const char* const what = request.look_only ? "would end " : has_stayed ? "could not end " : "ended ";
    text += what + process.command + " (pid " + std::to_string(process.pid) + ")\n";
  }
  std::vector<std::string> sockets;
  if (request.sockets)
    sockets = ipc::sweep_sockets_of_dead(
        ipc::runtime_directory_path(), request.registry ? ipc::registry_sweep::swept : ipc::registry_sweep::spared, {}, request.look_only);
  std::ranges::sort(sockets);
  for (const auto& file : sockets) text += (request.look_only ? "would remove " : "removed ") + file + "\n";
  report["killed"] = killed;
  report["stayed"] = stayed;
  report["sockets"] = sockets;
  if (killed != 0) text += std::to_string(killed) + " needed SIGKILL\n";
  if (text.empty()) text = "nothing is left behind\n";
  std::fputs(request.json ? (report.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n").c_str() : text.c_str(),
             stdout);
  return killed != 0 || stayed != 0 ? 1 : 0;
}

}  // namespace tractor::cli
