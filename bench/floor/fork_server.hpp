// SPDX-License-Identifier: Apache-2.0
//
// The raw fork server and its requester. The server has the shape of ours: executed once, single threaded, it is and stays the
// parent of every child, answers a request with a pidfd over SCM_RIGHTS, waits for its children itself and reports each one's
// status and resource usage. A request carries one end of a socketpair; the child says hello on it and lives until it closes.
#pragma once

#include "message.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace raw {

inline constexpr int control_fd = 3;  // of the executed server
inline constexpr int link_fd = 3;     // of a child

[[noreturn]] inline void be_child(pid_t server, int link) {
  die_with(server);
  check(::dup2(link, link_fd), "dup2");
  check(::close_range(link_fd + 1, ~0U, 0), "close_range");
  char byte = 'h';
  check(::write(link_fd, &byte, 1), "hello");
  while (::read(link_fd, &byte, 1) > 0) {
  }
  ::_exit(0);
}

inline void start_child(int epoll, int link) {
  const pid_t server = ::getpid();
  const pid_t pid = check(::fork(), "fork");
  if (pid == 0) be_child(server, link);
  const int pidfd = static_cast<int>(check(::syscall(SYS_pidfd_open, pid, 0), "pidfd_open"));
  send(control_fd, {message::kind::started, pid}, pidfd);
  ::close(link);
  epoll_event e{EPOLLIN, {.u64 = static_cast<std::uint64_t>(pid) << 32 | static_cast<std::uint32_t>(pidfd)}};
  check(::epoll_ctl(epoll, EPOLL_CTL_ADD, pidfd, &e), "epoll_ctl");
}

inline void report_end(int epoll, std::uint64_t child) {
  const int pidfd = static_cast<int>(child & 0xffffffffU);
  message m{message::kind::ended, static_cast<pid_t>(child >> 32)};
  check(::wait4(m.pid, &m.status, 0, &m.usage), "wait4");
  send(control_fd, m);
  // The requester holds the same open file, so that closing alone would leave it registered.
  ::epoll_ctl(epoll, EPOLL_CTL_DEL, pidfd, nullptr);
  ::close(pidfd);
}

inline int serve() {
  check(::prctl(PR_SET_CHILD_SUBREAPER, 1), "subreaper");
  const int epoll = check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  epoll_event events[64]{{EPOLLIN, {.u64 = 0}}};
  check(::epoll_ctl(epoll, EPOLL_CTL_ADD, control_fd, events), "epoll_ctl");
  for (message m{};;) {
    const int ready = check(::epoll_wait(epoll, events, 64, -1), "epoll_wait");
    for (int i = 0, link = -1; i < ready; ++i) {
      if (events[i].data.u64 != 0)
        report_end(epoll, events[i].data.u64);
      else if (receive(control_fd, m, link))
        start_child(epoll, link);
      else
        return 0;
    }
  }
}

struct child {
  pid_t pid;
  int link, pidfd;
};

inline child request(int control) {
  int ends[2];
  check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "socketpair");
  send(control, {message::kind::start}, ends[1]);
  ::close(ends[1]);
  message m{};
  child c{-1, ends[0], -1};
  if (!receive(control, m, c.pidfd) || m.what != message::kind::started) fail("the server did not answer");
  c.pid = m.pid;
  char hello = 0;
  if (::read(c.link, &hello, 1) != 1 || hello != 'h') fail("the child said no hello");
  return c;
}

inline void await_end(int control, int expected_signal) {
  message m{};
  int none = -1;
  if (!receive(control, m, none) || m.what != message::kind::ended) fail("the server reported no end");
  if ((WIFSIGNALED(m.status) ? WTERMSIG(m.status) : WEXITSTATUS(m.status)) != expected_signal) fail("a child ended badly");
}

// The program's own file, executed again with `--mode serve`; its main must then call `serve`.
struct server {
  pid_t pid;
  int control;
};

inline server start_server() {
  int ends[2];
  check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), "socketpair");
  const pid_t parent = ::getpid();
  const pid_t pid = check(::fork(), "fork");
  if (pid == 0) {
    die_with(parent);
    ends[1] == control_fd ? ::fcntl(control_fd, F_SETFD, 0) : ::dup2(ends[1], control_fd);
    ::execl("/proc/self/exe", "fork-server", "--mode", "serve", nullptr);
    fail("execl");
  }
  ::close(ends[1]);
  return {pid, ends[0]};
}

// Its children have ended, or die with it.
inline void end_server(const server& s) {
  ::close(s.control);
  reap(s.pid);
}

}  // namespace raw
