// SPDX-License-Identifier: Apache-2.0
//
// What on this machine will hurt, and how to mend it.

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "commands.hpp"
#include "spawn/pidfd.hpp"
#include "text.hpp"
#include "tractor/base/fd.hpp"
#include "tractor/ipc/runtime_directory.hpp"
#include "tractor/ipc/socket_file.hpp"
#include "tractor/sc/socket_listener.hpp"

namespace tractor::cli {

namespace {

enum class verdict : unsigned char {
  good,
  note,  // usual, and enough for most: no reason to end with 1
  bad,
};

struct finding {
  std::string what;
  verdict how = verdict::good;
  std::string is;
  std::string mend{};  // of one that is not good
};

const char* mark(verdict how) {
  switch (how) {
    case verdict::good: return "ok";
    case verdict::note: return "--";
    case verdict::bad: break;
  }
  return "!!";
}

// What is enough, or not.
verdict good_if(bool enough) { return enough ? verdict::good : verdict::bad; }

std::optional<long> number_in(const std::string& path) {
  std::ifstream file(path);
  long number = 0;
  if (file >> number) return number;
  return std::nullopt;
}

finding runtime_directory_state() {
  const std::string path = ipc::runtime_directory_path();
  try {
    ipc::runtime_directory();
  } catch (const error& unsafe) {
    return {.what = "runtime directory",
            .how = verdict::bad,
            .is = unsafe.what(),
            .mend = "move what is there out of the way, or set XDG_RUNTIME_DIR to a directory of yours with mode 0700"};
  }
  constexpr std::size_t room_for_a_name = 32;
  if (path.size() + room_for_a_name > sc::unix_path_bytes_max)
    return {.what = "runtime directory",
            .how = verdict::bad,
            .is = path + " leaves " + std::to_string(sc::unix_path_bytes_max - std::min(path.size(), sc::unix_path_bytes_max)) +
                  " bytes for the names of sockets, which will be replaced by hashes",
            .mend = "set XDG_RUNTIME_DIR to a shorter path"};
  return {.what = "runtime directory", .is = path};
}

finding descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  // The soft limit is what counts: nobody raises it, neither the program for itself nor a parent for its actors.
  constexpr rlim_t needed = 1024, comfortable = 4096;
  finding found{.what = "open files", .is = std::to_string(limit.rlim_cur) + " (at most " + std::to_string(limit.rlim_max) + ")"};
  if (limit.rlim_cur >= comfortable) return found;
  found.how = limit.rlim_cur >= needed ? verdict::note : verdict::bad;
  found.mend = "an actor needs about three for each one that it starts, and inherits this limit: ulimit -n 4096 before the program starts";
  found.mend += limit.rlim_max >= comfortable ? " (LimitNOFILE of a service)"
                                              : ", after raising the hard limit (limits.conf, LimitNOFILE of a service)";
  return found;
}

finding processes() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NPROC, &limit);
  constexpr rlim_t wanted = 1024;
  finding found{.what = "processes",
                .how = good_if(limit.rlim_max == RLIM_INFINITY || limit.rlim_max >= wanted),
                .is = limit.rlim_max == RLIM_INFINITY ? std::string("no limit") : std::to_string(limit.rlim_max)};
  if (found.how != verdict::good) found.mend = "raise it (ulimit -u, limits.conf, or TasksMax of the service)";
  return found;
}

finding pidfds() {
  const unique_fd own(spawn::detail::open_pidfd(::getpid()));
  utsname system{};
  ::uname(&system);
  finding found{.what = "pidfd_open", .how = good_if(static_cast<bool>(own)), .is = std::string("Linux ") + system.release};
  if (found.how != verdict::good)
    found.mend = "actors cannot be watched without: use Linux 5.3 or later, and allow the call in the sandbox";
  return found;
}

finding ptrace_scope() {
  const auto scope = number_in("/proc/sys/kernel/yama/ptrace_scope");
  finding found{.what = "ptrace scope", .is = scope ? std::to_string(*scope) : "not restricted"};
  if (scope.value_or(0) != 0) found.how = *scope == 1 ? verdict::note : verdict::bad;  // 1: as Debian and Ubuntu have it
  if (found.how != verdict::good)
    found.mend = "a debugger cannot attach to an actor that it did not start: sysctl kernel.yama.ptrace_scope=0 while you debug";
  return found;
}

finding shared_memory() {
  struct statvfs shm{};
  if (::statvfs("/dev/shm", &shm) != 0)
    return {.what = "shared memory", .how = verdict::bad, .is = "/dev/shm is not there", .mend = "mount a tmpfs there"};
  const auto bytes = static_cast<std::uint64_t>(shm.f_bavail) * shm.f_frsize;
  constexpr std::uint64_t wanted = 64'000'000;
  finding found{.what = "shared memory", .how = good_if(bytes >= wanted), .is = bytes_text(bytes) + " free in /dev/shm"};
  if (found.how != verdict::good) found.mend = "containers have little by default: --shm-size=1g";
  return found;
}

finding backlog() {
  const auto most = number_in("/proc/sys/net/core/somaxconn");
  finding found{.what = "backlog of listeners",
                .how = good_if(most.value_or(sc::listen_backlog) >= sc::listen_backlog),
                .is = most ? std::to_string(*most) : "unknown"};
  if (found.how != verdict::good) found.mend = "sysctl net.core.somaxconn=" + std::to_string(sc::listen_backlog) + " or more";
  return found;
}

finding leftovers() {
  const auto stale = ipc::sweep_sockets_of_dead(ipc::runtime_directory_path(), ipc::registry_sweep::spared, {}, true);
  finding found{
      .what = "left behind", .how = good_if(stale.empty()), .is = std::to_string(stale.size()) + " sockets of actors that were killed"};
  if (found.how != verdict::good) found.mend = "tractor reap";
  return found;
}

}  // namespace

int doctor(bool json) {
  const std::vector<finding> findings{runtime_directory_state(), pidfds(),       descriptors(), processes(), backlog(),
                                      shared_memory(),           ptrace_scope(), leftovers()};
  bool all_good = true;
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  std::vector<std::vector<std::string>> rows;
  std::string mending;
  for (const auto& found : findings) {
    all_good = all_good && found.how != verdict::bad;
    list.push_back({{"what", found.what}, {"good", found.how != verdict::bad}, {"is", found.is}, {"mend", found.mend}});
    rows.push_back({mark(found.how), found.what, found.is});
    if (found.how != verdict::good) mending += "\n" + found.what + ": " + found.mend + "\n";
  }
  std::fputs(json ? (list.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n").c_str()
                  : (table_text(rows) + mending).c_str(),
             stdout);
  return all_good ? 0 : 1;
}

}  // namespace tractor::cli
