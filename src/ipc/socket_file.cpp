// SPDX-License-Identifier: Apache-2.0

#include "tractor/ipc/socket_file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <memory>
#include <new>
#include <optional>

#include "blake2s.hpp"
#include "tractor/base/fd.hpp"
#include "tractor/ipc/runtime_directory.hpp"
#include "tractor/sc/socket_listener.hpp"

namespace tractor::ipc {

namespace {

std::size_t path_bytes(std::string_view dir, std::string_view file) noexcept {
  return dir.size() + (dir.ends_with('/') ? 0 : 1) + file.size();
}

}  // namespace

std::string socket_file_name(std::string_view actor_name, pid_t pid, std::string_view dir) {
  const std::string suffix = "@" + std::to_string(pid) + ".sock";
  std::string plain = std::string(actor_name) + suffix;
  const bool unsafe = actor_name.find('\0') != std::string_view::npos || actor_name.find('/') != std::string_view::npos;
  const bool over_budget = path_bytes(dir, plain) > sc::unix_path_bytes_max;
  if (!unsafe && !over_budget) return plain;

  std::string compact = "actor." + blake2s_128_hex(actor_name) + suffix;
  if (path_bytes(dir, compact) <= sc::unix_path_bytes_max) return compact;
  throw address_error("no socket file name fits below the directory " + std::string(dir) + ": the actor's name is " +
                      (unsafe ? "unsafe as a file name" : "too long") + ", and with " + compact + " in its place the path has " +
                      std::to_string(path_bytes(dir, compact)) + " bytes of " + std::to_string(sc::unix_path_bytes_max));
}

uds_address default_uds_address(std::string_view actor_name, pid_t pid) {
  std::string dir = runtime_directory();
  std::string file = socket_file_name(actor_name, pid, dir);
  return {.dir = std::move(dir), .file = std::move(file)};
}

std::string name_without_runtime(bool is_root, std::uint32_t random_bits) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string name = is_root ? "no_runtime_root." : "no_runtime_actor.";
  for (int shift = 28; shift >= 0; shift -= 4) name += digits[random_bits >> shift & 15];
  return name;
}

bool remove_socket_of_dead(const uds_address& where) noexcept {
  try {
    const std::string path = where.path();
    struct stat found{};
    return ::lstat(path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode) && ::unlink(path.c_str()) == 0;
  } catch (...) {
    return false;
  }
}

bool remove_default_socket_of_dead(std::string_view actor_name, pid_t pid) noexcept {
  try {
    const std::string dir = runtime_directory_path();
    return remove_socket_of_dead({.dir = dir, .file = socket_file_name(actor_name, pid, dir)});
  } catch (...) {
    return false;  // best effort: a name that no file was ever made for
  }
}

namespace {

// The pid of NAME@PID.sock.
std::optional<pid_t> pid_in(std::string_view file) noexcept {
  constexpr std::string_view ending = ".sock";
  if (!file.ends_with(ending)) return std::nullopt;
  file.remove_suffix(ending.size());
  const std::size_t at = file.rfind('@');
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view digits = file.substr(at + 1);
  pid_t pid = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), pid);
  if (failed != std::errc() || end != digits.data() + digits.size() || pid <= 0) return std::nullopt;
  return pid;
}

// Gone, or dead and not waited for.
bool is_dead(pid_t pid) {
  if (::kill(pid, 0) != 0) return errno == ESRCH;
  const unique_fd stat(::open(("/proc/" + std::to_string(pid) + "/stat").c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 256> text;
  const auto read = stat ? ::read(stat.get(), text.data(), text.size()) : 0;
  const std::string_view line(text.data(), static_cast<std::size_t>(std::max<ssize_t>(read, 0)));
  const std::size_t name_end = line.rfind(") ");  // the name before it may hold anything
  return name_end != std::string_view::npos && name_end + 2 < line.size() && (line[name_end + 2] == 'Z' || line[name_end + 2] == 'X');
}

bool nobody_listens(const std::string& path) noexcept {
  sockaddr_un name{.sun_family = AF_UNIX, .sun_path = {}};
  if (path.size() > sc::unix_path_bytes_max) return false;
  std::copy(path.begin(), path.end(), name.sun_path);
  const unique_fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  return probe && ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) != 0 && errno == ECONNREFUSED;
}

}  // namespace

std::vector<std::string> socket_files_named(const std::string& dir, std::string_view actor_name) {
  std::vector<std::string> found;
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(dir.c_str()), &::closedir);
  if (!open) return found;
  while (const dirent* const entry = ::readdir(open.get())) {
    const std::string_view file = entry->d_name;
    if (pid_in(file) && file.substr(0, file.rfind('@')) == actor_name) found.emplace_back(file);
  }
  return found;
}

bool has_socket_file(const std::string& dir, pid_t pid) noexcept {
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(dir.c_str()), &::closedir);
  if (!open) return false;
  while (const dirent* const entry = ::readdir(open.get()))
    if (pid_in(entry->d_name) == pid) return true;
  return false;
}

std::vector<std::string> sweep_sockets_of_dead(const std::string& dir, registry_sweep registry, std::span<const pid_t> known_dead,
                                               bool look_only) noexcept {
  std::vector<std::string> found;
  try {
    const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(dir.c_str()), &::closedir);
    if (!open) return found;
    // Who takes over the registry's file has the lock while it looks and binds.
    const bool may_sweep_registry = registry == registry_sweep::swept && ::flock(::dirfd(open.get()), LOCK_EX | LOCK_NB) == 0;
    while (const dirent* const entry = ::readdir(open.get())) {
      const std::string file = entry->d_name;
      if (file == registry_file) {
        if (!may_sweep_registry) continue;
      } else {
        const auto pid = pid_in(file);
        if (!pid) continue;
        if (std::ranges::find(known_dead, *pid) == known_dead.end() && !is_dead(*pid)) continue;
      }
      struct stat status{};
      const std::string path = dir + "/" + file;
      if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode) || status.st_uid != ::geteuid() || !nobody_listens(path))
        continue;
      if (look_only || ::unlink(path.c_str()) == 0) found.push_back(file);
    }
  } catch (const std::bad_alloc&) {
    // What was not looked at stays.
  }
  return found;
}

}  // namespace tractor::ipc
