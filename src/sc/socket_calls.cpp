// SPDX-License-Identifier: Apache-2.0

#include "socket_calls.hpp"

#include <arpa/inet.h>
#include <net/if.h>

#include <charconv>
#include <cstring>

#include "tractor/sc/socket_listener.hpp"

namespace tractor::sc::detail {

unique_fd open_socket(int family) {
  return unique_fd(check_syscall(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket()"));
}

void prepare_socket(int fd) {
  const int flags = check_syscall(::fcntl(fd, F_GETFL), "fcntl(F_GETFL) of a socket");
  if ((flags & O_NONBLOCK) == 0) check_syscall(::fcntl(fd, F_SETFL, flags | O_NONBLOCK), "fcntl(F_SETFL) of a socket");
  check_syscall(::fcntl(fd, F_SETFD, FD_CLOEXEC), "fcntl(F_SETFD) of a socket");
}

void set_option(int fd, int level, int option, const char* option_name) {
  const int on = 1;
  if (::setsockopt(fd, level, option, &on, sizeof on) != 0) throw_os_error(std::string("setsockopt(") + option_name + ")", errno);
}

accept_failure classify_accept_error(int error) noexcept {
  switch (error) {
    case EAGAIN: return accept_failure::would_block;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: return accept_failure::out_of_resources;
    // What was wrong with the connection that would have been next; accept(2) says to go on.
    case EINTR:
    case ECONNABORTED:
    case EPERM:
    case EPROTO:
    case ENOPROTOOPT:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET: return accept_failure::connection_lost;
    default: return accept_failure::fatal;
  }
}

socket_name unix_name(const char* doing, const std::string& path) {
  if (path.empty()) throw os_error(std::string(doing) + "(): the path of the socket is empty", EINVAL);
  if (const std::size_t nul = path.find('\0'); nul != std::string::npos)
    throw os_error(std::string(doing) + "(" + path.substr(0, nul) + "…): the path has a NUL byte", EINVAL);
  if (path.size() > unix_path_bytes_max)
    throw os_error(std::string(doing) + "(" + path + "): the path has " + std::to_string(path.size()) + " bytes, a socket's may have " +
                       std::to_string(unix_path_bytes_max),
                   ENAMETOOLONG);
  static_assert(sizeof(sockaddr_un::sun_path) == unix_path_bytes_max + 1);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.c_str(), path.size() + 1);
  socket_name result;
  std::memcpy(&result.storage, &name, sizeof name);
  result.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return result;
}

namespace {

// Of a link-local address the link, by name or number: "eth0", "2". 0: there is none of that name.
std::uint32_t scope_of(const std::string& zone) {
  std::uint32_t number = 0;
  const char* const end = zone.data() + zone.size();
  if (const auto read = std::from_chars(zone.data(), end, number); read.ec == std::errc() && read.ptr == end) return number;
  if (const std::uint32_t index = ::if_nametoindex(zone.c_str()); index != 0 || errno == ENODEV || errno == ENXIO) return index;
  throw_os_error("if_nametoindex(" + zone + ")", errno);
}

std::string zone_text(std::uint32_t scope) {
  char name[IF_NAMESIZE] = {};
  return "%" + (::if_indextoname(scope, name) != nullptr ? std::string(name) : std::to_string(scope));
}

}  // namespace

socket_name tcp_name(const char* doing, const std::string& host, std::uint16_t port) {
  socket_name result;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&result.storage, &v4, sizeof v4);
    result.length = sizeof v4;
  } else if (const std::size_t zone = host.find('%'); ::inet_pton(AF_INET6, host.substr(0, zone).c_str(), &v6.sin6_addr) == 1) {
    if (zone != std::string::npos) {
      v6.sin6_scope_id = scope_of(host.substr(zone + 1));
      if (v6.sin6_scope_id == 0)
        throw os_error(std::string(doing) + "(" + to_text(host, port) + "): there is no network interface of that name", ENODEV);
    }
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&result.storage, &v6, sizeof v6);
    result.length = sizeof v6;
  } else {
    throw os_error(std::string(doing) + "(" + to_text(host, port) + "): the host is not an IPv4 or IPv6 address; names are not resolved",
                   EINVAL);
  }
  return result;
}

std::optional<tcp_endpoint> to_endpoint(const socket_name& name) {
  char text[INET6_ADDRSTRLEN] = {};
  if (name.family() == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &name.storage, sizeof v4);
    if (::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text) == nullptr) return std::nullopt;
    return tcp_endpoint{.host = text, .port = ntohs(v4.sin_port)};
  }
  if (name.family() == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, &name.storage, sizeof v6);
    if (::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text) == nullptr) return std::nullopt;
    return tcp_endpoint{.host = text + (v6.sin6_scope_id != 0 ? zone_text(v6.sin6_scope_id) : std::string()), .port = ntohs(v6.sin6_port)};
  }
  return std::nullopt;
}

std::optional<std::string> to_path(const socket_name& name) {
  if (name.family() != AF_UNIX || name.length <= offsetof(sockaddr_un, sun_path)) return std::nullopt;
  sockaddr_un named{};
  std::memcpy(&named, &name.storage, sizeof named);
  if (named.sun_path[0] == '\0') return std::nullopt;
  return std::string(named.sun_path, ::strnlen(named.sun_path, name.length - offsetof(sockaddr_un, sun_path)));
}

std::string to_text(const std::string& host, std::uint16_t port) {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace tractor::sc::detail
