// SPDX-License-Identifier: Apache-2.0

#include "tractor/ipc/address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "tractor/msg/quoted.hpp"

namespace tractor::ipc {

namespace {

constexpr std::string_view inproc_mark = "inproc:";

bool is_ipv4(const std::string& host) noexcept {
  in_addr parsed{};
  return ::inet_pton(AF_INET, host.c_str(), &parsed) == 1;
}

// Of a link-local address the link is a part: fe80::1%eth0.
bool is_ipv6(const std::string& host) {
  in6_addr parsed{};
  const std::size_t zone = std::min(host.find('%'), host.size());
  return ::inet_pton(AF_INET6, host.substr(0, zone).c_str(), &parsed) == 1 && zone + 1 != host.size() &&
         host.find('/', zone) == std::string::npos;
}

void check(const tcp_address& where) {
  // inet_pton stops at a NUL byte.
  const bool literal = where.host.find('\0') == std::string::npos && (is_ipv4(where.host) || is_ipv6(where.host));
  if (!literal) throw address_error("a TCP address needs an IPv4 or IPv6 literal as its host, not " + msg::quoted(where.host));
}

void check(const uds_address& where) {
  const std::string_view dir = where.dir, file = where.file;
  if (!dir.starts_with('/') || dir.find('\0') != std::string_view::npos)
    throw address_error("the directory of a UDS address is an absolute path without NUL bytes, not " + msg::quoted(dir));
  if (file.empty() || file == "." || file == ".." || file.find('/') != std::string_view::npos || file.find('\0') != std::string_view::npos)
    throw address_error("the file of a UDS address is a file name without '/' and NUL bytes, not " + msg::quoted(file));
}

void check(const inproc_address& where) {
  if (where.name.empty() || where.name.find('/') != std::string::npos)
    throw address_error("an in-process address is a name without '/', not " + msg::quoted(where.name));
}

bool is_of_name(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

std::optional<std::string> why_no_name(const std::string& host) {
  if (is_ipv4(host)) return msg::quoted(host) + " is an IPv4 literal, not a name";
  if (!host.empty() && host.size() <= sc::host_name_bytes_max && std::ranges::all_of(host, is_of_name)) return std::nullopt;
  return msg::quoted(host) + " is no host name: letters, digits, '-', '_' and '.', at most " + std::to_string(sc::host_name_bytes_max);
}

void check(const dns_address& where) {
  if (const auto why = why_no_name(where.host)) throw address_error("an address by name needs one: " + *why);
}

std::string_view protocol_of(sc::address_family family) noexcept {
  if (family == sc::address_family::ipv4) return "dns4";
  return family == sc::address_family::ipv6 ? "dns6" : "dns";
}

template <class Where>
Where checked(Where where) {
  check(where);
  return where;
}

// Takes the component before the next '/' off the front of `rest`.
std::string_view take_component(std::string_view& rest) {
  const std::size_t end = std::min(rest.find('/'), rest.size());
  const std::string_view taken = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return taken;
}

// Decimal, leading zeros allowed.
std::optional<std::uint16_t> parse_port(std::string_view text) noexcept {
  std::uint16_t port = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

[[noreturn]] void refuse(std::string_view text, const std::string& why) {
  throw address_error("the address " + msg::quoted(text) +
                      " is not /ip4/HOST/tcp/PORT, /ip6/HOST/tcp/PORT, /dns/NAME/tcp/PORT, /unix/PATH or /inproc/NAME: " + why);
}

// What follows the host.
std::uint16_t parse_tcp_port(std::string_view text, std::string_view family, std::string_view rest) {
  const std::string_view next = take_component(rest);
  if (next.empty()) refuse(text, "a port is missing");
  if (next != "tcp") refuse(text, "the protocols " + std::string(family) + " and " + msg::quoted(next) + " do not make an address");
  const std::string_view digits = take_component(rest);
  const auto port = parse_port(digits);
  if (!port) refuse(text, msg::quoted(digits) + " is no port, 0 to 65535");
  if (!rest.empty()) refuse(text, msg::quoted(rest) + " follows the port");
  return *port;
}

address parse_tcp(std::string_view text, std::string_view family, std::string_view rest) {
  const std::string host(take_component(rest));
  if (family == "ip4" ? !is_ipv4(host) : !is_ipv6(host)) refuse(text, msg::quoted(host) + " is no literal of " + std::string(family));
  return tcp_address{.host = host, .port = parse_tcp_port(text, family, rest)};
}

address parse_dns(std::string_view text, sc::address_family family, std::string_view rest) {
  dns_address where{.host = std::string(take_component(rest)), .family = family};
  where.port = parse_tcp_port(text, protocol_of(family), rest);
  if (const auto why = why_no_name(where.host)) refuse(text, *why);
  return where;
}

address parse_unix(std::string_view text, std::string_view rest) {
  if (rest.empty() || rest.starts_with('/')) refuse(text, "the path is empty");
  const std::string path = "/" + std::string(rest);
  const std::size_t slash = path.rfind('/');
  return uds_address{.dir = slash == 0 ? "/" : path.substr(0, slash), .file = path.substr(slash + 1)};
}

}  // namespace

address_error::address_error(std::string message) : error(std::move(message), error_category::usage) {}
address_error::~address_error() = default;

std::string_view key_of(transport which) noexcept {
  switch (which) {
    case transport::uds: return "uds";
    case transport::tcp: return "tcp";
    case transport::inproc: return "inproc";
  }
  return "unknown";
}

transport transport_named(std::string_view key) {
  for (const transport known : {transport::uds, transport::tcp, transport::inproc})
    if (key == key_of(known)) return known;
  throw address_error("there is no transport " + msg::quoted(key) + "; there are uds, tcp and inproc");
}

bool tcp_address::is_loopback() const noexcept {
  in_addr v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  if (::inet_pton(AF_INET6, host.c_str(), &v6) != 1) return false;
  return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}

bool tcp_address::is_wildcard() const noexcept {
  in_addr v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return v4.s_addr == INADDR_ANY;
  in6_addr v6{};
  return ::inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_UNSPECIFIED(&v6);
}

std::string uds_address::path() const { return dir.ends_with('/') ? dir + file : dir + "/" + file; }

address::address(tcp_address where) : where_(checked(std::move(where))) {}
address::address(uds_address where) : where_(checked(std::move(where))) {}
address::address(inproc_address where) : where_(checked(std::move(where))) {}
address::address(dns_address where) : where_(checked(std::move(where))) {}

transport address::transport() const noexcept {
  if (tcp() != nullptr || dns() != nullptr) return ipc::transport::tcp;
  return uds() != nullptr ? ipc::transport::uds : ipc::transport::inproc;
}

std::string address::text() const {
  if (const tcp_address* const at = tcp()) return (is_ipv4(at->host) ? "/ip4/" : "/ip6/") + at->host + "/tcp/" + std::to_string(at->port);
  if (const dns_address* const at = dns())
    return "/" + std::string(protocol_of(at->family)) + "/" + at->host + "/tcp/" + std::to_string(at->port);
  if (const uds_address* const at = uds()) {
    const std::string path = at->path();
    return "/unix/" + path.substr(std::min(path.find_first_not_of('/'), path.size()));
  }
  return "/inproc/" + inproc()->name;
}

address address::parse(std::string_view text) {
  std::string_view rest = text;
  if (!rest.starts_with('/')) refuse(text, "it does not begin with '/'");
  rest.remove_prefix(std::min(rest.find_first_not_of('/'), rest.size()));
  while (rest.ends_with('/')) rest.remove_suffix(1);
  const std::string_view first = take_component(rest);
  if (first == "ip4" || first == "ip6") return parse_tcp(text, first, rest);
  for (const auto family : {sc::address_family::any, sc::address_family::ipv4, sc::address_family::ipv6})
    if (first == protocol_of(family)) return parse_dns(text, family, rest);
  if (first == "unix") return parse_unix(text, rest);
  if (first == "inproc") return inproc_address{std::string(rest)};
  refuse(text, first.empty() ? "it is empty" : "it begins with the protocol " + msg::quoted(first));
}

msg::wire_address address::wire() const {
  if (const tcp_address* const at = tcp()) return {at->host, std::int64_t{at->port}};
  if (const uds_address* const at = uds()) return {at->dir, at->file};
  if (dns() != nullptr) throw address_error(text() + " is a name, which means something here only: it is looked up before it travels");
  return {std::string(inproc_mark), inproc()->name};
}

address address::from_wire(const msg::wire_address& pair) {
  if (const auto* const file = std::get_if<std::string>(&pair.second)) {
    if (pair.first == inproc_mark) return inproc_address{*file};
    return uds_address{.dir = pair.first, .file = *file};
  }
  const std::int64_t port = std::get<std::int64_t>(pair.second);
  if (port < 0 || port > 0xffff) throw address_error("a TCP port is 0 to 65535, not " + std::to_string(port));
  return tcp_address{.host = pair.first, .port = static_cast<std::uint16_t>(port)};
}

}  // namespace tractor::ipc

namespace tractor::msg {

void codec<ipc::address>::encode(writer& out, const ipc::address& from) { encode_item(out, from.wire()); }

ipc::address codec<ipc::address>::decode(reader& in) {
  const auto pair = decode_item<wire_address>(in);
  try {
    return ipc::address::from_wire(pair);
  } catch (const ipc::address_error& wrong) {
    in.fail(wrong.message());
  }
}

}  // namespace tractor::msg
