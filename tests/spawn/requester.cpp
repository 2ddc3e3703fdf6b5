// SPDX-License-Identifier: Apache-2.0

#include "requester.hpp"

#include <poll.h>

#include <stdexcept>
#include <utility>

#include "link_io.hpp"
#include "spawn/pidfd.hpp"

namespace spawn_test {

using namespace tractor::spawn;

started_child requester::start(start_method method, std::string_view boot, std::string_view name) {
  return start(method, spawn_request{.name = std::string(name), .boot = std::as_bytes(std::span(boot))});
}

started_child requester::start(start_method method, spawn_request request) {
  started_child child;
  child.method = method;
  if (method == start_method::exec) {
    exec_child made = exec_spawn(request, {.executable = executable, .fork_server_requests = server.requests_fd()});
    child.pid = made.pid;
    child.pidfd = std::move(made.pidfd);
    child.ends = std::move(made.ends);
    return child;
  }
  fork_server_client::requested asked = server.request(request);
  child.ticket = asked.ticket;
  child.ends = std::move(asked.ends);
  for (;;) {
    for (auto at = pending.begin(); at != pending.end(); ++at) {
      if (auto* failed = std::get_if<failed_event>(&*at); failed != nullptr && failed->ticket == child.ticket) {
        const std::string text = failed->text;
        pending.erase(at);
        throw std::runtime_error(text);
      }
      if (auto* spawned = std::get_if<spawned_event>(&*at); spawned != nullptr && spawned->ticket == child.ticket) {
        child.pid = spawned->pid;
        child.pidfd = std::move(spawned->pidfd);
        pending.erase(at);
        return child;
      }
    }
    turn();
  }
}

death_certificate requester::await_death(started_child& child) {
  if (child.method == start_method::forkserver) return await_event<exited_event>(child.ticket).certificate;
  wait_for(child.pidfd.get(), POLLIN);
  exec_child ended_child{.pid = child.pid, .pidfd = std::move(child.pidfd), .ends = {}};
  return ended_child.try_reap().value();
}

void requester::turn() {
  const bool writing = server.wants_write();
  pollfd waited{.fd = server.fd(), .events = static_cast<short>(writing ? POLLIN | POLLOUT : POLLIN), .revents = 0};
  if (::poll(&waited, 1, patience_ms) != 1) throw std::runtime_error("waited too long for the fork server");
  if ((waited.revents & POLLOUT) != 0) server.on_writable(pending);
  server.on_readable(pending);
}

bool ended(int pidfd) {
  pollfd waited{.fd = pidfd, .events = POLLIN, .revents = 0};
  return ::poll(&waited, 1, 0) == 1;
}

bool ends(int pidfd) {
  pollfd waited{.fd = pidfd, .events = POLLIN, .revents = 0};
  return ::poll(&waited, 1, patience_ms) == 1;
}

tractor::unique_fd watch_process(pid_t pid) {
  return tractor::unique_fd(tractor::check_syscall(tractor::spawn::detail::open_pidfd(pid), "pidfd_open in a test"));
}

}  // namespace spawn_test
