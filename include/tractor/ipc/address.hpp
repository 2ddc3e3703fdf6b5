// SPDX-License-Identifier: Apache-2.0
//
// Where an actor can be reached.
//
//     ipc::address a = ipc::tcp_address{"127.0.0.1", 1616};
//     a.text();                                              // "/ip4/127.0.0.1/tcp/1616"
//     ipc::address::parse("/unix/run/user/0/tractor/x@7.sock").uds()->file;   // "x@7.sock"
//     ipc::address::parse("/dns/localhost/tcp/1616").dns()->host;             // "localhost"
//
// An address is a value and valid by construction: a TCP host is an IP literal (S-TCP-1), a UDS address an absolute directory and a
// file name in it. A TCP address by name is one of its own, which is looked up where it is used (resolve_address.hpp) and never travels:
// what it means depends on who asks. The text form is a multiaddr (S-MAD). On the wire it is a pair without a tag, [host, port] or
// [directory, file], and the second element's type tells which (S-ADR-1, S-ADR-2). An in-process address travels as ["inproc:", name]: a
// directory that no UDS address has, so that a whole tree in one process needs no other messages.

#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "tractor/base/error.hpp"
#include "tractor/msg/protocol.hpp"
#include "tractor/sc/resolve.hpp"

namespace tractor::ipc {

// An address that cannot be: the text says which part, and what it was.
class TRACTOR_API address_error : public error {
 public:
  explicit address_error(std::string message);
  ~address_error() override;
};

enum class transport : std::uint8_t { uds, tcp, inproc };

// "uds", "tcp", "inproc".
[[nodiscard]] TRACTOR_API std::string_view key_of(transport which) noexcept;
// Throws address_error that lists what there is (S-TPT-5).
[[nodiscard]] TRACTOR_API transport transport_named(std::string_view key);

struct tcp_address {
  std::string host;  // an IPv4 or IPv6 literal
  std::uint16_t port = 0;
  friend auto operator<=>(const tcp_address&, const tcp_address&) = default;
  // 127.0.0.0/8, ::1 and their IPv4-mapped forms.
  [[nodiscard]] TRACTOR_API bool is_loopback() const noexcept;
  // 0.0.0.0 or ::, every interface to who listens there, and no place to who connects.
  [[nodiscard]] TRACTOR_API bool is_wildcard() const noexcept;
};

// TCP at a host by name.
struct dns_address {
  std::string host;  // of letters, digits, '-', '_' and '.', at most sc::host_name_bytes_max
  std::uint16_t port = 0;
  sc::address_family family = sc::address_family::any;
  friend auto operator<=>(const dns_address&, const dns_address&) = default;
};

struct uds_address {
  std::string dir;   // absolute
  std::string file;  // a name, not a path
  friend auto operator<=>(const uds_address&, const uds_address&) = default;
  [[nodiscard]] TRACTOR_API std::string path() const;
};

struct inproc_address {
  std::string name;
  friend auto operator<=>(const inproc_address&, const inproc_address&) = default;
};

class TRACTOR_API address {
 public:
  // Throw address_error.
  address(tcp_address where);     // NOLINT(google-explicit-constructor): an address is any of these
  address(uds_address where);     // NOLINT(google-explicit-constructor)
  address(inproc_address where);  // NOLINT(google-explicit-constructor)
  address(dns_address where);     // NOLINT(google-explicit-constructor)

  [[nodiscard]] ipc::transport transport() const noexcept;
  [[nodiscard]] const tcp_address* tcp() const noexcept { return std::get_if<tcp_address>(&where_); }
  [[nodiscard]] const uds_address* uds() const noexcept { return std::get_if<uds_address>(&where_); }
  [[nodiscard]] const dns_address* dns() const noexcept { return std::get_if<dns_address>(&where_); }
  [[nodiscard]] const inproc_address* inproc() const noexcept { return std::get_if<inproc_address>(&where_); }

  // "/ip4/127.0.0.1/tcp/80", "/ip6/::1/tcp/80", "/dns/example.org/tcp/80" (also dns4, dns6), "/unix/tmp/x.sock", "/inproc/name".
  [[nodiscard]] std::string text() const;
  [[nodiscard]] static address parse(std::string_view text);

  // Throws address_error for one by name.
  [[nodiscard]] msg::wire_address wire() const;
  [[nodiscard]] static address from_wire(const msg::wire_address& pair);

  friend auto operator<=>(const address&, const address&) = default;
  friend bool operator==(const address&, const address&) = default;

 private:
  std::variant<uds_address, tcp_address, inproc_address, dns_address> where_;
};

inline constexpr std::uint16_t registry_port = 1616;
inline constexpr std::string_view registry_file = "registry@1616.sock";  // 1616 is no pid (S-UDS-2)

}  // namespace tractor::ipc

template <>
struct std::hash<tractor::ipc::address> {
  std::size_t operator()(const tractor::ipc::address& of) const { return std::hash<std::string>()(of.text()); }
};

template <>
struct tractor::msg::codec<tractor::ipc::address> {
  TRACTOR_API static void encode(writer& out, const ipc::address& from);
  TRACTOR_API static ipc::address decode(reader& in);
  static constexpr std::string_view type_text = "address";
};
