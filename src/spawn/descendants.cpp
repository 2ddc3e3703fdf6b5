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

#include "actor_mark.hpp"
#include "tractor/base/fd.hpp"

namespace tractor::spawn::detail {

namespace {

constexpr std::size_t children_text_bytes_max = std::size_t{8} << 20;  // a million pids
constexpr std::size_t texts_bytes_max = std::size_t{8} << 20;          // more than an environment may have

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

// Of /proc/PID/stat what comes after the comm, which may hold anything but ends with the last parenthesis: from the third field on.
template <std::size_t Bytes>
const char* read_status(long pid, char (&text)[Bytes]) noexcept {
  char path[48];
  std::snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
  const unique_fd file(::open(path, O_RDONLY | O_CLOEXEC));
  const ssize_t bytes = file ? retry_eintr([&] { return ::read(file.get(), text, sizeof(text) - 1); }) : -1;
  if (bytes <= 0) return nullptr;
  text[bytes] = '\0';
  const char* after_comm = std::strrchr(text, ')');
  return after_comm == nullptr ? nullptr : after_comm + 1;
}

pid_t parent_of(long pid) {
  char text[512];
  int parent = -1;
  const char* fields = read_status(pid, text);
  return fields != nullptr && std::sscanf(fields, " %*c %d", &parent) == 1 ? parent : -1;
}

// A file of /proc that holds texts, each with a NUL behind it.
std::string read_texts(pid_t pid, const char* name) {
  char path[48];
  std::snprintf(path, sizeof(path), "/proc/%d/%s", static_cast<int>(pid), name);
  const unique_fd file(::open(path, O_RDONLY | O_CLOEXEC));
  std::string text;
  char buffer[4096];
  while (file && text.size() < texts_bytes_max) {
    const ssize_t got = retry_eintr([&] { return ::read(file.get(), buffer, sizeof(buffer)); });
    if (got <= 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

// As set_actor_title writes it.
std::optional<pid_t> titled_actor(pid_t pid) {
  const std::string titles = read_texts(pid, "cmdline");
  const char* const at = std::strrchr(titles.c_str(), '@');
  int actor = 0;
  if (at == nullptr || !titles.starts_with("_subactor[") || std::sscanf(at, "@%d]", &actor) != 1) return std::nullopt;
  return actor;
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

std::uint64_t start_time(pid_t pid) noexcept {
  char text[1024];
  unsigned long long ticks = 0;
  const char* fields = read_status(pid, text);
  const char* format = " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu";  // the 22nd
  return fields != nullptr && std::sscanf(fields, format, &ticks) == 1 ? ticks : 0;
}

std::optional<pid_t> marked_actor(pid_t pid, pid_t server) {
  const std::string environment = read_texts(pid, "environ");
  for (std::size_t at = 0; at < environment.size(); at += std::strlen(environment.c_str() + at) + 1)
    if (const auto actor = actor_of_mark(environment.c_str() + at, server)) return actor;
  return titled_actor(pid);
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
