// SPDX-License-Identifier: Apache-2.0
//
// Answers to requesters: sent at once, or kept until the requester reads again.

#include <sys/epoll.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "fork_server.hpp"

namespace tractor::spawn::detail {

namespace {

// 0 or errno.
int send_reply(int socket, const reply_header& header, std::string_view text, int pidfd) noexcept {
  reply_header sent = header;
  sent.text_bytes = static_cast<std::uint32_t>(text.size());
  std::array<iovec, 2> parts{iovec{&sent, sizeof(sent)}, iovec{const_cast<char*>(text.data()), text.size()}};
  const std::span<const int> descriptors(&pidfd, pidfd >= 0 ? 1 : 0);
  return send_message(socket, std::span(parts).first(text.empty() ? 1 : 2), descriptors) < 0 ? errno : 0;
}

}  // namespace

// False where the requester has to read first. One that is gone is not told anything; its socket says so to the loop.
bool fork_server::try_reply(requester& to, const reply_header& header, std::string_view text, int pidfd) {
  const int error = send_reply(to.socket.get(), header, text, pidfd);
  if (error != ETOOMANYREFS) return error != EAGAIN;
  // The user has too many descriptors in flight. A child whose pidfd cannot be handed over must not live.
  if (disown(header.pid, error)) return true;
  const std::string reason = step_failed(handing_over, error);
  return send_reply(to.socket.get(), {.kind = reply_kind::failed, .ticket = header.ticket, .error = error}, reason, -1) != EAGAIN;
}

void fork_server::reply(requester_id id, requester& to, const reply_header& header, std::string_view text, unique_fd pidfd) {
  text = text.substr(0, reply_text_bytes_max);
  if (to.backlog.empty() && try_reply(to, header, text, pidfd.get())) return;
  to.backlog.push_back({header, std::string(text), std::move(pidfd)});
  if (to.backlog.size() == 1) set_interest(id, to, EPOLLOUT);
}

void fork_server::reply_failed(requester_id id, requester& to, std::uint64_t ticket, int error, std::string_view text) {
  reply(id, to, {.kind = reply_kind::failed, .ticket = ticket, .error = error}, text, {});
}

void fork_server::flush_backlog(requester_id id, requester& to) {
  while (!to.backlog.empty()) {
    const queued_reply& next = to.backlog.front();
    if (!try_reply(to, next.header, next.text, next.pidfd.get())) return;
    to.backlog.pop_front();
  }
  set_interest(id, to, EPOLLIN);
}

void fork_server::set_interest(requester_id id, const requester& of, std::uint32_t events) const {
  epoll_event event{.events = events, .data = {.u64 = event_key(event_source::requester_socket, id)}};
  check_syscall(::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, of.socket.get(), &event), "epoll_ctl");
}

// Kills a child whose requester cannot be given it, and which is told so when the child is gone. False where it is gone already.
bool fork_server::disown(pid_t pid, int error) noexcept {
  server_child* const child = children_.find(pid);
  if (child == nullptr) return false;
  ::kill(pid, SIGKILL);
  child->abandoned = static_cast<std::uint16_t>(error);
  return true;
}

}  // namespace tractor::spawn::detail
