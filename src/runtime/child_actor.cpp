// SPDX-License-Identifier: Apache-2.0

#include "child_actor.hpp"

#include <signal.h>

#include "lookup.hpp"
#include "tractor/ipc/socket_file.hpp"
#include "tractor/msg/quoted.hpp"
#include "tractor/sc/errors.hpp"
#include "tractor/sc/nursery.hpp"
#include "tractor/sc/run.hpp"
#include "tractor/sc/socket_listener.hpp"

namespace tractor::detail {

void child_actor::process_exited() noexcept {
  leaving.set();
  if (link->channel().closed()) return;
  drain.self = this;
  drain.fire = [](sc::detail::timer& due) noexcept {
    child_actor& self = *static_cast<drain_timer&>(due).self;
    self.outlived = true;
    self.link->channel().close("process is gone");  // short enough to need no memory
  };
  sc::runner& run = *sc::runner::current();
  drain.at = run.now() + link_drain_timeout;
  try {
    run.arm(drain);
  } catch (const std::bad_alloc&) {
    drain.fire(drain);  // its last words, if it had any, are lost
  }
}

// --- what its end means ---

bool child_actor::ended_as_told() const {
  const auto& certificate = *process->certificate();
  switch (certificate.kind) {
    case spawn::death_kind::exited: return certificate.exit_status == 0;
    case spawn::death_kind::signaled:
      return certificate.signal == SIGTERM || certificate.signal == SIGINT || (certificate.signal == SIGKILL && killed);
    case spawn::death_kind::lost: return true;  // nobody knows of anything else
  }
  return false;
}

std::exception_ptr child_actor::death() const {
  return std::make_exception_ptr(actor_died(who, *process->certificate(), process->stderr_output().tail()));
}

child_actor::end child_actor::judge_end(bool was_asked, bool dead) const {
  const auto ended = [&](const std::string& how) {
    return std::make_exception_ptr(transport_closed("actor " + msg::quoted(who.name) + how));
  };
  if (was_asked && (!dead || ended_as_told())) return {.why = ended(" has ended: it was cancelled"), .in_good_order = true};
  const std::string& why_closed = link->channel().why_closed();
  if (!dead)
    return {.why =
                std::make_exception_ptr(transport_closed("the connection to actor " + msg::quoted(who.name) + " ended, its process (pid " +
                                                         std::to_string(process->pid()) + ") lives: " + why_closed))};
  if (!process->certificate()->clean()) return {.why = death()};
  if (outlived || link->channel().ended_by_stream()) return {.why = death()};
  return {.why = ended(" has ended, because its connection had: " + why_closed)};
}

// --- what it leaves ---

namespace {

// Whether nobody listens there any more; `while_it_dies`: whoever does may be dying, and is given time for it.
sc::task<bool> nobody_listens(std::string path, bool while_it_dies) {
  bool refused = false;
  try {
    co_await sc::move_on_after(while_it_dies ? socket_death_timeout : socket_probe_timeout, [&]() -> sc::task<> {
      do {
        co_await sc::connect_unix(path);
        if (while_it_dies) co_await sc::sleep(socket_probe_pause);
      } while (while_it_dies);
    });
  } catch (const os_error& error) {
    refused = error.errno_value() == ECONNREFUSED;
  } catch (const std::exception&) {
    // Best effort: what cannot be looked at stays.
  }
  co_return refused;
}

// Of an actor whose number nobody knows, which dies now if there was one at all. Others of its name live on, and are waited for in vain.
sc::task<> sweep_of_name(std::string dir, std::string name) {
  if (dir.empty()) co_return;
  co_await sc::move_on_after(socket_death_timeout, [&]() -> sc::task<> {
    co_await sc::open_nursery([&](sc::nursery& each) -> sc::task<> {
      for (auto& file : ipc::socket_files_named(dir, name))
        each.start_soon([where = ipc::uds_address{.dir = dir, .file = std::move(file)}]() -> sc::task<> {
          if (co_await nobody_listens(where.path(), true)) ipc::remove_socket_of_dead(where);
        });
      co_return;
    });
  });
}

// Of what died with the fork server not all is known: an actor below need not have told of itself yet. The kernel kills them all at about
// the same time, and after this process has seen the server's end.
sc::task<> sweep_of_lost(std::string dir) {
  if (dir.empty()) co_return;
  for (sc::duration pause = socket_probe_pause; pause <= socket_probe_timeout; pause *= 2) {
    ipc::sweep_sockets_of_dead(dir, ipc::registry_sweep::spared);
    co_await sc::sleep(pause);
  }
  ipc::sweep_sockets_of_dead(dir, ipc::registry_sweep::spared);
}

}  // namespace

// A SIGKILL leaves no time to remove a socket file (S-KIL-6). One on which somebody listens by now is not the dead actor's.
sc::task<> child_actor::remove_socket_files(actor& owner) const {
  const auto& certificate = process->certificate();
  if (!certificate) co_return;
  if (certificate->clean()) {
    // It removes its own; unless a function of it has called exit().
    if (!took_leave()) ipc::remove_default_socket_of_dead(who.name, certificate->pid);
    co_return;
  }
  // What was below it dies with it, at about the same time. What it had started by exec and not told of yet is nobody's, and is swept if it
  // is dead by now; else that is the reaper's.
  if (owner.has_directory())
    for (const auto& below : owner.directory().table().owned_by(link.get()))
      for (const auto& where : below.addrs)
        if (where.uds() != nullptr && where.uds()->dir == owner.socket_dir() && co_await nobody_listens(where.uds()->path(), true))
          ipc::remove_socket_of_dead(*where.uds());
  if (executed && !owner.socket_dir().empty()) ipc::sweep_sockets_of_dead(owner.socket_dir(), ipc::registry_sweep::spared);
  // The fork server died before it answered: the actor was not made, or the kernel kills it at about the same time.
  const bool dies_unseen = certificate->pid < 0 && process->failure_errno() == ECONNRESET;
  if (certificate->pid < 0 && !dies_unseen) co_return;
  if (dies_unseen)
    co_await sweep_of_name(owner.socket_dir(), who.name);
  else
    ipc::remove_default_socket_of_dead(who.name, certificate->pid);
  if (certificate->kind == spawn::death_kind::lost) co_await sweep_of_lost(owner.socket_dir());
  for (const auto& where : options.bind_addrs)
    if (where.uds() != nullptr && co_await nobody_listens(where.uds()->path(), dies_unseen)) ipc::remove_socket_of_dead(*where.uds());
}

}  // namespace tractor::detail
