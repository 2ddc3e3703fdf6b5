// SPDX-License-Identifier: Apache-2.0

#include "tractor/ipc/interfaces.hpp"

#include <ifaddrs.h>
#include <net/if.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>

#include "sc/socket_calls.hpp"
#include "tractor/sc/udp_socket.hpp"

namespace tractor::ipc {

namespace {

using sc::detail::socket_name;

// Nothing for a link-local address whose link is none of this machine's.
std::optional<socket_name> name_of(const tcp_address& where) {
  try {
    return sc::detail::tcp_name("distance_to", where.host, where.port);
  } catch (const os_error&) {
    return std::nullopt;
  }
}

// Of the interfaces that are up; of a link-local one with the link, fe80::1%eth0.
std::vector<std::string> interface_hosts() {
  std::vector<std::string> hosts;
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return hosts;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> held(all, &::freeifaddrs);
  for (const ifaddrs* at = all; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || (at->ifa_flags & IFF_UP) == 0) continue;
    socket_name name;
    if (at->ifa_addr->sa_family == AF_INET)
      name.length = sizeof(sockaddr_in);
    else if (at->ifa_addr->sa_family == AF_INET6)
      name.length = sizeof(sockaddr_in6);
    else
      continue;
    std::memcpy(&name.storage, at->ifa_addr, name.length);
    hosts.push_back(to_endpoint(name)->host);
  }
  return hosts;
}

bool is_interface(const tcp_address& where) {
  const auto name = name_of(where);
  if (!name) return false;
  const auto own = interface_hosts();
  return std::ranges::find(own, to_endpoint(*name)->host) != own.end();  // there are several ways to write one
}

// What connecting a datagram socket decides: nothing is sent.
std::optional<std::string> host_towards(const tcp_address& to) {
  try {
    sc::udp_socket socket(to.host.contains(':') ? sc::address_family::ipv6 : sc::address_family::ipv4);
    socket.connect({.host = to.host, .port = to.port});
    return socket.local_endpoint().host;
  } catch (const os_error&) {
    return std::nullopt;  // there is no way
  }
}

}  // namespace

distance distance_to(const address& where) {
  const tcp_address* const tcp = where.tcp();
  if (tcp == nullptr) return where.dns() != nullptr ? distance::elsewhere : distance::here;
  return tcp->is_loopback() || tcp->is_wildcard() || is_interface(*tcp) ? distance::this_machine : distance::elsewhere;
}

bool has_ipv6() {
  return std::ranges::any_of(interface_hosts(), [](const auto& host) { return host.contains(':'); });
}

std::vector<std::string> hosts_beside(const address& where) {
  const tcp_address* const tcp = where.tcp();
  if (tcp == nullptr || tcp->is_loopback()) return {"127.0.0.1", "::1"};
  if (tcp->is_wildcard()) {
    auto hosts = interface_hosts();
    std::erase_if(hosts, [](const auto& host) {
      const bool is_link_local = host.contains('%') || host.starts_with("169.254.");
      return is_link_local || tcp_address{.host = host}.is_loopback();
    });
    if (hosts.size() > interface_hosts_max) hosts.resize(interface_hosts_max);
    return hosts;
  }
  if (is_interface(*tcp)) return {tcp->host};
  const auto from = host_towards(*tcp);
  return from ? std::vector{*from} : std::vector<std::string>();
}

}  // namespace tractor::ipc
