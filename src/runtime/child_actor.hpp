// SPDX-License-Identifier: Apache-2.0
//
// One actor of an actor nursery, from its request until it is reaped.

#pragma once

#include <memory>

#include "main_result.hpp"
#include "process_host.hpp"
#include "tractor/runtime/actor_nursery.hpp"

namespace tractor::detail {

struct child_actor {
  uid who;
  actor_options options;
  std::unique_ptr<child_process> process;
  std::shared_ptr<peer> link;
  std::shared_ptr<main_result> main;  // of run_in_actor
  bool booted = false;
  bool ending = false;  // the ladder runs
  bool outlived = false;  // by its link, which somebody else holds open: it was closed here
  sc::event asked;      // the first step of the ladder is done: acknowledged, or SIGTERM sent
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
};

}  // namespace tractor::detail
