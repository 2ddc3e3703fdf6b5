// SPDX-License-Identifier: Apache-2.0
//
// What others write to the descriptor over which signals arrive.

#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "sc_test.hpp"

namespace {

using namespace sc_test;

std::set<int> open_descriptors() {
  std::set<int> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) found.insert(std::stoi(entry.path().filename().string()));
  return found;
}

// Text on a stderr that was closed before the pipe was made: bytes that are no signals at all, and such as are, but not this receiver's.
TRACTOR_TEST(signal_pipe, bytes_that_nobody_sent_as_signals_are_no_signals) {
  const auto before = open_descriptors();
  co_await sc::open_signal_receiver({SIGUSR1}, [&](sc::signal_receiver& signals) -> task<> {
    const char text[] = {'?', SIGUSR2, '\0', '\xff'};
    for (const int fd : open_descriptors())
      if (!before.contains(fd)) static_cast<void>(!::write(fd, text, sizeof(text)));  // the other end refuses it
    EXPECT_EQ(std::nullopt, signals.receive_if_arrived());

    ::raise(SIGUSR1);

    EXPECT_EQ(SIGUSR1, co_await signals.receive());
  });
}

}  // namespace
