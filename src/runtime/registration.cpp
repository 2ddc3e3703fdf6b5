// SPDX-License-Identifier: Apache-2.0

#include "registration.hpp"

#include <sys/types.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "tractor/ipc/interfaces.hpp"
#include "tractor/ipc/runtime_directory.hpp"
#include "tractor/ipc/socket_file.hpp"
#include "tractor/runtime/detail/directory.hpp"
#include "tractor/runtime/server.hpp"

namespace tractor::detail {

namespace {

constexpr const char* registry_variable = "TRACTOR_REGISTRY";

bool is_here(const ipc::address& where) { return ipc::distance_to(where) != ipc::distance::elsewhere; }

}  // namespace

std::vector<ipc::address> default_registry_addrs() {
  std::vector<ipc::address> addrs;
  const char* const set = std::getenv(registry_variable);
  if (set == nullptr || *set == '\0') {
    addrs.emplace_back(ipc::uds_address{.dir = ipc::runtime_directory_path(), .file = std::string(ipc::registry_file)});
    return addrs;
  }
  std::string_view rest = set;
  if (rest == "none") return addrs;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(','), rest.size());
    addrs.push_back(ipc::address::parse(rest.substr(0, end)));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return addrs;
}

std::vector<ipc::address> default_bind_addrs(const std::vector<ipc::address>& registry_addrs) {
  std::vector<ipc::address> addrs;
  for (const auto& where : registry_addrs) {
    if (where.tcp() == nullptr || !where.tcp()->is_loopback()) continue;
    const ipc::address any_port = ipc::tcp_address{.host = where.tcp()->host, .port = 0};
    if (std::ranges::find(addrs, any_port) == addrs.end()) addrs.push_back(any_port);
  }
  return addrs;
}

void listen_at_control_socket(actor& self) {
  const std::string& dir = self.socket_dir();
  const auto pid = static_cast<pid_t>(self.aid().pid.value());  // every boot comes by here: one call of the system less
  // A dead file of that name is from an earlier process of this number.
  listen_for(self, ipc::uds_address{.dir = dir, .file = ipc::socket_file_name(self.name(), pid, dir)},
             {.replace_stale = true, .prepared = true});
}

std::vector<ipc::address> registered_addrs(actor& self) {
  std::vector<ipc::address> addrs;
  const bool all_here = self.has_directory() && std::ranges::all_of(self.directory().registry_addrs(), is_here);
  for (const auto& listener : self.listeners()) {
    const auto* const file = listener->local().uds();
    if (all_here || file == nullptr || file->dir != self.socket_dir()) addrs.push_back(listener->local());
  }
  return addrs;
}

}  // namespace tractor::detail
