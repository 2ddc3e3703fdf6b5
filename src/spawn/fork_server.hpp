// SPDX-License-Identifier: Apache-2.0
//
// The process that forks the actors of a tree, at any depth, and is the parent of them all. It is this program, executed by the
// root, single-threaded, with nothing open but its sockets. Whoever asks for children is a *requester*: the root, over the
// connection it made, and every actor that introduced itself over the socket that all actors are born with.
//
// When a requester goes (its process died, or it closed its connection) its children are killed, and what they asked for in
// turn. Processes that the server adopted as subreaper are killed after the death of the actor whose they are (may_live). When the
// root goes, everything is killed until nothing is left, and the server ends. If the server is killed, PR_SET_PDEATHSIG ends the actors.

#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "actor_mark.hpp"
#include "child_table.hpp"
#include "fork_server_protocol.hpp"
#include "spawn_message.hpp"
#include "tractor/base/fd.hpp"
#include "tractor/ipc/runtime_directory.hpp"
#include "tractor/ipc/socket_file.hpp"
#include "tractor/spawn/child_entry.hpp"
#include "world.hpp"

namespace tractor::spawn::detail {

// What an epoll event of the server is about: one of these, and a requester's number.
enum class event_source : std::uint64_t { requests, signals, requester_socket, requester_process };
[[nodiscard]] constexpr std::uint64_t event_key(event_source source, std::uint32_t id = 0) noexcept {
  return static_cast<std::uint64_t>(source) << 32 | id;
}

// The step that fails where a pidfd cannot be made or sent.
inline constexpr std::string_view handing_over = "handing over the pidfd of the new process";

[[nodiscard]] std::string step_failed(std::string_view step, int error);

class alignas(4096) fork_server {
 public:
  // Orphans are looked for once the deaths of a moment are over: after a pause of this length, or so many wake-ups.
  static constexpr int sweep_pause_ms = 10;
  static constexpr int sweep_wakeups_max = 64;
  // The server's own soft limit of descriptors; its children get their requester's.
  static constexpr std::uint64_t descriptors_max = 65536;

  // Takes over the descriptors that the server was executed with. Ends the process where that is impossible; where this program cannot
  // be forked at all, its root is told.
  explicit fork_server(actor_mark& mark);
  fork_server(const fork_server&) = delete;
  fork_server& operator=(const fork_server&) = delete;

  // Returns in a forked child, with what it was born with; the server itself ends the process. A child leaves this object alone.
  [[nodiscard]] std::optional<birth> serve();

 private:
  using requester_id = std::uint32_t;

  struct queued_reply {
    reply_header header;
    std::string text;
    unique_fd pidfd;
  };

  struct refusal {
    int error;
    std::string text;
  };

  struct requester {
    unique_fd socket;
    pid_t pid = -1;
    unique_fd pidfd;                                 // of one that is not this process's child, whose death would go unnoticed otherwise
    const world* current = nullptr;                  // null until it told; owned by worlds_
    std::unique_ptr<const refusal> world_refused{};  // what it told last did not become `current`
    std::deque<queued_reply> backlog;                // bounded: while it is not empty no request is read
  };

  // fork_server.cpp: the loop, requesters, deaths
  [[nodiscard]] unique_fd lift(unique_fd fd) const;
  void watch(int fd, std::uint64_t what);
  void add_requester(unique_fd socket, pid_t pid, bool watch_process, const world* current);
  void accept_introduction();
  [[nodiscard]] std::optional<birth> serve_requester(requester_id id, std::uint32_t events);
  void end_requester(requester_id id);
  void kill_child_of(requester_id id, std::uint64_t ticket);
  void reap();
  bool bury_one();
  void bury(pid_t pid, int wait_status, const resource_usage& usage);
  [[nodiscard]] bool kill_orphans();
  [[nodiscard]] bool may_live(pid_t orphan);
  void sweep_sockets(ipc::registry_sweep registry) noexcept;
  [[noreturn]] void end_tree();

  // fork_server_spawn.cpp: one request
  [[nodiscard]] std::optional<birth> spawn_child(requester_id id, requester& from, received_message& received);
  void refuse(requester_id id, requester& from, const received_message& received, bool world_taken, int error, std::string text);
  void check_sender(const requester& from, const received_message& received) const;
  void update_world(requester& from, spawn_message& message);
  void drop_unused_worlds() noexcept;
  void adopt_world(const world& of);
  void announce(requester_id id, requester& to, pid_t pid, std::uint64_t ticket);
  [[nodiscard]] birth become_actor(const requester& from, spawn_message& message) const noexcept;
  void close_inherited(spawn_message& message) const noexcept;

  // fork_server_replies.cpp
  [[nodiscard]] bool try_reply(requester& to, const reply_header& header, std::string_view text, int pidfd);
  void reply(requester_id id, requester& to, const reply_header& header, std::string_view text, unique_fd pidfd);
  void reply_failed(requester_id id, requester& to, std::uint64_t ticket, int error, std::string_view text);
  void flush_backlog(requester_id id, requester& to);
  void set_interest(requester_id id, const requester& of, std::uint32_t events) const;
  bool disown(pid_t pid, int error) noexcept;

  int first_private_fd_;  // every descriptor from here on is the server's own
  unique_fd epoll_, signals_, requests_;
  pid_t pid_, root_pid_;
  uid_t user_;
  gid_t group_;
  requester_id last_requester_ = 0;
  actor_mark& mark_;  // in the environment of all worlds; a child writes its own
  std::vector<pid_t> killed_orphans_;
  bool sweep_due_ = false, sockets_due_ = false;
  int sweep_wakeups_ = 0;
  std::unordered_map<requester_id, requester> requesters_;
  std::vector<std::unique_ptr<const world>> worlds_;  // those that a child or requester still refers to
  const world* adopted_ = nullptr;                    // the one whose environment, directory and umask are this process's
  const std::string socket_dir_ = ipc::runtime_directory_path();
  child_table children_;
  // Last, so that what a common request writes to is one page: the members above and the beginning of this.
  std::array<std::byte, request_bytes_max> buffer_;
  world_facts facts_;  // this process's own, as a child finds them
};

}  // namespace tractor::spawn::detail
