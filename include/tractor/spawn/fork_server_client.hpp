// SPDX-License-Identifier: Apache-2.0
//
// A requester's side of the fork server: asks for children and hears of their deaths, without ever blocking and without a
// thread. Poll `fd()` for reading (and for writing while `wants_write()`), then call `on_readable()` (`on_writable()`).
//
//   fork_server_client server;                            // in an actor: server(std::move(born.fork_server))
//   auto child = server.request({.name = "worker"});      // starts the server if there is none yet
//   ...                                                   // child.ends.link may be written to at once
//   std::vector<fork_server_event> events;
//   server.on_readable(events);                           // spawned_event, then some day exited_event
//
// In the root the first use executes the program as the tree's fork server. An actor that was born of the server introduces
// itself to it on its first request; that is no round trip. If the server dies, its children die with it: every ticket that is
// open gets its event, `server_lost_event` comes last, and the next request starts a new server. Unless it said that this program cannot
// be forked: then requests fail with ENOSYS and its reason, from now on at once.
//
// The server kills whatever descends from this process when the process ends or when this object is closed or destroyed;
// destroying the root's waits for that, `closing_bound_ms` at most. In a process that was merely forked from the owner the
// object does nothing.

#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "tractor/spawn/child_entry.hpp"
#include "tractor/spawn/death_certificate.hpp"
#include "tractor/spawn/spawn_request.hpp"

namespace tractor::spawn {

// A request's number, never used twice by one client.
using ticket_id = std::uint64_t;

// The child exists. Its death is reported by exited_event with the same ticket.
struct spawned_event {
  ticket_id ticket = 0;
  pid_t pid = -1;
  unique_fd pidfd{};
};

// There is no child, or no more: one whose pidfd found no room here was killed and is gone. `text` names the step that failed and its
// errno.
struct failed_event {
  ticket_id ticket = 0;
  int errno_value = 0;  // ECONNRESET: the server was lost before it answered, so a child may have been made; the kernel kills it
  std::string text{};
};

// The child has ended and is reaped. With a lost server the certificate says so, and the kernel kills the child at about the
// same moment, unless it changed its user or group since, which takes that order back: send it SIGKILL. Its pidfd polls readable when
// it is gone.
struct exited_event {
  ticket_id ticket = 0;
  death_certificate certificate{};
};

struct server_lost_event {
  std::string text{};
};

using fork_server_event = std::variant<spawned_event, failed_event, exited_event, server_lost_event>;

struct fork_server_options {
  std::string executable{};  // what a root executes as the server; empty: this program
};

class TRACTOR_API fork_server_client {
 public:
  // Requests that the socket had no room for and that wait here; one more is refused with an error.
  static constexpr std::size_t queued_requests_max = 4096;
  static constexpr int closing_bound_ms = 2000;

  explicit fork_server_client(fork_server_access access = {}, fork_server_options options = {});
  ~fork_server_client();
  fork_server_client(const fork_server_client&) = delete;
  fork_server_client& operator=(const fork_server_client&) = delete;

  // Connects to the tree's server or executes one, if that was not done yet. Does not wait for it to be up. Throws os_error.
  void start();
  [[nodiscard]] bool started() const noexcept;

  // The descriptor to poll; -1 while not started. It may change in any call; ask again after each.
  [[nodiscard]] int fd() const noexcept;
  [[nodiscard]] bool wants_write() const noexcept;

  // Where actors introduce themselves: for exec_options, so that an exec'd child shares the server. -1 while not started.
  [[nodiscard]] int requests_fd() const noexcept;

  // The server, where this client executed it; else -1.
  [[nodiscard]] pid_t server_pid() const noexcept;

  struct requested {
    ticket_id ticket = 0;
    child_ends ends;
  };

  // Asks for a child. Throws os_error (EMFILE and the like), usage_error (also where this process's environment is larger than
  // environment_bytes_max), or error(overloaded) at the bound of the queue; then nothing was asked for.
  [[nodiscard]] requested request(const spawn_request& what);

  // SIGKILLs the child of a ticket, born yet or not: for a requester that gave up before it got the pidfd. May have to wait for
  // room in the socket, as a request may: ask wants_write() after it.
  void kill(ticket_id ticket);

  // Appends what the server said. Returns when there is nothing more for now.
  void on_readable(std::vector<fork_server_event>& events);
  // Sends what waited for room. Appends an event for every request that cannot be sent, as when there is no memory for it.
  void on_writable(std::vector<fork_server_event>& events);

  // Gives the server up, as if it were lost: for who cannot wait for its answers. It kills everything below this process.
  void abandon(const std::string& why, std::vector<fork_server_event>& events);

  // Ends the connection: the server kills everything below this process. Events that are still to come are dropped.
  void close() noexcept;

 private:
  class connection;
  void lose(const std::string& how, std::vector<fork_server_event>& events);
  std::unique_ptr<connection> connection_;
  fork_server_access access_;
  fork_server_options options_;
  std::string useless_because_;  // what a server said instead of serving
  ticket_id last_ticket_ = 0;
  pid_t owner_pid_;
};

}  // namespace tractor::spawn
