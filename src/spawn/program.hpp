// SPDX-License-Identifier: Apache-2.0
//
// This program as something that can be executed again: what child_entry noted, and the roles an execution can have.

#pragma once

#include <sys/types.h>

#include <string_view>

#include "process_title.hpp"
#include "tractor/spawn/child_entry.hpp"
#include "world.hpp"

namespace tractor::spawn::detail {

class fork_server;

// Facts about the process, like its argument vector; written by child_entry, before any thread exists.
struct program_record {
  bool noted = false;
  actor_entry entry = nullptr;
  prewarm_hook prewarm = nullptr;
  process_title title;
  fork_server* server = nullptr;             // in a fork server and in what it forks: never destroyed, and here a leak checker finds it
  environment_block* environment = nullptr;  // of a forked actor that was given variables of its own; never freed
};

extern constinit program_record this_program;

inline constexpr const char* fork_server_role = "--tractor-role=fork-server";
inline constexpr const char* actor_role = "--tractor-role=actor";

// The descriptors that an execution begins with, from 3 on. A forked actor has the first two of an executed one.
inline constexpr int actor_link_fd = 3;
inline constexpr int actor_requests_fd = 4;
inline constexpr int actor_boot_fd = 5;
inline constexpr int server_root_fd = 3;
inline constexpr int server_requests_write_fd = 4;
inline constexpr int server_requests_read_fd = 5;
inline constexpr int first_free_fd = 6;

// The exit status of a process that could not take up its role; the reason is on its stderr.
inline constexpr int role_failed_status = 127;

// Says "tractor: TEXT" on stderr, with errno where `errno_value` is not 0, and ends the process at once.
[[noreturn]] void role_failed(const char* text, int errno_value) noexcept;

// SIGKILL when the parent dies; ends the process where it has died already. `parent` is who it must be.
void die_with_parent(pid_t parent) noexcept;

// "_subactor[NAME@PID]" (S-RT-21). `self` is the pid of this process, which the caller has asked for anyhow.
void set_actor_title(std::string_view name, pid_t self) noexcept;

[[noreturn]] void run_fork_server() noexcept;

}  // namespace tractor::spawn::detail
