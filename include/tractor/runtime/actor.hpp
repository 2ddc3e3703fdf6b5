// SPDX-License-Identifier: Apache-2.0
//
// An actor: one process (or, in simulation, one part of a process) with an identity, the tasks that peers asked for, and the
// channels to them. `tractor::current_actor()` is the one the calling task belongs to; it is task-local, so several actors can
// live in one process.

#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tractor/ipc/listener.hpp"
#include "tractor/ipc/tree_secret.hpp"
#include "tractor/runtime/detail/peer.hpp"
#include "tractor/runtime/errors.hpp"
#include "tractor/sc/cancel_scope.hpp"
#include "tractor/sc/event.hpp"
#include "tractor/sc/nursery.hpp"
#include "tractor/sc/task_local.hpp"
#include "tractor/spawn/child_entry.hpp"

namespace tractor {

inline constexpr auto last_words_timeout = std::chrono::milliseconds(500);  // for queued messages when an actor ends
inline constexpr auto handshake_timeout = std::chrono::seconds(10);         // S-RT-12
// A root has nobody who would end it. Held by tasks of peers for as long as another actor would have had, it names so many of them.
inline constexpr auto held_root_report_time = std::chrono::milliseconds(2100);
inline constexpr std::size_t held_root_tasks_named_max = 8;

namespace detail {
class directory;
class incoming_call;
class process_host;
}  // namespace detail

// A random (version 4) uuid as text, from the run's source of randomness.
[[nodiscard]] TRACTOR_API std::string make_uuid();

class TRACTOR_API actor {
 public:
  explicit actor(msg::aid identity);
  actor(const actor&) = delete;
  actor& operator=(const actor&) = delete;
  ~actor();

  [[nodiscard]] const msg::aid& aid() const noexcept { return aid_; }
  [[nodiscard]] const tractor::uid& uid() const noexcept { return uid_; }
  [[nodiscard]] const std::string& name() const noexcept { return uid_.name; }
  [[nodiscard]] bool is_root() const noexcept { return is_root_; }

  // Cancels the whole actor: every task that peers asked for, then the actor itself. Returns at once (S-RT-17).
  void cancel_soon(const std::optional<tractor::uid>& requester, std::string_view why);
  [[nodiscard]] bool cancel_called() const noexcept { return cancel_called_; }
  [[nodiscard]] const std::optional<tractor::uid>& cancel_caller() const noexcept { return cancel_caller_; }
  [[nodiscard]] bool cancel_complete() const noexcept { return cancel_complete_; }

  // Run, last registered first, as the last step of the actor's shutdown, however it ends (S-RT-15). Must not throw.
  void on_exit(std::function<void()> callback) { lifetime_stack_.push_back(std::move(callback)); }

  // Tasks of this actor that peers asked for.
  [[nodiscard]] std::size_t running_calls() const noexcept { return running_calls_; }

  // --- for the runtime ---
  void set_root() noexcept { is_root_ = true; }
  void set_pid(std::int64_t pid) noexcept { aid_.pid = pid; }
  void enable_module(std::string_view name);  // throws module_not_exposed when the program has no such module
  [[nodiscard]] bool exposes(std::string_view name) const { return std::ranges::find(modules_, name) != modules_.end(); }
  [[nodiscard]] const std::vector<std::string>& modules() const noexcept { return modules_; }
  [[nodiscard]] sc::nursery& service() const;
  void set_service(sc::nursery* service) noexcept { service_ = service; }
  [[nodiscard]] detail::process_host& processes();
  [[nodiscard]] detail::directory& directory();
  [[nodiscard]] bool has_directory() const noexcept { return directory_ != nullptr; }
  void set_is_registrar() noexcept { aid_.is_registrar = true; }
  // Where its control socket is, and those of the actors that it starts; empty: they have none.
  [[nodiscard]] const std::string& socket_dir() const noexcept { return socket_dir_; }
  void set_socket_dir(std::string dir) { socket_dir_ = std::move(dir); }
  // The log spec that the root was given, for those that it starts.
  [[nodiscard]] const std::string& loglevel() const noexcept { return loglevel_; }
  void set_loglevel(std::string spec) { loglevel_ = std::move(spec); }
  // What every TCP connection of this actor has to prove to know; none: nothing.
  [[nodiscard]] const std::optional<ipc::tree_secret>& secret() const noexcept { return secret_; }
  void set_secret(std::optional<ipc::tree_secret> secret) noexcept { secret_ = secret; }
  // It listens where other machines reach it, without a secret.
  [[nodiscard]] bool insecure() const noexcept { return insecure_; }
  void set_insecure(bool insecure) noexcept { insecure_ = insecure; }
  // Beyond loopback, too.
  [[nodiscard]] bool may_listen_anywhere() const noexcept { return insecure_ || secret_.has_value(); }
  // Processes of other users that are in this group are talked to over UDS as its own are.
  [[nodiscard]] std::optional<gid_t> group() const noexcept { return group_; }
  void set_group(std::optional<gid_t> group) noexcept { group_ = group; }
  // Holding the loop for longer is reported; zero: it is not.
  [[nodiscard]] sc::duration stall_bound() const noexcept { return stall_bound_; }
  void set_stall_bound(sc::duration bound) noexcept { stall_bound_ = bound; }
  // Names who wrote it in front of what those that it starts write to stderr.
  [[nodiscard]] bool attributes_output() const noexcept { return attributes_output_; }
  void set_attributes_output(bool attributes) noexcept { attributes_output_ = attributes; }
  // The root of its tree, and where that is reached; in the root itself not kept.
  struct root_place {
    tractor::uid who;
    std::vector<ipc::address> addrs;
  };
  [[nodiscard]] const root_place& root() const noexcept { return root_; }
  void set_root_place(root_place root) { root_ = std::move(root); }
  void set_fork_server(spawn::fork_server_access access) { fork_server_ = std::move(access); }

  void add_peer(std::shared_ptr<detail::peer> connected);
  void remove_peer(const detail::peer& gone) noexcept;
  [[nodiscard]] const std::vector<std::shared_ptr<detail::peer>>& peers() const noexcept { return peers_; }
  // The channel that this actor was born with; null in the root.
  [[nodiscard]] std::shared_ptr<detail::peer> parent() const;
  [[nodiscard]] std::size_t peer_count() const noexcept { return peers_.size(); }
  void add_listener(std::shared_ptr<ipc::listener> listening) { listeners_.push_back(std::move(listening)); }
  [[nodiscard]] const std::vector<std::shared_ptr<ipc::listener>>& listeners() const noexcept { return listeners_; }
  // Closes the listeners there.
  void stop_listening(const ipc::address& where) noexcept;
  void call_started(detail::incoming_call& call) noexcept;
  void call_ended(detail::incoming_call& call) noexcept;
  // A peer asked for this actor's end: it is told when all tasks have ended.
  void acknowledge_cancel(const std::shared_ptr<detail::peer>& to, std::string_view cid);

  // Set when cancel_soon was called.
  [[nodiscard]] sc::event& cancel_requested() noexcept { return cancel_requested_; }
  // Cancels the tasks, waits for them, acknowledges. Then the actor may go. Shielded by the caller.
  sc::task<> finish_cancel();
  // Beside all dialogs, as a CancelAck whose cid is this actor's uuid: that it ends because it was told to (true), so that its end is
  // no death; or that it was told to and waits for actors of its own (false), so that it is not taken for one that is stuck.
  void tell_parent(bool complete) noexcept;
  void ask_for_patience() {
    if (cancel_called_ && !cancel_complete_) tell_parent(false);
  }
  // The parent knows who this is: from here on it is told, as a CancelAck with a cid of its own, when somebody else than the parent has
  // told this actor to end, so that the parent can see to it that it does (S-KIL-11, S-SIG-5).
  void set_introduced() noexcept;
  [[nodiscard]] static std::string cancel_notice_cid(const tractor::uid& of) { return of.uuid + "/cancelled"; }
  void run_lifetime_stack() noexcept;
  // Ends what would outlive the process, which exits now: with that its connections end, so that who sees the end of one need not wait
  // for the other.
  void prepare_exit() noexcept;
  // Ends listeners, processes and channels, and tells who waits for a peer. No dialog may be open.
  void close_all(std::string_view why) noexcept;

  // The signal that asked the whole program to end; 0: none.
  int interrupted_by = 0;
  // Connections that were accepted and have not said who they are, the oldest first. They count towards connections_max, and have a bound
  // of their own, handshakes_max.
  struct handshake {
    sc::time_point since;
    sc::cancel_scope scope{};  // what it runs in
  };
  std::list<handshake> handshakes;
  sc::parking_lot handshake_ended;

 private:
  void tell_parent_of_cancel() noexcept;
  void say_what_holds_it() const noexcept;

  msg::aid aid_;
  tractor::uid uid_;
  bool is_root_ = false;
  bool cancel_called_ = false;
  bool cancel_complete_ = false;
  std::optional<tractor::uid> cancel_caller_;
  std::string cancel_why_;
  sc::event cancel_requested_;
  bool introduced_ = false;
  std::size_t running_calls_ = 0;
  detail::incoming_call* calls_ = nullptr;  // the last one first
  sc::parking_lot calls_changed_;
  sc::nursery* service_ = nullptr;
  std::vector<std::string> modules_;  // a handful
  std::vector<std::shared_ptr<detail::peer>> peers_;
  std::vector<std::shared_ptr<ipc::listener>> listeners_;
  struct pending_cancel_ack {
    std::shared_ptr<detail::peer> to;
    std::string cid;
  };
  std::vector<pending_cancel_ack> cancel_acks_;
  std::vector<std::function<void()>> lifetime_stack_;
  spawn::fork_server_access fork_server_;
  std::unique_ptr<detail::process_host> processes_;
  std::unique_ptr<detail::directory> directory_;
  std::string socket_dir_;
  std::string loglevel_;
  std::optional<ipc::tree_secret> secret_;
  bool insecure_ = false;
  std::optional<gid_t> group_;
  sc::duration stall_bound_{};
  bool attributes_output_ = true;
  root_place root_;
};

// The actor that the calling task belongs to; throws no_runtime where there is none, which names the last one of the process that has
// ended.
[[nodiscard]] TRACTOR_API actor& current_actor();
// The same, null where there is none.
[[nodiscard]] TRACTOR_API actor* current_actor_or_null() noexcept;

namespace detail {
extern TRACTOR_API constinit sc::task_local<actor*> current_actor_key;
}

}  // namespace tractor
