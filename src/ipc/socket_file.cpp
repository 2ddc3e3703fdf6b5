// SPDX-License-Identifier: Apache-2.0

#include "tractor/ipc/socket_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "blake2s.hpp"
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

}  // namespace tractor::ipc
