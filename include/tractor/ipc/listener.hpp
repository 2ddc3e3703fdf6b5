// SPDX-License-Identifier: Apache-2.0
//
// Waiting for connections at an address, and connecting to one, whatever the transport (UDS and TCP).
//
//     auto listener = ipc::listen(ipc::default_uds_address("worker", getpid()));
//     ipc::connection peer = co_await listener->accept();
//     std::unique_ptr<sc::socket_stream> stream = co_await ipc::connect(listener->local());
//
// Who may connect. UDS: processes of this user, as the operating system tells (S-UDS-7), and of a group that the caller names; others are
// hung up on and accept() goes on. TCP: listeners are bound to loopback addresses, unless the caller says `insecure`. A connect to a UDS
// address refuses a listener of another user in the same way. What is lost when a connection breaks is a channel, never the listener.

#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "tractor/ipc/address.hpp"
#include "tractor/sc/socket_listener.hpp"
#include "tractor/sc/socket_stream.hpp"
#include "tractor/sc/task.hpp"

namespace tractor::ipc {

// Of a TCP connection between actors: after so long without a word its other end is asked whether it is there, so often, and given up after
// half a minute in all. (While something is on its way the system's own bound holds, net.ipv4.tcp_retries2.)
inline constexpr auto keepalive_idle = std::chrono::seconds(15);
inline constexpr auto keepalive_interval = std::chrono::seconds(5);
inline constexpr int keepalive_probes_max = 3;

struct listen_options {
  bool insecure = false;  // TCP: allow addresses that other hosts can reach
  // UDS: take over a file that nobody listens on, whoever's it was. The caller sees to it that nobody else does so at the same time.
  bool replace_stale = false;
  bool prepared = false;  // UDS: the directory is there, and was checked
  // UDS: processes of other users that are in this group may connect as well. The file is given to the group; whoever is meant to reach it
  // must be able to pass its directory.
  std::optional<gid_t> group = {};
};

struct connection {
  std::unique_ptr<sc::socket_stream> stream;
  address peer;                                     // UDS: the listener's own path, as both ends carry it (S-UDS-8)
  std::optional<sc::peer_credentials> credentials;  // UDS only
};

// Whether a UDS peer is served by a process of user `own`, which trusts that group.
[[nodiscard]] constexpr bool may_connect(const sc::peer_credentials& peer, uid_t own, std::optional<gid_t> group = {}) noexcept {
  return peer.uid == own || (group && peer.gid == *group);
}

class TRACTOR_API listener {
 public:
  listener(const listener&) = delete;
  listener& operator=(const listener&) = delete;
  ~listener();

  // One task at a time. See sc::socket_listener for cancellation, errors and what happens without descriptors.
  [[nodiscard]] sc::task<connection> accept();
  void close() noexcept { socket_->close(); }
  [[nodiscard]] bool closed() const noexcept { return socket_->closed(); }
  // As sc::socket_listener.
  [[nodiscard]] bool listens() const noexcept { return socket_->listens(); }

  // Where it listens, with the port that the system chose for port 0 (S-SRV-3).
  [[nodiscard]] const address& local() const noexcept { return local_; }
  // How many peers were hung up on because they belong to another user, and who the last one was.
  [[nodiscard]] std::uint64_t refused_peers() const noexcept { return refused_peers_; }
  [[nodiscard]] const std::optional<sc::peer_credentials>& last_refused() const noexcept { return last_refused_; }

 private:
  friend TRACTOR_API std::unique_ptr<listener> listen(const address& where, listen_options options);
  listener(std::unique_ptr<sc::socket_listener> socket, address local, std::optional<gid_t> group = {});

  std::unique_ptr<sc::socket_listener> socket_;
  address local_;
  std::optional<gid_t> group_;
  std::uint64_t refused_peers_ = 0;
  std::optional<sc::peer_credentials> last_refused_;
};

// Binds and listens; makes the directory of a UDS address (S-UDS-5; the runtime directory is checked too), and takes over a dead
// file of this very process's pid. Throws os_error, and usage_error for a TCP address that is not loopback without `insecure`, or is by
// name (ipc::resolve_address).
[[nodiscard]] TRACTOR_API std::unique_ptr<listener> listen(const address& where, listen_options options = {});

// `group`: a UDS listener of another user that is in it will do. Throws os_error, and sc::resolve_error for a name that has no address.
[[nodiscard]] TRACTOR_API sc::task<std::unique_ptr<sc::socket_stream>> connect(address to, std::optional<gid_t> group = {});

}  // namespace tractor::ipc
