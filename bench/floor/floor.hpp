// SPDX-License-Identifier: Apache-2.0
//
// What the floor programs share: options, pinning, the clock, child processes that cannot outlive their parent, and the
// output line. A floor is the least the operating system and the language ask for a job; nothing here is on a measured path
// but `now_ns`. Any failure ends the program with a sentence; the kernel then kills its children (PR_SET_PDEATHSIG).
#pragma once

#include "../statistics.hpp"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

namespace raw {

inline constexpr unsigned lifetime_s_max = 120;

[[noreturn]] inline void fail(const char* what) {
  std::fprintf(stderr, "floor: %s: %s\n", what, std::strerror(errno));
  std::_Exit(1);
}

template <class Integer>
Integer check(Integer result, const char* what) {
  if (result < 0) fail(what);
  return result;
}

inline double now_ns() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

// A negative cpu leaves the scheduler free.
inline void pin(int cpu) {
  if (cpu < 0) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  check(::sched_setaffinity(0, sizeof set, &set), "cannot pin to the cpu asked for");
}

// First call in every child: it dies with `parent`, also when that died before this call.
inline void die_with(pid_t parent) {
  check(::prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
  if (::getppid() != parent) std::_Exit(1);
}

// Last call about every child: it has been told to end, and is not left to init as a zombie.
inline void reap(pid_t child) {
  int status = 0;
  check(::waitpid(child, &status, 0), "waitpid");
  if (status != 0) errno = ECHILD, fail("a child ended badly");
}

struct options {
  std::size_t n = 1000;
  int cpu = -1;   // of the program and, unless cpu2 says otherwise, of its peer
  int cpu2 = -1;  // of the peer
  std::string mode, exe;
};

// `--n N --cpu C --cpu2 C --mode WORD --exe PATH`; also arms the alarm that bounds the program's life.
inline options begin(int argc, char** argv) {
  options o;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : "";
    if (name == "--n")
      o.n = std::strtoul(value, nullptr, 10);
    else if (name == "--cpu")
      o.cpu = std::atoi(value);
    else if (name == "--cpu2")
      o.cpu2 = std::atoi(value);
    else if (name == "--mode")
      o.mode = value;
    else if (name == "--exe")
      o.exe = value;
    else
      errno = EINVAL, fail(argv[i]);
  }
  if (o.n == 0) errno = EINVAL, fail("--n must be a positive number");
  if (o.cpu2 < 0) o.cpu2 = o.cpu;
  ::alarm(lifetime_s_max);
  pin(o.cpu);
  return o;
}

inline const char* placement(const options& o) { return o.cpu < 0 ? "free" : o.cpu == o.cpu2 ? "same_core" : "two_cores"; }

inline void report(const std::string& id, const char* unit, const std::vector<double>& samples) {
  std::fputs(bench::format_line({id, unit, bench::summarise(samples)}).c_str(), stdout);
}

}  // namespace raw
