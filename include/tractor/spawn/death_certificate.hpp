// SPDX-License-Identifier: Apache-2.0
//
// How a process ended: exit status or signal, and what it used. Written by whoever waited for it: the fork server, or the
// requester itself for an exec'd child. `lost` is a process whose status nobody can know.

#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "tractor/base/config.hpp"

struct rusage;

namespace tractor::spawn {

// The part of rusage that Linux fills in. The process and the children it waited for.
struct resource_usage {
  std::chrono::microseconds user_time{};
  std::chrono::microseconds system_time{};
  std::int64_t resident_max_kib = 0;
  std::int64_t minor_faults = 0;
  std::int64_t major_faults = 0;
  std::int64_t voluntary_switches = 0;
  std::int64_t involuntary_switches = 0;

  [[nodiscard]] static TRACTOR_API resource_usage from_rusage(const ::rusage& usage) noexcept;
};

enum class death_kind : unsigned char {
  exited,    // code() is its exit status
  signaled,  // signal() killed it
  lost,      // nobody could wait for it; `lost_because` says why
};

struct death_certificate {
  pid_t pid = -1;
  death_kind kind = death_kind::lost;
  int exit_status = 0;  // of exited
  int signal = 0;       // of signaled
  bool core_dumped = false;
  resource_usage usage{};
  std::string lost_because{};  // of lost, e.g. "lost with the fork server"

  // Out of a wait status as wait4 reports it.
  [[nodiscard]] static TRACTOR_API death_certificate from_wait_status(pid_t pid, int wait_status, const resource_usage& usage);
  [[nodiscard]] static TRACTOR_API death_certificate lost(pid_t pid, std::string because);

  [[nodiscard]] bool clean() const noexcept { return kind == death_kind::exited && exit_status == 0; }
  [[nodiscard]] bool killed_by(int number) const noexcept { return kind == death_kind::signaled && signal == number; }

  // "exit status 3", "killed by SIGKILL", "killed by SIGSEGV (core dumped)", "lost with the fork server".
  [[nodiscard]] TRACTOR_API std::string text() const;
};

}  // namespace tractor::spawn
