// SPDX-License-Identifier: Apache-2.0

#include "registration.hpp"

#include <sys/types.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
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

bool is_ipv6(const std::string& host) { return host.contains(':'); }

void add_if_new(std::vector<ipc::address>& to, ipc::tcp_address where) {
  ipc::address one = std::move(where);
  if (std::ranges::find(to, one) == to.end()) to.push_back(std::move(one));
}

}  // namespace

bool names_registry() noexcept {
  const char* const set = std::getenv(registry_variable);
  return set != nullptr && *set != '\0';
}

std::vector<ipc::address> default_registry_addrs() {
  std::vector<ipc::address> addrs;
  const char* const set = std::getenv(registry_variable);
  if (!names_registry()) {
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

bool is_beyond_loopback(const ipc::address& where) { return where.tcp() != nullptr && !where.tcp()->is_loopback(); }

bool all_here(const std::vector<ipc::address>& registry_addrs) { return std::ranges::all_of(registry_addrs, is_here); }

bool covers(const ipc::address& listening, const ipc::address& where) {
  const auto *const at = listening.tcp(), *const wanted = where.tcp();
  if (at == nullptr || wanted == nullptr) return listening == where;
  if (at->port != wanted->port || at->port == 0) return false;  // any port is none in particular
  return at->host == wanted->host || (at->is_wildcard() && is_ipv6(at->host) == is_ipv6(wanted->host) && is_here(where));
}

std::vector<ipc::address> default_bind_addrs(const actor& self, const std::vector<ipc::address>& registry_addrs) {
  std::vector<ipc::address> addrs;
  for (const auto& registry : registry_addrs) {
    const auto* const tcp = registry.tcp();
    if (tcp == nullptr) continue;
    if (is_ipv6(tcp->host) && !ipc::has_ipv6()) continue;
    if (tcp->is_loopback()) {
      add_if_new(addrs, {.host = tcp->host, .port = 0});
    } else if (self.may_listen_anywhere()) {
      const auto hosts = tcp->is_wildcard() ? std::vector{tcp->host} : ipc::hosts_beside(registry);
      for (const auto& host : hosts) add_if_new(addrs, {.host = host, .port = 0});
    }
  }
  return addrs;
}

std::vector<ipc::address> addresses_to_tell(const ipc::address& bound, const std::vector<ipc::address>& registry_addrs) {
  const auto* const tcp = bound.tcp();
  const bool means_one_machine = tcp != nullptr && !tcp->is_loopback();
  if (!means_one_machine && !all_here(registry_addrs)) return {};
  if (tcp == nullptr || !tcp->is_wildcard()) return {bound};
  const bool v6 = is_ipv6(tcp->host);
  std::vector<ipc::address> addrs;
  for (const auto& registry : registry_addrs)
    for (const auto& host : ipc::hosts_beside(registry))
      if (is_ipv6(host) == v6) add_if_new(addrs, {.host = host, .port = tcp->port});
  if (addrs.empty() && all_here(registry_addrs)) add_if_new(addrs, {.host = v6 ? "::1" : "127.0.0.1", .port = tcp->port});
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
  for (const auto& listener : self.listeners())
    std::ranges::move(addresses_to_tell(listener->local(), self.directory().registry_addrs()), std::back_inserter(addrs));
  return addrs;
}

}  // namespace tractor::detail
