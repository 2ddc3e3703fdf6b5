// SPDX-License-Identifier: Apache-2.0

#include "world.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/single_threaded.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "fork_path.hpp"

namespace tractor::spawn::detail {

namespace {

// The kernel's struct sched_attr, version 0; glibc 2.36 has neither it nor the two calls.
struct scheduling_attributes {
  std::uint32_t size = sizeof(scheduling_attributes);
  std::uint32_t policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0, deadline = 0, period = 0;
};
static_assert(sizeof(scheduling_attributes) == 48);

constexpr std::uint64_t flag_reset_on_fork = 1;

// Only the kernel's own listing tells the umask without changing it for a moment.
mode_t listed_umask() noexcept {
  const unique_fd status(::open("/proc/self/status", O_RDONLY | O_CLOEXEC));
  char text[512];  // "Umask:" is the second line
  const ssize_t bytes = status ? retry_eintr([&] { return ::read(status.get(), text, sizeof(text) - 1); }) : -1;
  if (bytes > 0) {
    text[bytes] = '\0';
    if (const char* line = std::strstr(text, "\nUmask:")) return static_cast<mode_t>(std::strtoul(line + 7, nullptr, 8));
  }
  const mode_t mask = ::umask(077);
  ::umask(mask);
  return mask;
}

// Changing it and changing it back is exact while no other thread can create a file in between.
mode_t current_umask() noexcept {
  if (!__libc_single_threaded) return listed_umask();
  const mode_t mask = ::umask(077);
  ::umask(mask);
  return mask;
}

// The plain call takes a third of the time of prlimit64, which is what the C library uses; a capture makes sixteen.
long read_limit(std::size_t resource, rlimit& limit) noexcept {
#ifdef SYS_getrlimit
  return ::syscall(SYS_getrlimit, resource, &limit);
#else
  return ::getrlimit(static_cast<__rlimit_resource>(resource), &limit);
#endif
}

void capture_scheduling(world_facts& facts) noexcept {
  scheduling_attributes attributes;
  if (::syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0) != 0) {
    facts.policy = policy_unknown;
    return;
  }
  facts.policy = attributes.policy;
  facts.nice = attributes.nice;
  facts.priority = attributes.priority;
  if ((attributes.flags & flag_reset_on_fork) != 0) {  // as the kernel does it to a child that the requester forks
    if (facts.policy == SCHED_FIFO || facts.policy == SCHED_RR) {
      facts.policy = SCHED_OTHER;
      facts.nice = 0;
      facts.priority = 0;
    }
    facts.nice = std::max(facts.nice, 0);
  }
}

TRACTOR_FORK_PATH const char* apply_scheduling(const world_facts& wanted, const world_facts& have) noexcept {
  if (wanted.policy == policy_unknown || (wanted.policy == have.policy && wanted.nice == have.nice && wanted.priority == have.priority))
    return nullptr;
  scheduling_attributes attributes;
  attributes.policy = wanted.policy;
  attributes.nice = wanted.nice;
  attributes.priority = wanted.priority;
  return ::syscall(SYS_sched_setattr, 0, &attributes, 0) == 0 ? nullptr : "sched_setattr";
}

TRACTOR_FORK_PATH const char* apply_limits(const world_facts& wanted, const world_facts& have) noexcept {
  for (std::size_t resource = 0; resource < resource_limits; ++resource) {
    if (wanted.limits[resource] == have.limits[resource]) continue;
    const rlimit limit{wanted.limits[resource][0], wanted.limits[resource][1]};
    if (::setrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0) return "setrlimit";
  }
  return nullptr;
}

TRACTOR_FORK_PATH const char* apply_affinity(const world_facts& wanted, const world_facts& have) noexcept {
  if (wanted.affinity_bytes == 0 || (wanted.affinity_bytes == have.affinity_bytes && wanted.affinity == have.affinity)) return nullptr;
  return ::syscall(SYS_sched_setaffinity, 0, wanted.affinity_bytes, wanted.affinity.data()) == 0 ? nullptr : "sched_setaffinity";
}

}  // namespace

bool same_facts(const world_facts& a, const world_facts& b) noexcept { return std::memcmp(&a, &b, sizeof(a)) == 0; }

world_facts capture_world_facts() {
  world_facts facts;
  struct stat directory;
  check_syscall(::stat(".", &directory), "stat of the working directory");
  facts.directory_device = directory.st_dev;
  facts.directory_inode = directory.st_ino;
  for (std::size_t resource = 0; resource < resource_limits; ++resource) {
    rlimit limit;
    check_syscall(read_limit(resource, limit), "getrlimit");
    facts.limits[resource] = {limit.rlim_cur, limit.rlim_max};
  }
  facts.umask = current_umask();
  facts.process_group = ::getpgrp();
  facts.user = ::geteuid();
  facts.group = ::getegid();
  capture_scheduling(facts);
  const long bytes = ::syscall(SYS_sched_getaffinity, 0, facts.affinity.size(), facts.affinity.data());
  facts.affinity_bytes = bytes > 0 ? static_cast<std::uint32_t>(bytes) : 0;
  return facts;
}

TRACTOR_FORK_PATH const char* apply_world(const world_facts& wanted, const world_facts& have) noexcept {
  // Fails where the requester is in another session than the server; the child then stays in the server's group.
  if (wanted.process_group != have.process_group) ::setpgid(0, wanted.process_group);
  if (const char* failed = apply_scheduling(wanted, have)) return failed;
  if (const char* failed = apply_affinity(wanted, have)) return failed;
  return apply_limits(wanted, have);
}

}  // namespace tractor::spawn::detail
