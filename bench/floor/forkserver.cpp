// SPDX-License-Identifier: Apache-2.0
//
// Floor of starting and ending an actor through the fork server: see fork_server.hpp for the server's shape.
//
//   --mode one   forkserver.hello  request (socketpair included) to hello read and pidfd in hand
//                forkserver.reap   close of the link to the status report
//                forkserver.both   the two of one child added
//   --mode all   rounds of 200 idle children: forkserver.wall per child started in a row, forkserver.reap200 for all of them
//   --mode kill  forkserver.kill   SIGKILL through the pidfd to the status report
#include "fork_server.hpp"

namespace {

constexpr std::size_t children_a_round = 200;

void one_by_one(int control, std::size_t n, bool kill) {
  std::vector<double> hello, reap, both;
  for (std::size_t i = 0; i < n + n / 10; ++i) {
    const double asked = raw::now_ns();
    const raw::child c = raw::request(control);
    const double greeted = raw::now_ns();
    if (kill)
      raw::check(::syscall(SYS_pidfd_send_signal, c.pidfd, SIGKILL, nullptr, 0), "pidfd_send_signal");
    else
      ::close(c.link);
    raw::await_end(control, kill ? SIGKILL : 0);
    const double ended = raw::now_ns();
    if (kill) ::close(c.link);
    ::close(c.pidfd);
    if (i < n / 10) continue;  // the server's first forks copy its pages
    hello.push_back((greeted - asked) / 1e3);
    reap.push_back((ended - greeted) / 1e3);
    both.push_back((ended - asked) / 1e3);
  }
  if (kill) return raw::report("forkserver.kill", "us", reap);
  raw::report("forkserver.hello", "us", hello);
  raw::report("forkserver.reap", "us", reap);
  raw::report("forkserver.both", "us", both);
}

void all_at_once(int control, std::size_t rounds) {
  std::vector<double> wall, reap;
  for (std::size_t round = 0; round < rounds; ++round) {
    std::vector<raw::child> children;
    const double asked = raw::now_ns();
    for (std::size_t i = 0; i < children_a_round; ++i) children.push_back(raw::request(control));
    const double greeted = raw::now_ns();
    for (const raw::child& c : children) ::close(c.link);
    for (std::size_t i = 0; i < children_a_round; ++i) raw::await_end(control, 0);
    reap.push_back((raw::now_ns() - greeted) / 1e3);
    wall.push_back((greeted - asked) / 1e3 / children_a_round);
    for (const raw::child& c : children) ::close(c.pidfd);
  }
  raw::report("forkserver.wall", "us", wall);
  raw::report("forkserver.reap200", "us", reap);
}

}  // namespace

int main(int argc, char** argv) {
  const raw::options o = raw::begin(argc, argv);
  if (o.mode == "serve") return raw::serve();
  const raw::server server = raw::start_server();
  if (o.mode == "all")
    all_at_once(server.control, o.n);
  else
    one_by_one(server.control, o.n, o.mode == "kill");
  raw::end_server(server);
}
