// SPDX-License-Identifier: Apache-2.0
//
// Socket addresses as the system calls take and give them, and sockets as this layer wants them.

#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <optional>
#include <string>

#include "tractor/sc/socket_stream.hpp"

namespace tractor::sc::detail {

struct socket_name {
  sockaddr_storage storage{};
  socklen_t length = sizeof(sockaddr_storage);

  [[nodiscard]] sockaddr* pointer() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
  [[nodiscard]] const sockaddr* pointer() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
  [[nodiscard]] int family() const noexcept { return storage.ss_family; }
};

// A stream socket that does not block and is closed on exec.
[[nodiscard]] unique_fd open_socket(int family);
// Makes somebody else's descriptor one that does not block and is closed on exec.
void prepare_socket(int fd);
void set_option(int fd, int level, int option, const char* option_name);

// How accept() goes on after an errno.
enum class accept_failure { would_block, connection_lost, out_of_resources, fatal };
[[nodiscard]] accept_failure classify_accept_error(int error) noexcept;

// Throws os_error: EINVAL for an empty path or one with a NUL byte, ENAMETOOLONG; `doing` begins the message.
[[nodiscard]] socket_name unix_name(const char* doing, const std::string& path);
// Throws os_error (EINVAL) when `host` is not an IPv4 or IPv6 literal.
[[nodiscard]] socket_name tcp_name(const char* doing, const std::string& host, std::uint16_t port);
// Nothing for other families.
[[nodiscard]] std::optional<tcp_endpoint> to_endpoint(const socket_name& name);
// Nothing for other families, and for a socket without a file.
[[nodiscard]] std::optional<std::string> to_path(const socket_name& name);

// "127.0.0.1:80", "[::1]:80".
[[nodiscard]] std::string to_text(const std::string& host, std::uint16_t port);

}  // namespace tractor::sc::detail
