// SPDX-License-Identifier: Apache-2.0
//
// What the kernel knows of a process.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tractor::cli {

struct process_facts {
  pid_t pid = 0;
  pid_t parent = 0;
  char state = '?';               // as in /proc/PID/stat: R, S, T, Z, …
  std::uint64_t start_ticks = 0;  // since boot
  double uptime_s = 0;
  double cpu_s = 0;                // user and system
  double cpu_percent = 0;          // of one core, over its life
  std::uint64_t memory_bytes = 0;  // resident
  std::string command{};           // its command line, spaces between; "[name]" where it has none
};

// Nothing where it is gone, or /proc is.
[[nodiscard]] std::optional<process_facts> facts_of(pid_t pid);
// Whether it has a handler for the signal, so that it does not die of it.
[[nodiscard]] bool catches(pid_t pid, int signal);
// All of this user's.
[[nodiscard]] std::vector<process_facts> own_processes();
// A process that is an actor by its title: `_subactor[…]` (S-PRC-2).
[[nodiscard]] bool is_subactor(const process_facts& process);

}  // namespace tractor::cli
