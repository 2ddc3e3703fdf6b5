// SPDX-License-Identifier: Apache-2.0
//
// Floor of a round trip between two processes: 64 bytes there and back, each side waiting in epoll, one write and one read.
//
//   --mode uds | tcp, --cpu and --cpu2   pingpong.{uds,tcp}.{same_core,two_cores}
#include "floor.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace {

constexpr std::size_t message_bytes = 64;

struct pair {
  int near, far;
};

pair tcp_pair() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const int listener = raw::check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  raw::check(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), "bind");
  raw::check(::listen(listener, 1), "listen");
  raw::check(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  const int near = raw::check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  raw::check(::connect(near, reinterpret_cast<sockaddr*>(&address), size), "connect");
  const int far = raw::check(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC), "accept");
  ::close(listener);
  for (const int fd : {near, far}) {
    const int on = 1;
    raw::check(::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
  }
  return {near, far};
}

pair uds_pair() {
  int ends[2];
  raw::check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "socketpair");
  return {ends[0], ends[1]};
}

class end {
 public:
  explicit end(int fd) : fd_(fd), epoll_(raw::check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")) {
    epoll_event e{EPOLLIN, {.fd = fd}};
    raw::check(::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &e), "epoll_ctl");
  }

  void send() {
    if (::write(fd_, buffer_, message_bytes) != static_cast<ssize_t>(message_bytes)) raw::fail("write");
  }

  // False at the end of the stream. A message this small arrives whole.
  bool receive() {
    epoll_event e;
    raw::check(::epoll_wait(epoll_, &e, 1, -1), "epoll_wait");
    const ssize_t got = raw::check(::read(fd_, buffer_, sizeof buffer_), "read");
    if (got != 0 && got != static_cast<ssize_t>(message_bytes)) raw::fail("a torn message");
    return got > 0;
  }

 private:
  int fd_;
  int epoll_;
  char buffer_[4096]{};
};

}  // namespace

int main(int argc, char** argv) {
  const raw::options o = raw::begin(argc, argv);
  const std::string transport = o.mode == "tcp" ? "tcp" : "uds";
  const pair ends = transport == "tcp" ? tcp_pair() : uds_pair();
  const pid_t parent = ::getpid();
  const pid_t peer_process = raw::check(::fork(), "fork");
  if (peer_process == 0) {
    raw::die_with(parent);
    raw::pin(o.cpu2);
    ::close(ends.near);
    for (end peer(ends.far); peer.receive();) peer.send();
    ::_exit(0);
  }
  ::close(ends.far);
  end self(ends.near);
  std::vector<double> samples;
  samples.reserve(o.n);
  for (std::size_t i = 0; i < o.n / 10; ++i) self.send(), self.receive();
  for (double before = raw::now_ns(); samples.size() < o.n;) {
    self.send();
    if (!self.receive()) raw::fail("the peer went away");
    const double after = raw::now_ns();
    samples.push_back((after - before) / 1e3);
    before = after;
  }
  ::close(ends.near);
  raw::reap(peer_process);
  raw::report("pingpong." + transport + '.' + raw::placement(o), "us", samples);
}
