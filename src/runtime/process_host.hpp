// SPDX-License-Identifier: Apache-2.0
//
// The processes that an actor started: the process backends of the spawn layer, driven by the actor's run without a task of their own.

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tractor/sc/detail/kernel.hpp"
#include "tractor/sc/detail/reactor.hpp"
#include "tractor/sc/event.hpp"
#include "tractor/sc/socket_stream.hpp"
#include "tractor/spawn/exec_backend.hpp"
#include "tractor/spawn/fork_server_client.hpp"

namespace tractor::detail {

inline constexpr std::size_t stderr_tail_bytes = 16 * 1024;      // kept of each child for its death certificate
inline constexpr std::size_t stderr_line_bytes_max = 64 * 1024;  // a longer line is passed on in pieces
inline constexpr int stderr_reads_max = 32;                      // of 4 KiB at a time

// How long a process that was sent SIGKILL may take to be seen dead: the fork server may be stopped, or is gone and the kernel slow.
inline constexpr sc::duration killed_process_bound = std::chrono::seconds(5);

class process_host;

// What a child writes to stderr: passed on to ours by whole lines, the end of it kept.
class stderr_relay {
 public:
  explicit stderr_relay(unique_fd pipe);
  stderr_relay(const stderr_relay&) = delete;
  stderr_relay& operator=(const stderr_relay&) = delete;
  ~stderr_relay();
  // Reads what is there now.
  void drain() noexcept;
  // Drains, passes on an unfinished last line, and closes.
  void finish() noexcept;
  [[nodiscard]] std::string tail() const;

 private:
  struct waiter : sc::detail::io_source::waiter {
    stderr_relay* self = nullptr;
  };
  void take(std::string_view text);
  void close() noexcept;

  unique_fd pipe_;
  sc::detail::io_source source_;
  waiter waiter_;
  std::string line_;
  std::string tail_;
};

// A process from its request to its death certificate. Owned by who asked for it; must not outlive the host.
class child_process {
 public:
  // Throws os_error; then there is nothing to be ended. Alive only when it was asked for, by `begin`.
  child_process(process_host& host, spawn::child_ends ends);
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;
  ~child_process();

  [[nodiscard]] std::unique_ptr<sc::socket_stream> take_link() { return std::move(link_); }
  // Set when the process exists, or could not be made (then `failure` says why and `exited` is set too).
  [[nodiscard]] sc::event& spawned() noexcept { return spawned_; }
  // Set when the process is gone and the certificate there, or when the process could not be made. Of one that SIGKILL did not end within
  // the bounds above, stderr is told, and this is set all the same.
  [[nodiscard]] sc::event& exited() noexcept { return exited_; }
  // Called when that is set. Must not throw.
  void on_exited(std::function<void()> told) { exit_hook_ = std::move(told); }
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }
  [[nodiscard]] int failure_errno() const noexcept { return failure_errno_; }
  [[nodiscard]] const std::optional<spawn::death_certificate>& certificate() const noexcept { return certificate_; }
  [[nodiscard]] stderr_relay& stderr_output() noexcept { return stderr_; }
  // Sends a signal if the process is alive. Before it exists only SIGKILL can be sent.
  void signal(int signo) noexcept;
  // Waits no longer for a process that the fork server has not made, and may still make: that is killed then.
  void abandon(std::string why);

 private:
  friend class process_host;
  struct reap_waiter : sc::detail::io_source::waiter {
    child_process* self = nullptr;
  };
  struct bound_timer : sc::detail::timer {
    child_process* self = nullptr;
  };
  void begin();
  void died(spawn::death_certificate certificate);
  void lost(spawn::death_certificate certificate) noexcept;
  void end_told() noexcept;
  void arm_bound(sc::duration bound);
  void out_of_time() noexcept;

  process_host& host_;
  std::unique_ptr<sc::socket_stream> link_;
  stderr_relay stderr_;
  sc::event spawned_;
  sc::event exited_;
  std::function<void()> exit_hook_;
  pid_t pid_ = -1;
  spawn::ticket_id ticket_ = 0;
  unique_fd pidfd_;
  std::optional<spawn::exec_child> executed_;
  sc::detail::io_source pidfd_source_;
  reap_waiter reaper_;
  bound_timer bound_;
  std::optional<spawn::death_certificate> lost_;  // while its end is waited for
  bool begun_ = false;
  std::string failure_;
  int failure_errno_ = 0;
  std::optional<spawn::death_certificate> certificate_;
};

class process_host {
 public:
  explicit process_host(spawn::fork_server_access access);
  process_host(const process_host&) = delete;
  process_host& operator=(const process_host&) = delete;
  ~process_host();

  // Starts a process. Throws what the backend throws, and os_error; nothing was started then, or it was killed at once.
  [[nodiscard]] std::unique_ptr<child_process> start(spawn::start_method method, const spawn::spawn_request& request,
                                                     const std::string& executable);

 private:
  friend class child_process;
  struct server_waiter : sc::detail::io_source::waiter {
    process_host* self = nullptr;
  };
  [[nodiscard]] std::unique_ptr<child_process> start_executed(const spawn::spawn_request& request, const std::string& executable);
  [[nodiscard]] std::unique_ptr<child_process> start_forked(const spawn::spawn_request& request);
  void watch_server();
  void unwatch_server() noexcept;
  void server_ready(bool writable) noexcept;
  void kill_unborn(spawn::ticket_id ticket) noexcept;
  void follow_server(std::vector<spawn::fork_server_event>& events) noexcept;
  void handle(spawn::fork_server_event& event);
  [[nodiscard]] child_process* find(spawn::ticket_id ticket) noexcept;

  spawn::fork_server_client server_;
  std::unique_ptr<sc::detail::io_source> server_source_;
  server_waiter reader_;
  server_waiter writer_;
  std::vector<child_process*> children_;
};

}  // namespace tractor::detail
