// SPDX-License-Identifier: Apache-2.0
//
// One actor of an actor nursery, from its request until it is reaped.

#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "main_result.hpp"
#include "process_host.hpp"
#include "tractor/runtime/actor_nursery.hpp"
#include "tractor/runtime/detail/directory.hpp"

namespace tractor::detail {

struct child_actor {
  uid who;
  actor_options options;
  std::unique_ptr<child_process> process;
  std::shared_ptr<peer> link;
  std::shared_ptr<main_result> main;  // of run_in_actor
  registrations told;                 // of where it is reached, to those above; until they have answered
  bool executed = false;              // what it starts by exec is nobody's when it is gone
  bool booted = false;
  bool unwanted = false;          // its nursery's actors were cancelled while it booted
  bool unwanted_at_once = false;  // by a hard cancel
  bool ending = false;            // its nursery has asked for its end
  bool on_ladder = false;         // it is being ended, because of that, or because it has said that somebody else asked
  bool killed = false;            // to the ladder's last step
  bool outlived = false;          // by its link, which somebody else holds open: it was closed here
  struct drain_timer : sc::detail::timer {
    child_actor* self = nullptr;
  } drain;
  sc::event asked;    // the first step of the ladder is done: acknowledged, or SIGTERM sent
  pending_ack word;   // what the actor says of its own end, see actor::tell_parent
  sc::event leaving;  // it has said that all its tasks have ended, or its process has
  std::string notice_cid;
  pending_ack notice;  // that somebody else told it to end, see actor::set_introduced

  // With the process ends the link, though the kernel may not say so: a process that the actor started may hold a copy of its end.
  void process_exited() noexcept;

  struct end {
    std::exception_ptr why;  // what its dialogs are told
    bool in_good_order = false;
  };
  // What the end of its link means; `was_asked`: it was told to end; `dead`: there is a certificate.
  [[nodiscard]] end judge_end(bool was_asked, bool dead) const;
  // Of a process that has ended, and was told to: whether by that. A crash on the way is something else.
  [[nodiscard]] bool ended_as_told() const;
  [[nodiscard]] std::exception_ptr death() const;
  // A SIGKILL leaves it no time to remove its socket files (S-KIL-6). One on which somebody listens by now is not the dead actor's.
  [[nodiscard]] sc::task<> remove_socket_files(actor& owner) const;

  // Its tasks have ended because it was told to, by whomever; it is about to go.
  [[nodiscard]] bool took_leave() const noexcept { return word.answered && word.value; }
  // It has been told to end and waits for actors of its own. True once for each time that it says so.
  [[nodiscard]] bool takes_patience() noexcept { return std::exchange(word.answered, took_leave()) && !word.value; }
};

// Runs the actor's exit callbacks when all else of it has ended, also where a failure of its runtime is the end (S-RT-15).
class exit_callbacks {
 public:
  explicit exit_callbacks(actor& of) noexcept : of_(of) {}
  exit_callbacks(const exit_callbacks&) = delete;
  exit_callbacks& operator=(const exit_callbacks&) = delete;
  ~exit_callbacks() { of_.run_lifetime_stack(); }

 private:
  actor& of_;
};

// What a process is told at birth, beside its name.
struct boot_record {
  std::string uuid;
  std::string parent_name;
  std::string parent_uuid;
  std::string socket_dir = {};  // for its control socket; empty: it has none
  msg::bytes secret_key = {};   // of the tree; empty: it has none
  bool insecure = false;
  std::string loglevel = {};
  std::optional<gid_t> group = {};
  std::int64_t stall_bound_ms = 0;
  bool attributes_output = true;
  std::string root_name = {};
  std::string root_uuid = {};
  std::vector<ipc::address> root_addrs = {};
};

}  // namespace tractor::detail
