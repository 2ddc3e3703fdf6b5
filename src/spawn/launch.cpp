// SPDX-License-Identifier: Apache-2.0

#include "launch.hpp"

#include <fcntl.h>
#include <spawn.h>

#include <climits>
#include <csignal>
#include <cstring>
#include <vector>

#include "process_title.hpp"
#include "program.hpp"
#include "tractor/base/error.hpp"

namespace tractor::spawn::detail {

namespace {

constexpr const char* running_image = "/proc/self/exe";

class file_actions {
 public:
  file_actions() { check(::posix_spawn_file_actions_init(&actions_)); }
  ~file_actions() { ::posix_spawn_file_actions_destroy(&actions_); }
  file_actions(const file_actions&) = delete;
  file_actions& operator=(const file_actions&) = delete;

  void dup2(int source, int target) { check(::posix_spawn_file_actions_adddup2(&actions_, source, target)); }
  void close(int fd) { check(::posix_spawn_file_actions_addclose(&actions_, fd)); }
  void close_from(int fd) { check(::posix_spawn_file_actions_addclosefrom_np(&actions_, fd)); }
  [[nodiscard]] const posix_spawn_file_actions_t* get() const noexcept { return &actions_; }

 private:
  static void check(int error) {
    if (error != 0) throw_os_error("posix_spawn_file_actions", error);
  }
  posix_spawn_file_actions_t actions_;
};

class spawn_attributes {
 public:
  explicit spawn_attributes(bool all_signals_blocked) {
    if (const int error = ::posix_spawnattr_init(&attributes_); error != 0) throw_os_error("posix_spawnattr_init", error);
    sigset_t all, mask;
    std::memset(&all, 0xff, sizeof(all));  // sigfillset leaves out the C library's own signals, which would then be ignored
    all_signals_blocked ? ::sigfillset(&mask) : ::sigemptyset(&mask);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setsigmask(&attributes_, &mask);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  }
  ~spawn_attributes() { ::posix_spawnattr_destroy(&attributes_); }
  spawn_attributes(const spawn_attributes&) = delete;
  spawn_attributes& operator=(const spawn_attributes&) = delete;

  [[nodiscard]] const posix_spawnattr_t* get() const noexcept { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

// The sources out of the way of the targets, so that no dup2 overwrites a source of a later one.
std::vector<unique_fd> lift_sources(const launch_plan& plan) {
  std::vector<unique_fd> lifted;
  for (const inherited_descriptor& descriptor : plan.descriptors)
    lifted.emplace_back(check_syscall(::fcntl(descriptor.source, F_DUPFD_CLOEXEC, first_free_fd), "fcntl(F_DUPFD_CLOEXEC)"));
  return lifted;
}

std::string name_of_image(const std::string& executable) {
  if (!executable.empty()) return executable;
  char path[PATH_MAX];
  const ssize_t bytes = ::readlink(running_image, path, sizeof(path));
  return bytes > 0 ? "this program, " + std::string(path, static_cast<std::size_t>(bytes)) : running_image;
}

}  // namespace

pid_t launch(const launch_plan& plan) {
  const std::vector<unique_fd> sources = lift_sources(plan);
  file_actions actions;
  int next = STDIN_FILENO;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const int target = plan.descriptors[i].target;
    for (; next < target; ++next)
      if (next != STDOUT_FILENO) actions.close(next);
    actions.dup2(sources[i].get(), target);
    next = target + 1;
  }
  actions.close_from(next);

  const spawn_attributes attributes(plan.all_signals_blocked);
  std::string title = plan.title, role = plan.role, room(title_bytes_max, '.');
  char* const arguments[] = {title.data(), role.data(), room.data(), nullptr};
  const char* path = plan.executable.empty() ? running_image : plan.executable.c_str();
  pid_t pid = -1;
  if (const int error = ::posix_spawn(&pid, path, actions.get(), attributes.get(), arguments, plan.environment); error != 0)
    throw_os_error("execute " + name_of_image(plan.executable), error);
  return pid;
}

}  // namespace tractor::spawn::detail
