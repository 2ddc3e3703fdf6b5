// SPDX-License-Identifier: Apache-2.0
//
// A requester that waits: start a child by either method, and wait for what comes of it. For the tests and for the actors in them.

#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tractor/spawn/exec_backend.hpp"
#include "tractor/spawn/fork_server_client.hpp"
#include "tractor/spawn/start_method.hpp"

namespace spawn_test {

struct started_child {
  tractor::spawn::start_method method = tractor::spawn::start_method::forkserver;
  tractor::spawn::ticket_id ticket = 0;
  pid_t pid = -1;
  tractor::unique_fd pidfd;
  tractor::spawn::child_ends ends;
};

class requester {
 public:
  explicit requester(tractor::spawn::fork_server_access access = {}) : server(std::move(access)) {}

  // Throws what the backend throws; std::runtime_error with the text of a failed_event.
  started_child start(tractor::spawn::start_method method, tractor::spawn::spawn_request request);
  started_child start(tractor::spawn::start_method method, std::string_view boot, std::string_view name = "worker");

  // Waits for the death of a child that was started here.
  tractor::spawn::death_certificate await_death(started_child& child);

  // Reads events until one of type Event for the ticket; keeps the others for later.
  template <class Event>
  Event await_event(tractor::spawn::ticket_id ticket) {
    for (;;) {
      for (auto at = pending.begin(); at != pending.end(); ++at) {
        auto* event = std::get_if<Event>(&*at);
        if (event == nullptr || event->ticket != ticket) continue;
        Event found = std::move(*event);
        pending.erase(at);
        return found;
      }
      turn();
    }
  }

  // Waits until the client has something to read or room to write, and lets it.
  void turn();

  tractor::spawn::fork_server_client server;
  std::string executable;  // for exec
  std::vector<tractor::spawn::fork_server_event> pending;
};

// True when the process has ended, or ends while we wait.
bool ends(int pidfd);
bool ended(int pidfd);
tractor::unique_fd watch_process(pid_t pid);

}  // namespace spawn_test
