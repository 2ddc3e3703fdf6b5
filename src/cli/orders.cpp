// SPDX-License-Identifier: Apache-2.0

#include "orders.hpp"

#include <signal.h>

#include "spawn/pidfd.hpp"
#include "tractor/base/fd.hpp"

namespace tractor::cli {

namespace {

void signal_busy(const live_actor& actor, int number) {
  const unique_fd pidfd(spawn::detail::open_pidfd(actor.pid));
  if (!pidfd) throw os_error("pidfd_open(" + std::to_string(actor.pid) + ")", errno);
  const auto now = facts_of(actor.pid);
  if (!now || !actor.process || now->start_ticks != actor.process->start_ticks) throw error(text_of(actor) + " has ended");
  if (!catches(actor.pid, number))
    throw error(text_of(actor) + " does not answer, and would not survive the signal: it is no actor, or handles signals itself");
  if (spawn::detail::signal_pidfd(pidfd.get(), number) != 0)
    throw os_error("pidfd_send_signal(" + std::to_string(actor.pid) + ", " + std::to_string(number) + ")", errno);
}

}  // namespace

sc::task<cancel_outcome> cancel_actor(const live_actor& actor) {
  bool acknowledged = false;
  const bool answered = co_await answers(actor, [&](portal& there) -> sc::task<> { acknowledged = co_await there.cancel_actor(); });
  if (!answered)
    throw error(text_of(actor) +
                " does not answer: it is busy. To end it by force, cancel the root of its tree, or use tractor reap --parent " +
                std::to_string(actor.pid));
  co_return cancel_outcome{
      .acknowledged = acknowledged,
      .said = text_of(actor) + (acknowledged ? " has ended its tasks, and ends" : " was told to end, and has not answered yet")};
}

sc::task<std::string> ask_for_dump(const live_actor& actor) {
  if (actor.status)
    co_await with_actor(
        actor, [](portal& there) -> sc::task<> { co_await there.run_from_ns<msg::value>(std::string(control_module), "dump", {}); });
  else
    signal_busy(actor, SIGUSR1);
  co_return "asked " + text_of(actor) +
      ": its task tree, and those of the actors below it, go to their stderr and to tractor-dump-PID.log beside their sockets";
}

}  // namespace tractor::cli
