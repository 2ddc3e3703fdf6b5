// SPDX-License-Identifier: Apache-2.0
//
// What the tests of guests and of adapters have in common.

#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <span>
#include <string>
#include <utility>

#include "tractor/base/fd.hpp"
#include "tractor/sc/sc.hpp"

namespace interop_test {

using namespace std::chrono_literals;
namespace sc = tractor::sc;
using sc::nursery;
using sc::task;

// How a guest ended.
struct ending {
  int times = 0;
  std::exception_ptr error;
  sc::guest_run::done_function note() {
    return [this](std::exception_ptr with) {
      ++times;
      error = std::move(with);
    };
  }
};

// Neither end blocks.
inline std::pair<tractor::unique_fd, tractor::unique_fd> socket_pair() {
  int ends[2];
  tractor::check_syscall(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), "socketpair()");
  return {tractor::unique_fd(ends[0]), tractor::unique_fd(ends[1])};
}

// Exactly so many bytes; fewer at the end of the stream.
inline task<std::string> receive(sc::byte_stream& stream, std::size_t bytes) {
  std::string text(bytes, '\0');
  std::size_t have = 0;
  while (have < bytes) {
    const std::size_t got = co_await stream.receive_some(std::as_writable_bytes(std::span(text)).subspan(have));
    if (got == 0) break;
    have += got;
  }
  text.resize(have);
  co_return text;
}

}  // namespace interop_test
