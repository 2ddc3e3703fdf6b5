// SPDX-License-Identifier: Apache-2.0
//
// Rows of the kernel between two processes: a round trip through a socket, waited for by the run itself and by Asio in its place.
#include "floors.hpp"
#include "row.hpp"

#include <tractor/base/fd.hpp>
#include <tractor/sc/sc.hpp>
#ifdef TRACTOR_BENCH_ASIO
#include <tractor/interop/asio/use_task.hpp>
#endif

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <system_error>

namespace {

namespace sc = tractor::sc;
using bench::now_ns;
using bench::pass;

constexpr std::size_t message_bytes = 64;  // as the floor's

sc::task<> echo(sc::socket_stream& peer) {
  std::array<std::byte, message_bytes> message;
  while (co_await peer.receive_some(message) != 0) co_await peer.send_all(message);
}

// `prepare` is done first in both runs.
void pingpong(pass& p, void (*prepare)()) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw std::system_error(errno, std::generic_category(), "socketpair");
  tractor::unique_fd near(ends[0]), far(ends[1]);
  const pid_t peer = ::fork();
  if (peer < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (peer == 0) {
    near.reset();
    try {
      sc::run([&]() -> sc::task<> {
        prepare();
        sc::socket_stream stream(std::move(far));
        co_await echo(stream);
      });
    } catch (...) {
      ::_exit(EXIT_FAILURE);  // this is not the benchmark's process
    }
    ::_exit(EXIT_SUCCESS);
  }
  far.reset();
  sc::run([&]() -> sc::task<> {
    prepare();
    sc::socket_stream stream(std::move(near));
    std::array<std::byte, message_bytes> message{};
    while (p.wanted()) {
      const double before = now_ns();
      co_await stream.send_all(message);
      if (co_await stream.receive_some(message) != message_bytes) throw std::runtime_error("a torn message");
      p.add_ns(now_ns() - before);
    }
  });
  int status = 0;
  if (::waitpid(peer, &status, 0) != peer || status != 0) throw std::runtime_error("the peer failed");
}

void by_itself(pass& p) {
  pingpong(p, [] {});
}

constexpr bench::row pingpong_rows[] = {{
    .id = "kernel.pingpong",
    .unit = "us",
    .what = "64 bytes there and back between tasks in two processes",
    .run = &by_itself,
    .n = 5000,
    .floor = &bench::floors::pingpong_uds_same_core,
}};

TRACTOR_BENCH_ROWS(pingpong_rows);

#ifdef TRACTOR_BENCH_ASIO
void through_asio(pass& p) {
  pingpong(p, [] { static_cast<void>(tractor::interop::asio_context()); });
}

constexpr bench::row asio_rows[] = {{
    .id = "kernel.pingpong.asio",
    .unit = "us",
    .what = "the same in runs that wait in an io_context of Asio",
    .run = &through_asio,
    .n = 5000,
    .floor = &bench::floors::pingpong_uds_same_core,
}};

TRACTOR_BENCH_ROWS(asio_rows);
#endif

}  // namespace
