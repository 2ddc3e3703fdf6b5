// SPDX-License-Identifier: Apache-2.0

#include "tractor/ipc/runtime_directory.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>
#include <vector>

#include "tractor/base/fd.hpp"
#include "tractor/msg/quoted.hpp"

namespace tractor::ipc {

namespace {

constexpr mode_t private_mode = S_IRWXU;

bool is_directory(const std::string& path) noexcept {
  struct stat found{};
  return ::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

// The directory that others answer for, and the name of ours in it.
struct place {
  std::string base;
  std::string name;
  [[nodiscard]] std::string path() const { return base + "/" + name; }
};

place place_of(const runtime_directory_source& from) {
  const std::string uid = std::to_string(from.uid);
  if (from.xdg_runtime_dir && from.xdg_runtime_dir->starts_with('/')) {
    std::string base = *from.xdg_runtime_dir;
    while (base.size() > 1 && base.ends_with('/')) base.pop_back();
    return {std::move(base), "tractor"};
  }
  if (const std::string users = from.run_user + "/" + uid; is_directory(users)) return {users, "tractor"};
  return {from.temporary, "tractor-" + uid};
}

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
  throw os_error("unsafe runtime directory " + path + ": " + reason, EPERM);
}

const char* kind_of(mode_t mode) noexcept {
  if (S_ISLNK(mode)) return "it is a symbolic link";
  if (S_ISREG(mode)) return "it is a file, not a directory";
  if (S_ISSOCK(mode)) return "it is a socket, not a directory";
  return "it is not a directory";
}

// Makes `name` in `parent` unless it is there, and gives it opened when it is a directory of `uid`, with mode 0700.
unique_fd enter_own(const unique_fd& parent, const std::string& name, const std::string& path, uid_t uid) {
  if (::mkdirat(parent.get(), name.c_str(), private_mode) != 0 && errno != EEXIST) throw_os_error("mkdir(" + path + ")", errno);
  // O_PATH needs no permission on the directory itself, so that one of ours with a broken mode can be repaired.
  unique_fd opened(::openat(parent.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC));
  struct stat found{};
  if (!opened) {
    const int error = errno;
    if (::fstatat(parent.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(found.st_mode))
      refuse(path, kind_of(found.st_mode));
    throw_os_error("open(" + path + ")", error);
  }
  if (::fstat(opened.get(), &found) != 0) throw_os_error("fstat(" + path + ")", errno);
  if (found.st_uid != uid) refuse(path, "it belongs to uid " + std::to_string(found.st_uid) + ", not to uid " + std::to_string(uid));
  if ((found.st_mode & 07777) != private_mode) {
    // fchmod() refuses an O_PATH descriptor; its entry in /proc names this very directory.
    const std::string self = "/proc/self/fd/" + std::to_string(opened.get());
    if (::chmod(self.c_str(), private_mode) != 0) throw_os_error("chmod(" + path + ", 0700)", errno);
  }
  return opened;
}

std::vector<std::string> components_of(std::string_view subdir) {
  std::vector<std::string> parts;
  if (subdir.starts_with('/')) throw usage_error("a subdirectory of the runtime directory is relative, not " + msg::quoted(subdir));
  while (!subdir.empty()) {
    const std::size_t end = std::min(subdir.find('/'), subdir.size());
    const std::string_view part = subdir.substr(0, end);
    subdir.remove_prefix(std::min(end + 1, subdir.size()));
    if (part == "..") throw usage_error("a subdirectory of the runtime directory has no '..' in it");
    if (part.find('\0') != std::string_view::npos) throw usage_error("a subdirectory of the runtime directory has no NUL byte in it");
    if (!part.empty() && part != ".") parts.emplace_back(part);
  }
  return parts;
}

}  // namespace

runtime_directory_source runtime_directory_source::of_this_process() {
  runtime_directory_source from;
  if (const char* const set = std::getenv("XDG_RUNTIME_DIR")) from.xdg_runtime_dir = set;
  from.uid = ::geteuid();
  return from;
}

std::string runtime_directory_path(const runtime_directory_source& from) { return place_of(from).path(); }

std::string runtime_directory(std::string_view subdir, const runtime_directory_source& from) {
  const std::vector<std::string> parts = components_of(subdir);
  const place where = place_of(from);
  // Links are followed here: what is above is the system's, or what the user set.
  unique_fd base(::open(where.base.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!base) throw_os_error("the directory " + where.base + ", in which the runtime directory belongs", errno);
  std::string path = where.path();
  unique_fd here = enter_own(base, where.name, path, from.uid);
  for (const std::string& part : parts) {
    path += "/" + part;
    here = enter_own(here, part, path, from.uid);
  }
  return path;
}

void make_directories(const std::string& path) {
  for (std::size_t at = 1; at <= path.size(); ++at) {
    if (at < path.size() && path[at] != '/') continue;
    const std::string above = path.substr(0, at);
    // Somebody else may make it at the same time; what counts is that it is there.
    if (::mkdir(above.c_str(), private_mode) == 0) continue;
    const int error = errno;
    if (!is_directory(above)) throw_os_error("mkdir(" + above + ")", error == EEXIST ? ENOTDIR : error);
  }
}

}  // namespace tractor::ipc
