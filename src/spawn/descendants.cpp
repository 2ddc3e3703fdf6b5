// SPDX-License-Identifier: Apache-2.0

#include "descendants.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "tractor/base/fd.hpp"

namespace tractor::spawn::detail {

namespace {

constexpr std::size_t children_text_bytes_max = std::size_t{8} << 20;  // a million pids

struct close_directory {
  void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

// Calls `visit(number)` for every entry whose name is one.
template <class Visit>
bool for_each_number(const char* path, Visit visit) {
  const std::unique_ptr<DIR, close_directory> directory(::opendir(path));
  if (!directory) return false;
  while (const dirent* entry = ::readdir(directory.get())) {
    char* end = nullptr;
    const long number = std::strtol(entry->d_name, &end, 10);
    if (end != entry->d_name && *end == '\0') visit(number);
  }
  return true;
}

// The fourth field of /proc/PID/stat; the second, the comm, may hold anything but ends with the last parenthesis.
pid_t parent_of(long pid) {
  char path[48], text[512];
  std::snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
  const unique_fd file(::open(path, O_RDONLY | O_CLOEXEC));
  const ssize_t bytes = file ? retry_eintr([&] { return ::read(file.get(), text, sizeof(text) - 1); }) : -1;
  if (bytes <= 0) return -1;
  text[bytes] = '\0';
  const char* after_comm = std::strrchr(text, ')');
  if (after_comm == nullptr) return -1;
  int parent = -1;
  return std::sscanf(after_comm + 1, " %*c %d", &parent) == 1 ? parent : -1;
}

}  // namespace

std::vector<pid_t> list_children() {
  char path[64];
  std::snprintf(path, sizeof(path), "/proc/self/task/%d/children", static_cast<int>(::getpid()));
  const unique_fd file(::open(path, O_RDONLY | O_CLOEXEC));
  if (!file) return list_children_by_walk();
  std::string text(4096, '\0');
  std::size_t used = 0;
  for (;;) {
    if (used == text.size()) {
      if (text.size() >= children_text_bytes_max) break;
      text.resize(text.size() * 2);
    }
    const ssize_t got = retry_eintr([&] { return ::read(file.get(), text.data() + used, text.size() - used); });
    if (got <= 0) break;
    used += static_cast<std::size_t>(got);
  }
  text.resize(used);
  std::vector<pid_t> children;
  for (const char* at = text.c_str(); *at != '\0';) {
    char* end = nullptr;
    const long pid = std::strtol(at, &end, 10);
    if (end == at) break;
    children.push_back(static_cast<pid_t>(pid));
    at = end;
    while (*at == ' ') ++at;
  }
  return children;
}

std::vector<pid_t> list_children_by_walk() {
  std::vector<pid_t> children;
  const pid_t self = ::getpid();
  for_each_number("/proc", [&](long pid) {
    if (parent_of(pid) == self) children.push_back(static_cast<pid_t>(pid));
  });
  return children;
}

std::uint64_t stderr_pipe_inode(pid_t pid) noexcept {
  char path[48], target[64];
  std::snprintf(path, sizeof(path), "/proc/%d/fd/2", static_cast<int>(pid));
  const ssize_t bytes = ::readlink(path, target, sizeof(target) - 1);
  if (bytes <= 0) return 0;
  target[bytes] = '\0';
  unsigned long long inode = 0;
  return std::sscanf(target, "pipe:[%llu]", &inode) == 1 ? inode : 0;
}

std::size_t count_own_threads() {
  std::size_t threads = 0;
  for_each_number("/proc/self/task", [&](long) { ++threads; });
  return threads;
}

int highest_descriptor() {
  std::vector<int> open;
  for_each_number("/proc/self/fd", [&](long fd) { open.push_back(static_cast<int>(fd)); });
  int highest = -1;
  for (const int fd : open)  // one of them was the listing's own, and is closed by now
    if (fd > highest && ::fcntl(fd, F_GETFD) >= 0) highest = fd;
  return highest;
}

bool adopt_orphans(bool adopt) noexcept {
  int before = 0;
  ::prctl(PR_GET_CHILD_SUBREAPER, &before);
  ::prctl(PR_SET_CHILD_SUBREAPER, adopt ? 1 : 0);
  return before != 0;
}

void reap_dead_children() noexcept {
  while (retry_eintr([] { return ::waitpid(-1, nullptr, WNOHANG); }) > 0) {
  }
}

}  // namespace tractor::spawn::detail
