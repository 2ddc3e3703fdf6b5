// SPDX-License-Identifier: Apache-2.0
//
// Another program beside a test: a service that the test talks to.
//
//     testing::daemon_process store(testing::daemon_of_modules("store", {"store"}));   // this test program once more, as another root
//     co_await store.ready();
//     co_await tractor::wait_for_actor("store", …);
//     EXPECT_EQ((co_await store.stop()).exit_code, 130);
//
//     testing::daemon_process server({.arguments = {"/usr/local/bin/server", "--ready-file", path}, .ready_file = path});
//
// It is ready when it has made a file (S-MPG-3): `ready_file`, whose name it gets in the environment as well, as TRACTOR_TEST_READY_FILE. A
// program of one's own calls tell_ready(). (Whether somebody listens at an address says less: a connection that only looks is a visitor
// whom the service has to bear.)
//
// What it writes to stdout and stderr is kept in files, and is in the error when it does not become ready. ready() and stop() are for
// tasks; outside of a run, in a fixture's SetUp and TearDown, there are ready_sync() and stop_sync(). One that is destroyed while it runs
// is killed with SIGKILL. It inherits the environment, and with it the registry and the runtime directory of an actor_fixture.

#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <vector>

#include "tractor/base/config.hpp"
#include "tractor/sc/process.hpp"
#include "tractor/sc/task.hpp"

namespace tractor::testing {

inline constexpr const char* ready_file_variable = "TRACTOR_TEST_READY_FILE";
inline constexpr const char* daemon_variable = "TRACTOR_TEST_DAEMON";
inline constexpr std::chrono::milliseconds daemon_ready_bound_default = std::chrono::seconds(15);
inline constexpr auto daemon_ready_pause = std::chrono::milliseconds(50);  // between two looks for its file
inline constexpr int daemon_interrupts_max = 3;                            // SIGINTs before a SIGKILL
inline constexpr std::chrono::milliseconds daemon_stop_pause_default = std::chrono::seconds(5);

struct daemon_options {
  std::vector<std::string> arguments;         // the program first, see sc/process.hpp
  std::vector<std::string> environment = {};  // "NAME=value": in place of, or beside, what this process's environment says
  std::string working_directory = {};         // empty: this process's
  std::string ready_file = {};                // empty: one in a directory of its own
  std::chrono::milliseconds ready_bound = daemon_ready_bound_default;
  std::chrono::milliseconds stop_pause = daemon_stop_pause_default;  // after each SIGINT
};

// This test program once more: there its main (main.hpp) opens a root actor of that name which offers these modules, and ends by SIGINT.
[[nodiscard]] TRACTOR_API daemon_options daemon_of_modules(std::string name, std::vector<std::string> modules);

class TRACTOR_API daemon_process {
 public:
  // Starts it, and does not wait. Throws os_error when it cannot be started.
  explicit daemon_process(daemon_options options);
  daemon_process(const daemon_process&) = delete;
  daemon_process& operator=(const daemon_process&) = delete;
  ~daemon_process();

  // Waits until it is ready. Throws check_failed, with what it wrote to stderr, when it has ended before that, or is not within
  // `ready_bound`.
  [[nodiscard]] sc::task<> ready(std::source_location where = std::source_location::current());
  void ready_sync(std::source_location where = std::source_location::current());

  // Sends SIGINT, waits `stop_pause`; after the third, SIGKILL. Tells how it ended: a root of tractor's with status 130, a program without
  // a handler by the signal. At once when it has ended by itself. A cancel does not stop it half way.
  [[nodiscard]] sc::task<sc::process_status> stop();
  sc::process_status stop_sync();

  [[nodiscard]] pid_t pid() const noexcept;
  // What it has written so far.
  [[nodiscard]] std::string output() const;
  [[nodiscard]] std::string error_output() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

// In such a program, when it serves: makes the file that TRACTOR_TEST_READY_FILE names. Does nothing where that is not set. Throws
// os_error.
TRACTOR_API void tell_ready();

namespace detail {
// In a process that was started with the options of daemon_of_modules: is that daemon, and gives its exit status.
[[nodiscard]] TRACTOR_API std::optional<int> run_as_daemon();
}  // namespace detail

}  // namespace tractor::testing
