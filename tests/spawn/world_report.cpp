// SPDX-License-Identifier: Apache-2.0

#include "world_report.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <vector>

namespace spawn_test {

namespace {

std::string link_target(const std::string& path) {
  std::string target(4096, '\0');
  const ssize_t bytes = ::readlink(path.c_str(), target.data(), target.size());
  target.resize(bytes > 0 ? static_cast<std::size_t>(bytes) : 0);
  // Sockets and pipes are told apart by their kind only.
  if (const auto bracket = target.find(":["); bracket != std::string::npos) target.resize(bracket);
  return target;
}

std::string without_own_pid(std::string text) {
  const std::string pid = std::to_string(::getpid());
  if (const auto at = text.find(pid); at != std::string::npos) text.replace(at, pid.size(), "PID");
  return text;
}

void describe_descriptors(std::ostream& out) {
  for (int fd = 0; fd < 1024; ++fd) {
    const int own_flags = ::fcntl(fd, F_GETFD);
    if (own_flags < 0) continue;
    out << "fd " << fd << ' ' << link_target("/proc/self/fd/" + std::to_string(fd)) << " flags " << std::oct << ::fcntl(fd, F_GETFL)
        << std::dec << " cloexec " << own_flags << '\n';
  }
}

// The thread sanitizer has a thread of its own from some time on, and a handler for what the C library tells threads with.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TRACTOR_TEST_UNDER_TSAN 1
#endif
#endif

void describe_signals(std::ostream& out) {
  std::vector<std::string_view> facts{"SigPnd", "ShdPnd", "SigBlk", "SigIgn", "Umask", "NoNewPrivs"};
#ifndef TRACTOR_TEST_UNDER_TSAN
  facts.insert(facts.end(), {"SigCgt", "Threads"});
#endif
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    for (const std::string_view fact : facts)
      if (line.starts_with(fact)) out << line << '\n';
}

void describe_environment(std::ostream& out) {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable)
    if (!std::string_view(*variable).starts_with("TRACTOR_ACTOR=")) variables.emplace_back(*variable);  // each has its own, or none
  std::ranges::sort(variables);
  for (const std::string& variable : variables) out << "env " << variable << '\n';
}

void describe_scheduling(std::ostream& out) {
  cpu_set_t processors;
  ::sched_getaffinity(0, sizeof(processors), &processors);
  out << "affinity";
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &processors)) out << ' ' << cpu;
  out << "\npolicy " << ::sched_getscheduler(0) << " nice " << ::getpriority(PRIO_PROCESS, 0) << '\n';
}

void describe_limits(std::ostream& out) {
  for (int resource = 0; resource < RLIMIT_NLIMITS; ++resource) {
    rlimit limit;
    ::getrlimit(static_cast<__rlimit_resource>(resource), &limit);
    out << "limit " << resource << ' ' << limit.rlim_cur << ' ' << limit.rlim_max << '\n';
  }
}

void describe_identity(std::ostream& out) {
  int death_signal = -1;
  ::prctl(PR_GET_PDEATHSIG, &death_signal);
  int subreaper = -1;
  ::prctl(PR_GET_CHILD_SUBREAPER, &subreaper);
  out << "session " << ::getsid(0) << " group " << ::getpgrp() << " death signal " << death_signal << " subreaper " << subreaper
      << " dumpable " << ::prctl(PR_GET_DUMPABLE) << '\n';
  std::ifstream title("/proc/self/cmdline"), comm("/proc/self/comm");
  std::string text;
  std::getline(title, text);
  text.erase(std::ranges::find(text, '\0'), text.end());
  out << "title " << without_own_pid(text) << '\n';
  std::getline(comm, text);
  out << "comm " << without_own_pid(text) << '\n';
}

}  // namespace

std::string describe_own_world() {
  std::ostringstream out;
  describe_descriptors(out);  // first: what follows opens files
  out << "cwd " << link_target("/proc/self/cwd") << '\n';
  describe_environment(out);
  describe_limits(out);
  describe_scheduling(out);
  describe_signals(out);
  describe_identity(out);
  return out.str();
}

}  // namespace spawn_test
