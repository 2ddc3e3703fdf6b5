// SPDX-License-Identifier: Apache-2.0

#include "tractor/spawn/death_certificate.hpp"

#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <cstring>
#include <utility>

namespace tractor::spawn {

namespace {

std::chrono::microseconds to_microseconds(const timeval& time) noexcept {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

std::string signal_name(int signo) {
  if (const char* name = ::sigabbrev_np(signo)) return std::string("SIG") + name;
  return "signal " + std::to_string(signo);
}

}  // namespace

resource_usage resource_usage::from_rusage(const ::rusage& usage) noexcept {
  return {.user_time = to_microseconds(usage.ru_utime),
          .system_time = to_microseconds(usage.ru_stime),
          .resident_max_kib = usage.ru_maxrss,
          .minor_faults = usage.ru_minflt,
          .major_faults = usage.ru_majflt,
          .voluntary_switches = usage.ru_nvcsw,
          .involuntary_switches = usage.ru_nivcsw};
}

death_certificate death_certificate::from_wait_status(pid_t pid, int wait_status, const resource_usage& usage) {
  death_certificate certificate{.pid = pid, .usage = usage};
  if (WIFEXITED(wait_status)) {
    certificate.kind = death_kind::exited;
    certificate.exit_status = WEXITSTATUS(wait_status);
  } else {
    certificate.kind = death_kind::signaled;
    certificate.signal = WTERMSIG(wait_status);
    certificate.core_dumped = WCOREDUMP(wait_status) != 0;
  }
  return certificate;
}

death_certificate death_certificate::lost(pid_t pid, std::string because) {
  return {.pid = pid, .kind = death_kind::lost, .lost_because = std::move(because)};
}

std::string death_certificate::text() const {
  switch (kind) {
    case death_kind::exited: return "exit status " + std::to_string(exit_status);
    case death_kind::signaled: return "killed by " + signal_name(signal) + (core_dumped ? " (core dumped)" : "");
    case death_kind::lost: break;
  }
  return lost_because;
}

}  // namespace tractor::spawn
