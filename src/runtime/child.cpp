// SPDX-License-Identifier: Apache-2.0
//
// The main function of an actor that another actor started.

#include <signal.h>
#include <unistd.h>

#include <cstdio>

#include "child_actor.hpp"
#include "tractor/msg/errors.hpp"
#include "tractor/runtime/root.hpp"
#include "tractor/runtime/server.hpp"
#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/exception_group.hpp"
#include "tractor/sc/signals.hpp"
#include "tractor/spawn/child_entry.hpp"

namespace tractor::detail {

namespace {

// SIGINT and SIGTERM are requests to end in good order (S-SIG-4, S-SIG-5).
sc::task<> watch_child_signals(actor& self) {
  co_await sc::open_signal_receiver({SIGINT, SIGTERM}, [&](sc::signal_receiver& signals) -> sc::task<> {
    for (;;) {
      const int number = co_await signals.receive();
      self.cancel_soon(self.uid(), sc::signal_name(number));
    }
  });
}

// Handshake with the parent, then what it wants this actor to expose. A failure in here is reported to it without a cid (S-RT-22).
sc::task<> take_orders(actor& self, peer& parent) {
  parent.send_aid();
  co_await parent.receive_aid();
  auto message = co_await parent.channel().receive();
  if (!message) throw transport_closed(parent.channel().why_closed());
  const auto* spec = std::get_if<msg::spawn_spec>(&*message);
  if (spec == nullptr)
    throw messaging_error("the parent sent " + std::string(msg::wire_name(msg::kind_of(*message))) + " where its SpawnSpec was expected");
  for (const auto& [module, file] : spec->enable_modules) self.enable_module(module);
  for (const auto& where : spec->bind_addrs.value_or(std::vector<msg::wire_address>{}))
    listen_for(self, ipc::address::from_wire(where), {});
}

// An actor whose parent is gone has nobody to work for: it ends (S-KIL-12).
sc::task<> serve_parent(actor& self, std::shared_ptr<peer> parent) {
  co_await parent->serve();
  self.cancel_soon(std::nullopt, "the connection to its parent ended");
}

sc::task<int> child_main(spawn::birth& born) {
  const auto boot = msg::decode<boot_record>(born.boot, {}, "boot");
  actor self(msg::aid{.name = born.name, .uuid = boot.uuid, .pid = ::getpid(), .is_registrar = false, .is_probe = false});
  self.set_fork_server(std::move(born.fork_server));
  const sc::task_local<actor*>::binding bound(current_actor_key, &self);
  int status = 0;
  co_await sc::open_nursery([&](sc::nursery& service) -> sc::task<> {
    self.set_service(&service);
    auto parent = std::make_shared<peer>(self, std::make_unique<sc::socket_stream>(std::move(born.link)));
    parent->set_is_parent();
    parent->expect({.name = boot.parent_name, .uuid = boot.parent_uuid});
    self.add_peer(parent);
    std::exception_ptr failed;
    try {
      co_await sc::fail_after(handshake_timeout, [&] { return take_orders(self, *parent); });
    } catch (const error&) {
      failed = std::current_exception();
    }
    if (failed) {
      status = 1;
      try {
        parent->send([&](msg::buffer& out) { msg::encode_error_msg(out, pack_error(failed, self.uid(), std::nullopt)); });
      } catch (const error&) {
        // The parent is gone: it reads the exit status.
      }
    } else {
      service.start_soon({.name = "signals"}, [&] { return watch_child_signals(self); });
      service.start_soon({.name = "parent"}, [&, parent] { return serve_parent(self, parent); });
      co_await self.cancel_requested().wait();
      co_await self.finish_cancel();
    }
    self.close_all("actor '" + self.name() + "' has ended");
    service.cancel("the actor has ended");
  });
  self.run_lifetime_stack();
  co_return status;
}

int serve_actor(spawn::birth&& born) {
  try {
    return sc::run([&] { return child_main(born); });
  } catch (...) {
    const auto error = std::current_exception();
    std::fprintf(stderr, "tractor: actor '%s' failed: %s: %s\n", born.name.c_str(), wire_type_name(error).c_str(),
                 sc::describe(error).c_str());
    return 1;
  }
}

// Touches what every actor will use, once, in the fork server: children then share these pages.
void warm_up() {
  static_cast<void>(sc::run([]() -> sc::task<int> {
    co_await sc::open_nursery([](sc::nursery& n) { n.start_soon([]() -> sc::task<> { co_await sc::checkpoint(); }); });
    co_return 0;
  }));
}

}  // namespace

void enter_child(int argc, char** argv) { spawn::child_entry(argc, argv, &serve_actor, &warm_up); }

}  // namespace tractor::detail
