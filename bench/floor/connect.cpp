// SPDX-License-Identifier: Apache-2.0
//
// Floor of a connection made for one exchange: socket, connect, who the peer is, an identity each way, close; each side waits in epoll.
//
//   connect.uds.same_core
#include "floor.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace {

constexpr std::size_t identity_bytes = 150;  // of an Aid, about

char buffer[4096];

void watch(int epoll, int fd) {
  epoll_event e{EPOLLIN | EPOLLET, {.fd = fd}};
  raw::check(::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e), "epoll_ctl");
}

void ask_who(int fd) {
  ucred who{};
  socklen_t size = sizeof who;
  raw::check(::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size), "SO_PEERCRED");
}

void serve(int listener) {
  const int epoll = raw::check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  watch(epoll, listener);
  for (;;) {
    epoll_event events[8];
    const int count = raw::check(::epoll_wait(epoll, events, 8, -1), "epoll_wait");
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == listener) {
        for (int accepted; (accepted = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
          ask_who(accepted);
          watch(epoll, accepted);
        }
      } else if (::recv(fd, buffer, sizeof buffer, 0) > 0) {
        raw::check(::send(fd, buffer, identity_bytes, MSG_NOSIGNAL), "send");
      } else {
        ::close(fd);
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const raw::options o = raw::begin(argc, argv);
  // A name that the system chooses, of no file.
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  socklen_t size = sizeof(sa_family_t);
  const int listener = raw::check(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
  raw::check(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), "bind");
  raw::check(::listen(listener, 128), "listen");
  size = sizeof address;
  raw::check(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  const pid_t parent = ::getpid();
  const pid_t server = raw::check(::fork(), "fork");
  if (server == 0) {
    raw::die_with(parent);
    raw::pin(o.cpu2);
    serve(listener);
  }
  const int epoll = raw::check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  std::vector<double> samples;
  samples.reserve(o.n);
  for (std::size_t i = 0; i < o.n + o.n / 10; ++i) {
    const double before = raw::now_ns();
    const int fd = raw::check(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
    raw::check(::connect(fd, reinterpret_cast<sockaddr*>(&address), size), "connect");
    ask_who(fd);
    watch(epoll, fd);
    raw::check(::send(fd, buffer, identity_bytes, MSG_NOSIGNAL), "send");
    epoll_event event;
    raw::check(::epoll_wait(epoll, &event, 1, -1), "epoll_wait");
    raw::check(::recv(fd, buffer, sizeof buffer, 0), "recv");
    ::close(fd);
    if (i >= o.n / 10) samples.push_back((raw::now_ns() - before) / 1e3);
  }
  ::kill(server, SIGKILL);
  int status = 0;
  raw::check(::waitpid(server, &status, 0), "waitpid");
  raw::report(std::string("connect.uds.") + raw::placement(o), "us", samples);
}
