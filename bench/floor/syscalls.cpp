// SPDX-License-Identifier: Apache-2.0
//
// What single calls cost here: no row's floor, but the prices from which a profile is explained. Each sample is the mean of
// a thousand calls; `--n` counts samples.
//
//   syscall.{empty,clock_gettime,socketpair,write_read,pass_fd,epoll_add_del,timerfd_settime} ns, syscall.fork_exit_reap us
#include "floor.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

namespace {

constexpr int calls_a_sample = 1000;

template <class Body>
void measure(const char* id, std::size_t n, Body&& body) {
  std::vector<double> samples;
  while (samples.size() < n) {
    const double before = raw::now_ns();
    for (int i = 0; i < calls_a_sample; ++i) body();
    samples.push_back((raw::now_ns() - before) / calls_a_sample);
  }
  raw::report(id, "ns", samples);
}

void pass_fd(int from, int to, int fd) {
  char byte = 'x';
  iovec body{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)]{};
  msghdr header{nullptr, 0, &body, 1, control, sizeof control, 0};
  cmsghdr* c = CMSG_FIRSTHDR(&header);
  c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(c), &fd, sizeof fd);
  raw::check(::sendmsg(from, &header, 0), "sendmsg");
  raw::check(::recvmsg(to, &header, MSG_CMSG_CLOEXEC), "recvmsg");
  std::memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&header)), sizeof fd);
  ::close(fd);
}

void fork_exit_reap(std::size_t n) {
  std::vector<double> samples;
  while (samples.size() < n) {
    const double before = raw::now_ns();
    const pid_t pid = raw::check(::fork(), "fork");
    if (pid == 0) ::_exit(0);
    raw::check(::waitpid(pid, nullptr, 0), "waitpid");
    samples.push_back((raw::now_ns() - before) / 1e3);
  }
  raw::report("syscall.fork_exit_reap", "us", samples);
}

}  // namespace

int main(int argc, char** argv) {
  const raw::options o = raw::begin(argc, argv);
  int ends[2];
  raw::check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "socketpair");
  const int epoll = raw::check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  const int timer = raw::check(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), "timerfd_create");
  char buffer[64]{};
  measure("syscall.empty", o.n, [] { ::syscall(SYS_getppid); });
  measure("syscall.clock_gettime", o.n, [] { raw::now_ns(); });
  measure("syscall.socketpair", o.n, [] {
    int pair[2];
    raw::check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), "socketpair");
    ::close(pair[0]), ::close(pair[1]);
  });
  measure("syscall.write_read", o.n, [&] {
    raw::check(::write(ends[0], buffer, sizeof buffer), "write");
    raw::check(::read(ends[1], buffer, sizeof buffer), "read");
  });
  measure("syscall.pass_fd", o.n, [&] { pass_fd(ends[0], ends[1], timer); });
  measure("syscall.epoll_add_del", o.n, [&] {
    epoll_event e{EPOLLIN, {.fd = ends[0]}};
    raw::check(::epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &e), "epoll_ctl");
    raw::check(::epoll_ctl(epoll, EPOLL_CTL_DEL, ends[0], nullptr), "epoll_ctl");
  });
  measure("syscall.timerfd_settime", o.n, [&] {
    const itimerspec in_an_hour{{0, 0}, {3600, 0}};
    raw::check(::timerfd_settime(timer, 0, &in_an_hour, nullptr), "timerfd_settime");
  });
  fork_exit_reap(o.n * 10);
}
