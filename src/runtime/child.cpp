// SPDX-License-Identifier: Apache-2.0
//
// The main function of an actor that another actor started.

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "base/relayed_stderr.hpp"
#include "child_actor.hpp"
#include "dump.hpp"
#include "registration.hpp"
#include "stall_report.hpp"
#include "tractor/base/log.hpp"
#include "tractor/msg/errors.hpp"
#include "tractor/msg/quoted.hpp"
#include "tractor/runtime/context.hpp"
#include "tractor/runtime/detail/directory.hpp"
#include "tractor/runtime/module.hpp"
#include "tractor/runtime/portal.hpp"
#include "tractor/runtime/root.hpp"
#include "tractor/runtime/server.hpp"
#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/exception_group.hpp"
#include "tractor/sc/signals.hpp"
#include "tractor/spawn/child_entry.hpp"

namespace tractor::detail {

namespace {

// SIGINT and SIGTERM are requests to end in good order (S-SIG-4, S-SIG-5).
sc::task<> watch_child_signals(actor& self, sc::signal_receiver& signals) {
  for (;;) {
    const int number = co_await signals.receive();
    if (number == SIGUSR1) {
      dump_and_pass_on(self);
      continue;
    }
    self.cancel_soon(self.uid(), sc::signal_name(number));
  }
}

// Handshake with the parent, then what it wants this actor to expose. A failure in here is reported to it without a cid (S-RT-22).
sc::task<> take_orders(actor& self, peer& parent, bool& introduced) {
  co_await parent.receive_aid();
  auto message = co_await parent.channel().receive();
  if (!message) throw transport_closed(parent.channel().why_closed());
  const auto* spec = std::get_if<msg::spawn_spec>(&*message);
  if (spec == nullptr)
    throw messaging_error("the parent sent " + std::string(msg::wire_name(msg::kind_of(*message))) + " where its SpawnSpec was expected");
  for (const auto& [module, file] : spec->enable_modules) self.enable_module(module);
  std::vector<ipc::address> registry_addrs;
  for (const auto& where : spec->reg_addrs) registry_addrs.push_back(ipc::address::from_wire(where));
  if (!registry_addrs.empty()) self.directory().set_registry_addrs(std::move(registry_addrs));
  for (const auto& where : spec->bind_addrs.value_or(std::vector<msg::wire_address>{}))
    listen_for(self, ipc::address::from_wire(where), {});
  try {
    if (!self.socket_dir().empty()) listen_at_control_socket(self);
  } catch (const error&) {
    // Done without: whoever looks for actors sees the process all the same.
  }
  introduced = true;
  parent.send_aid(spec->reg_addrs.empty() ? std::vector<ipc::address>() : registered_addrs(self));
  self.set_introduced();
}

// An actor whose parent is gone has nobody to work for: it ends (S-KIL-12).
sc::task<> serve_parent(actor& self, std::shared_ptr<peer> parent) {
  co_await parent->serve();
  // The parent sees no more than the end of the connection: why it was this side's comes to it with the news of the actor's death.
  if (!self.cancel_called() && !parent->channel().ended_by_stream())
    std::fprintf(stderr, "tractor: actor %s gave up the connection to its parent: %s\n", msg::quoted(self.name()).c_str(),
                 parent->channel().why_closed().c_str());
  self.cancel_soon(std::nullopt, "the connection to its parent ended");
}

enum class ending : unsigned char { returns, exits };

// What peers asked for has ended and has been told of. Only the runtime's own watchers are left: unwinding them would take longer than
// all else of an actor's end.
[[noreturn]] void exit_at_once(actor& self, int status) {
  self.prepare_exit();
  self.run_lifetime_stack();
  sc::detail::current_runner = nullptr;  // an exit handler may run a scheduler of its own
  std::exit(status);
}

sc::task<> live(actor& self, peer& parent, sc::nursery& service, int& status) {
  std::exception_ptr failed;
  bool introduced = false;
  try {
    co_await sc::fail_after(handshake_timeout, [&] { return take_orders(self, parent, introduced); });
  } catch (const error&) {
    failed = std::current_exception();
  }
  if (failed) {
    status = 1;
    try {
      if (!introduced) parent.send_aid();
      parent.send([&](msg::buffer& out) { encode_error(out, failed, self.uid(), std::nullopt, parent.takes_error_detail()); });
    } catch (const transport_closed&) {
      // The parent is gone.
    } catch (const error& untold) {
      std::fprintf(stderr, "tractor: actor %s cannot start: %s (and cannot say so: %s)\n", msg::quoted(self.name()).c_str(),
                   sc::describe(failed).c_str(), untold.what());
    }
    co_return;
  }
  service.start_soon({.name = "parent"}, [&self, link = parent.shared_from_this()] { return serve_parent(self, link); });
  co_await self.cancel_requested().wait();
  co_await self.finish_cancel();
}

sc::task<int> child_main(spawn::birth& born, ending how) {
  const auto boot = msg::decode<boot_record>(born.boot, {}, "boot");
  actor self(msg::aid{.name = born.name, .uuid = boot.uuid, .pid = ::getpid(), .is_registrar = false, .is_probe = false});
  self.set_fork_server(std::move(born.fork_server));
  self.set_socket_dir(boot.socket_dir);
  self.set_secret(ipc::tree_secret::from_key(boot.secret_key));
  self.set_insecure(boot.insecure);
  try {
    set_log_level(boot.loglevel);
  } catch (const usage_error& unknown) {
    // A level that the root has added while it ran.
    std::fprintf(stderr, "tractor: actor %s has the log level of this program: %s\n", msg::quoted(born.name).c_str(), unknown.what());
  }
  self.set_loglevel(boot.loglevel);
  self.set_group(boot.group);
  self.set_stall_bound(std::chrono::milliseconds(boot.stall_bound_ms));
  self.set_attributes_output(boot.attributes_output);
  self.set_root_place({.who = {.name = boot.root_name, .uuid = boot.root_uuid}, .addrs = boot.root_addrs});
  // A rehearsal is not alone in its process, and its stderr is nobody's.
  const child_stall_reports stalls(how == ending::exits ? self.stall_bound() : sc::duration::zero());
  if (how == ending::exits) stderr_is_relayed = true;
  const sc::task_local<actor*>::binding bound(current_actor_key, &self);
  const exit_callbacks last(self);
  int status = 0;
  // Before anybody can learn this process's pid from it: a signal it is sent then is a request, not its death.
  co_await sc::open_signal_receiver({SIGINT, SIGTERM, SIGUSR1}, [&](sc::signal_receiver& signals) -> sc::task<> {
    co_await sc::open_nursery([&](sc::nursery& service) -> sc::task<> {
      self.set_service(&service);
      auto parent = std::make_shared<peer>(self, std::make_unique<sc::socket_stream>(std::move(born.link)));
      parent->set_is_parent();
      parent->expect({.name = boot.parent_name, .uuid = boot.parent_uuid});
      self.add_peer(parent);
      service.start_soon({.name = "signals"}, [&] { return watch_child_signals(self, signals); });
      co_await live(self, *parent, service, status);
      // Threads are waited for where there are any, so then the run ends as every run does.
      if (how == ending::exits && !sc::detail::this_runner().has_external()) exit_at_once(self, status);
      self.close_all("actor " + msg::quoted(self.name()) + " has ended");
      service.cancel("the actor has ended");
    });
    // One that came since nobody looks would be raised again, and kill who has ended in good order.
    while (const auto number = signals.receive_if_arrived())
      if (*number == SIGUSR1) dump_and_pass_on(self);
  });
  co_return status;
}

int serve_actor(spawn::birth&& born) {
  try {
    return sc::run([&] { return child_main(born, ending::exits); });
  } catch (...) {
    const auto error = std::current_exception();
    std::fprintf(stderr, "tractor: actor %s failed: %s: %s\n%s%s", msg::quoted(born.name).c_str(), wire_type_name(error).c_str(),
                 sc::describe(error).c_str(), stack_text(code_places(sc::throw_stack(error))).c_str(), sc::await_trace(error).c_str());
    return 1;
  }
}

// --- the rehearsal ---

sc::task<int> rehearsed(int number) { co_return number; }
sc::task<int> rehearsed_context(context<int>& ctx, int number) {
  co_await ctx.started(number);
  co_return number;
}
void define_rehearsal(module_builder& mod) {
  mod.def<&rehearsed>("call", "number");
  mod.def<&rehearsed_context>("context", "number");
}
constexpr module_record rehearsal_module{"_rehearsal", __FILE__, &define_rehearsal};

// The life of an actor, with this end as its parent: the handshake, a call, a context, the end.
sc::task<> rehearse(unique_fd near, spawn::birth born, std::string uuid) {
  co_await sc::open_nursery([&](sc::nursery& service) -> sc::task<> {
    service.start_soon([&]() -> sc::task<> { static_cast<void>(co_await child_main(born, ending::returns)); });
    actor self(msg::aid{.name = "parent", .uuid = std::move(uuid), .pid = ::getpid(), .is_registrar = false, .is_probe = false});
    self.set_service(&service);
    const auto child = std::make_shared<peer>(self, std::make_unique<sc::socket_stream>(std::move(near)));
    child->send_aid();
    msg::spawn_spec spec;
    spec.enable_modules.append(rehearsal_module.name, rehearsal_module.file);
    child->channel().send([&](msg::buffer& out) { msg::encode_spawn_spec(out, spec); });
    co_await child->receive_aid();
    service.start_soon([child] { return child->serve(); });
    const portal there(child);
    static_cast<void>(co_await there.run<&rehearsed>(1));
    co_await there.open_context<&rehearsed_context>({1}, [](auto&, int) -> sc::task<> { co_return; });
    co_await child->request_cancel_actor();
    child->fail(std::make_exception_ptr(transport_closed("the rehearsal has ended")));
  });
}

// Lives an actor's life once in the fork server, so that every child finds done what one has to do only once: symbols bound, tables
// made, modules read. What goes wrong here goes wrong where it is told, in the actor.
void warm_up() {
  register_modules(&rehearsal_module, &rehearsal_module + 1);
  read_all_modules();
  try {
    int ends[2];
    check_syscall(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), "socketpair for the rehearsal");
    unique_fd near(ends[0]), far(ends[1]);
    sc::run([&]() -> sc::task<> {
      boot_record boot{.uuid = make_uuid(), .parent_name = "parent", .parent_uuid = make_uuid()};
      msg::buffer bytes;
      msg::encode(bytes, boot);
      spawn::birth born;
      born.name = "rehearsal";
      born.link = std::move(far);
      born.boot.assign(bytes.view().begin(), bytes.view().end());
      co_await rehearse(std::move(near), std::move(born), boot.parent_uuid);
    });
  } catch (const std::exception&) {
    // The first actor will meet the same.
  }
}

}  // namespace

void enter_child(int argc, char** argv) { spawn::child_entry(argc, argv, &serve_actor, &warm_up); }

}  // namespace tractor::detail
