// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/resolve.hpp"

#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>

#include "socket_calls.hpp"
#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/to_thread.hpp"

namespace tractor::sc {

namespace {

std::string code_name(int code) {
  switch (code) {
    case EAI_NONAME: return "EAI_NONAME";
    case EAI_AGAIN: return "EAI_AGAIN";
    case EAI_FAIL: return "EAI_FAIL";
    case EAI_FAMILY: return "EAI_FAMILY";
    case EAI_SERVICE: return "EAI_SERVICE";
    case EAI_MEMORY: return "EAI_MEMORY";
    case EAI_NODATA: return "EAI_NODATA";
    case EAI_ADDRFAMILY: return "EAI_ADDRFAMILY";
    case EAI_OVERFLOW: return "EAI_OVERFLOW";
    default: return "getaddrinfo error " + std::to_string(code);
  }
}

std::string call_text(const std::string& host, const std::string& service) { return "resolve(" + host + ", " + service + ")"; }

[[noreturn]] void throw_code(const std::string& doing, int code) {
  throw resolve_error(doing + ": " + ::gai_strerror(code) + " [" + code_name(code) + "]", code);
}

bool is_number(const std::string& text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// Nothing for the name of a service. The system would take a number that is no port modulo 65536.
std::optional<std::uint16_t> numeric_port(const std::string& doing, const std::string& service) {
  if (!is_number(service)) return std::nullopt;
  std::uint16_t port = 0;
  if (std::from_chars(service.data(), service.data() + service.size(), port).ec != std::errc())
    throw resolve_error(doing + ": a port is a number up to 65535 [EAI_SERVICE]", EAI_SERVICE);
  return port;
}

int system_family(address_family family) noexcept {
  switch (family) {
    case address_family::any: return AF_UNSPEC;
    case address_family::ipv4: return AF_INET;
    case address_family::ipv6: return AF_INET6;
  }
  return AF_UNSPEC;
}

// AF_UNSPEC for what is no IP literal.
int literal_family(const std::string& host) noexcept {
  in6_addr address;
  if (::inet_pton(AF_INET, host.c_str(), &address) == 1) return AF_INET;
  return ::inet_pton(AF_INET6, host.c_str(), &address) == 1 ? AF_INET6 : AF_UNSPEC;
}

void check_host(const std::string& doing, const std::string& host) {
  if (host.empty()) throw resolve_error(doing + ": the host is empty [EAI_NONAME]", EAI_NONAME);
  if (host.size() > host_name_bytes_max)
    throw resolve_error(doing + ": the host has " + std::to_string(host.size()) + " bytes, a name may have " +
                            std::to_string(host_name_bytes_max) + " [EAI_NONAME]",
                        EAI_NONAME);
  if (host.find('\0') != std::string::npos) throw resolve_error(doing + ": the host has a NUL byte [EAI_NONAME]", EAI_NONAME);
}

// In a worker thread.
std::vector<ip_endpoint> look_up(const std::string& doing, const std::string& host, const std::string& service, int family) {
  addrinfo hints{};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;  // one answer an address, not one for each kind of socket
  addrinfo* answer = nullptr;
  if (const int code = ::getaddrinfo(host.c_str(), service.c_str(), &hints, &answer); code != 0) {
    if (code == EAI_SYSTEM) throw_os_error(doing, errno);
    throw_code(doing, code);
  }
  const std::unique_ptr<addrinfo, decltype([](addrinfo* list) { ::freeaddrinfo(list); })> owned(answer);
  std::vector<ip_endpoint> found;
  for (const addrinfo* each = answer; each != nullptr && found.size() < resolved_addresses_max; each = each->ai_next) {
    detail::socket_name name;
    if (each->ai_addrlen > sizeof name.storage) continue;
    std::memcpy(&name.storage, each->ai_addr, each->ai_addrlen);
    const auto endpoint = detail::to_endpoint(name);
    if (endpoint && std::ranges::find(found, *endpoint) == found.end()) found.push_back(*endpoint);
  }
  if (found.empty()) throw_code(doing, EAI_NODATA);
  return found;
}

}  // namespace

resolve_error::resolve_error(std::string message, int code)
    : error(std::move(message), code == EAI_AGAIN || code == EAI_MEMORY ? error_category::overloaded : error_category::failed),
      code_(code) {}
resolve_error::~resolve_error() = default;

task<std::vector<ip_endpoint>> resolve(std::string host, std::string service, resolve_options options) {
  co_await checkpoint();
  std::string doing = call_text(host, service);
  check_host(doing, host);
  const auto port = numeric_port(doing, service);
  const int wanted = system_family(options.family);
  if (const int literal = literal_family(host); literal != AF_UNSPEC && port) {
    if (wanted != AF_UNSPEC && wanted != literal) throw_code(doing, EAI_ADDRFAMILY);
    co_return std::vector<ip_endpoint>{{.host = std::move(host), .port = *port}};
  }
  // The thread may outlive this call: it owns what it uses.
  auto work = [doing = std::move(doing), host = std::move(host), service = std::move(service), wanted] {
    return look_up(doing, host, service, wanted);
  };
  co_return co_await to_thread(std::move(work), {.limiter = options.limiter, .abandon_on_cancel = true});
}

}  // namespace tractor::sc
