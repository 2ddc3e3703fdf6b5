// SPDX-License-Identifier: Apache-2.0
//
// The processes that an actor started: the process backends of the spawn layer, driven by the actor's run without a task of their own.

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stderr_relay.hpp"
#include "tractor/sc/detail/kernel.hpp"
#include "tractor/sc/detail/reactor.hpp"
#include "tractor/sc/event.hpp"
#include "tractor/sc/socket_stream.hpp"
#include "tractor/spawn/exec_backend.hpp"
#include "tractor/spawn/fork_server_client.hpp"

namespace tractor::detail {

// How long a process that was sent SIGKILL may take to be seen dead: the fork server may be stopped, or is gone and the kernel slow.
inline constexpr sc::duration killed_process_bound = std::chrono::seconds(5);

class process_host;

// A process from its request to its death certificate. Owned by who asked for it; must not outlive the host.
class child_process {
 public:
  // Throws os_error; then there is nothing to be ended. Alive only when it was asked for, by `begin`.
  child_process(process_host& host, spawn::child_ends ends, std::string name);
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
  // Sends a signal if the process is alive. Before it exists only SIGKILL can be sent. False where this process may not, because one of
  // the two has changed its user: stderr is told once, and the caller ends the link, which is an order to end all the same.
  bool signal(int signo) noexcept;
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
  void set_pid(pid_t pid);
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
  std::string name_;
  pid_t pid_ = -1;
  spawn::ticket_id ticket_ = 0;
  unique_fd pidfd_;
  std::optional<spawn::exec_child> executed_;
  sc::detail::io_source pidfd_source_;
  reap_waiter reaper_;
  bound_timer bound_;
  std::optional<spawn::death_certificate> lost_;  // while its end is waited for
  bool begun_ = false;
  bool out_of_reach_ = false;  // it cannot be signalled, and that was said
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

  // Sends a signal to the process of that pid, if it is one of these and alive.
  void signal(pid_t pid, int signo) noexcept;

  // This process's stderr, for lines that must not wait for who reads it.
  [[nodiscard]] stderr_outlet& stderr_output() noexcept { return stderr_; }
  // Whether what the processes write to stderr gets their names in front; so it does unless this says no.
  void set_attributes_output(bool attributes) noexcept { attributes_output_ = attributes; }
  // Says, once, that what the fork server refuses is executed.
  void say_refused(const char* why) noexcept;

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
  void kill_by_server(spawn::ticket_id ticket) noexcept;
  void follow_server(std::vector<spawn::fork_server_event>& events) noexcept;
  void handle(spawn::fork_server_event& event);
  [[nodiscard]] child_process* find(spawn::ticket_id ticket) noexcept;

  stderr_outlet stderr_;  // first: what the end of the others has to say comes before its own
  spawn::fork_server_client server_;
  std::unique_ptr<sc::detail::io_source> server_source_;
  server_waiter reader_;
  server_waiter writer_;
  std::vector<child_process*> children_;
  bool refusal_said_ = false;
  bool attributes_output_ = true;
};

}  // namespace tractor::detail
