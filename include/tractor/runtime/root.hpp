// SPDX-License-Identifier: Apache-2.0
//
// The root actor, and how a program becomes one.
//
//     sc::task<> amain() { … }
//     int main(int argc, char** argv) { return tractor::run(argc, argv, amain); }
//
// `tractor::run` must be the first statement of main: the program is executed again for its fork server, and for actors started with
// exec; such a process never gets past that line. A test binary, or a program with a main of its own, calls
// `tractor::child_entry(argc, argv)` there instead.

#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "tractor/runtime/actor.hpp"
#include "tractor/runtime/module.hpp"
#include "tractor/sc/run.hpp"

namespace tractor {

struct root_options {
  std::string name = "root";
  std::vector<std::string> enable_modules = {};  // what peers may call in the root
  std::vector<ipc::address> bind_addrs = {};     // where the root listens, beside its control socket
  // SIGINT raises keyboard_interrupt in the body, SIGTERM terminated; a second one kills. SIGUSR1 shows the tasks of all actors, until the
  // root has ended. False: none of the three is handled, and SIGUSR1 kills the root, unless the program handles it.
  bool handle_signals = true;
  // Where the registrars are that know the actors of this tree by name; this root becomes the registrar at all of them where there is none.
  // nullopt: TRACTOR_REGISTRY (multiaddrs with commas between, or `none`), else registry@1616.sock in the runtime directory. Empty: none;
  // its actors are reached by address only.
  std::optional<std::vector<ipc::address>> registry_addrs = {};
  bool ensure_registry = false;  // this root is the registrar, or does not start
  // What TCP connections of this tree have to prove to know (docs/security.md); nullopt: TRACTOR_SECRET_FILE, else TRACTOR_SECRET, else
  // nothing. The actors that are started here have the same.
  std::optional<ipc::tree_secret> secret = {};
  // Lets the actors of this tree listen where other machines reach them, without a secret: whoever does can run what they expose.
  bool insecure = false;
  // Processes of other users that are in this group are served over UDS, and trusted, as those of this user are, wherever an actor of this
  // tree listens; the files of sockets are given to the group. In the runtime directory nobody else reaches them.
  std::optional<gid_t> group = {};
  // A log spec (base/log.hpp) for this tree, in this process while the root is open; TRACTOR_LOGLEVEL comes after it, as in all its actors.
  std::string loglevel = {};
  // Keeps a socket NAME@PID.sock in the runtime directory, by which the `tractor` command finds the actor; so do those that it starts.
  bool control_socket = true;
  // An actor of this tree whose loop is held for longer, by one task that does not wait, says so on stderr, with its stack
  // (sc/stall_detector.hpp). In whole milliseconds; zero: it does not. The root has a thread for it; others have none. It takes SIGURG;
  // where the program has a handler for that, there is no report.
  sc::duration stall_bound = std::chrono::seconds(1);
  // What actors write to stderr comes out with their names in front, "worker[4711]: "; not what says it already, as log records do.
  bool attribute_output = true;
};

namespace detail {
// Runs `body` as the root actor of a new tree.
[[nodiscard]] TRACTOR_API sc::task<> run_root(root_options options, std::function<sc::task<>()> body);
TRACTOR_API void enter_child(int argc, char** argv);
// Runs the program's main task; reports an error that leaves it on stderr. The exit status: what main gave, 1 for an error, 130 for
// SIGINT, 143 for SIGTERM.
[[nodiscard]] TRACTOR_API int run_main(std::function<sc::task<int>()> main);
}  // namespace detail

// Opens the root actor around `body`, explicitly. Throws runtime_failure when an actor is running here already (S-RT-1).
template <class Body>
[[nodiscard]] auto open_root_actor(Body body, root_options options = {}) -> std::invoke_result_t<Body&> {
  using value_type = typename std::invoke_result_t<Body&>::value_type;
  if constexpr (std::is_void_v<value_type>) {
    co_await detail::run_root(std::move(options), [&]() -> sc::task<> { return body(); });
  } else {
    std::optional<value_type> value;
    co_await detail::run_root(std::move(options), [&]() -> sc::task<> { value.emplace(co_await body()); });
    co_return std::move(*value);
  }
}

// In a process that tractor started: runs that role and does not return. In every other: returns. First statement of main.
inline void child_entry(int argc, char** argv) {
  register_own_modules();
  detail::enter_child(argc, argv);
}

// The main function of a program: runs `main()` (or `main(argc, argv)`), which returns task<int> or task<>. Inline, so that the modules
// of the object that calls it are the ones that become known.
template <class Main>
[[nodiscard]] int run(int argc, char** argv, Main main) {
  child_entry(argc, argv);
  return detail::run_main([&]() -> sc::task<int> {
    const auto call = [&] {
      if constexpr (std::is_invocable_v<Main&, int, char**>)
        return main(argc, argv);
      else
        return main();
    };
    if constexpr (std::is_void_v<typename decltype(call())::value_type>) {
      co_await call();
      co_return 0;
    } else {
      co_return co_await call();
    }
  });
}

}  // namespace tractor
