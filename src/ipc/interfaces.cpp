// SPDX-License-Identifier: Apache-2.0

#include "tractor/ipc/interfaces.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <cstring>
#include <memory>

namespace tractor::ipc {

namespace {

bool is_interface(const std::string& host) {
  in_addr v4{};
  in6_addr v6{};
  const bool is_v4 = ::inet_pton(AF_INET, host.c_str(), &v4) == 1;
  if (!is_v4 && ::inet_pton(AF_INET6, host.c_str(), &v6) != 1) return false;
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return false;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> held(all, &::freeifaddrs);
  for (const ifaddrs* at = all; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr) continue;
    if (is_v4 && at->ifa_addr->sa_family == AF_INET) {
      sockaddr_in own{};
      std::memcpy(&own, at->ifa_addr, sizeof(own));
      if (own.sin_addr.s_addr == v4.s_addr) return true;
    } else if (!is_v4 && at->ifa_addr->sa_family == AF_INET6) {
      sockaddr_in6 own{};
      std::memcpy(&own, at->ifa_addr, sizeof(own));
      if (std::memcmp(&own.sin6_addr, &v6, sizeof(v6)) == 0) return true;
    }
  }
  return false;
}

}  // namespace

distance distance_to(const address& where) {
  const tcp_address* const tcp = where.tcp();
  if (tcp == nullptr) return where.dns() != nullptr ? distance::elsewhere : distance::here;
  return tcp->is_loopback() || is_interface(tcp->host) ? distance::this_machine : distance::elsewhere;
}

}  // namespace tractor::ipc
