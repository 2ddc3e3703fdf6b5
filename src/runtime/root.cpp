// SPDX-License-Identifier: Apache-2.0

#include "tractor/runtime/root.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "child_actor.hpp"
#include "dump.hpp"
#include "registration.hpp"
#include "spawn/own_stderr.hpp"
#include "stall_report.hpp"
#include "tractor/base/exception_ptr_cast.hpp"
#include "tractor/base/log.hpp"
#include "tractor/ipc/resolve_address.hpp"
#include "tractor/ipc/runtime_directory.hpp"
#include "tractor/msg/quoted.hpp"
#include "tractor/msg/utf8.hpp"
#include "tractor/msg/value.hpp"
#include "tractor/runtime/detail/directory.hpp"
#include "tractor/runtime/server.hpp"
#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/errors.hpp"
#include "tractor/sc/exception_group.hpp"
#include "tractor/sc/signals.hpp"

namespace tractor::detail {

namespace {

[[noreturn]] void refuse_taken_signal(const usage_error& taken) {
  throw usage_error("the root actor cannot handle signals: " + taken.message() +
                    "; open it with root_options{.handle_signals = false} where the program handles them itself");
}

// SIGUSR1, from before the directory is opened until the root is gone: a root that hangs on its way in or out is the one whose tasks
// somebody wants to see. A receiver of its own, because that of SIGINT and SIGTERM is left at the first of them.
struct dump_requests {
  actor& self;
  std::optional<sc::signal_receiver> signals;

  dump_requests(actor& of, bool handled) : self(of) {
    try {
      if (handled) signals.emplace(std::vector{SIGUSR1});
    } catch (const usage_error& taken) {
      refuse_taken_signal(taken);
    }
  }
  dump_requests(const dump_requests&) = delete;
  dump_requests& operator=(const dump_requests&) = delete;
  // One that is left unreceived would be raised again, and kill.
  ~dump_requests() {
    while (signals && signals->receive_if_arrived()) dump_and_pass_on(self);
  }
};

sc::task<> watch_dump_requests(dump_requests& asked) {
  for (;;) {
    co_await asked.signals->receive();
    dump_and_pass_on(asked.self);
  }
}

// The part of a root that outlives its body: serves peers while the body is being cancelled (S-KIL-13). It runs, and ends by `stop`, also
// where the caller is cancelled already.
sc::task<> root_service(actor& self, dump_requests& asked, sc::event& ready, sc::event& stop) {
  co_await sc::shielded([&]() -> sc::task<> {
    co_await sc::open_nursery([&](sc::nursery& service) -> sc::task<> {
      self.set_service(&service);
      if (asked.signals) service.start_soon({.name = "dumps"}, watch_dump_requests, std::ref(asked));
      ready.set();
      co_await stop.wait();
      // The root always ends by cancelling itself: tasks that peers asked for, then its channels (S-RT-11, S-RT-17).
      self.cancel_soon(self.uid(), "the root actor has ended");
      co_await self.finish_cancel();
      self.close_all("the root actor has ended");
      self.run_lifetime_stack();
      service.cancel("the root actor has ended");
    });
    self.set_service(nullptr);
  });
}

// The first signal cancels the body. After that the dispositions are the old ones: a second signal kills. One that came while the
// body ended for another reason (its actors may have got it, too, and gone) counts as well.
sc::task<> watch_signals(sc::task_status<> status, actor& self, sc::cancel_scope& body) {
  const auto watch = [&](sc::signal_receiver& signals) -> sc::task<> {
    struct last_look {
      actor& self;
      sc::signal_receiver& signals;
      last_look(actor& of, sc::signal_receiver& at) noexcept : self(of), signals(at) {}
      last_look(const last_look&) = delete;
      last_look& operator=(const last_look&) = delete;
      ~last_look() {
        if (const auto number = self.interrupted_by == 0 ? signals.receive_if_arrived() : std::nullopt) self.interrupted_by = *number;
      }
    } const look(self, signals);
    status.started();
    self.interrupted_by = co_await signals.receive();
    body.cancel(self.interrupted_by == SIGINT ? "SIGINT" : "SIGTERM");
  };
  try {
    co_await sc::open_signal_receiver({SIGINT, SIGTERM}, watch);
  } catch (const usage_error& taken) {
    refuse_taken_signal(taken);
  }
}

// Ends the body's scope when a peer asks for the end of the root.
sc::task<> watch_requests(actor& self, sc::cancel_scope& body) {
  co_await self.cancel_requested().wait();
  body.cancel("the root actor was cancelled");
}

// What a signal to the whole group makes of the actors that got it first: their ends, and those of the dialogs with them.
bool is_consequence(const std::exception_ptr& error, int signal) {
  if (const auto* const group = exception_ptr_cast<sc::exception_group>(error))
    return std::ranges::all_of(group->exceptions(), [&](const auto& member) { return is_consequence(member, signal); });
  if (const auto* const death = exception_ptr_cast<actor_died>(error)) return death->certificate().killed_by(signal);
  // It met the signal while it booted: before it could handle it, or after that, and left in good order.
  if (const auto* const unborn = exception_ptr_cast<actor_failure>(error))
    return unborn->certificate() && (unborn->certificate()->killed_by(signal) || unborn->certificate()->clean());
  if (exception_ptr_cast<transport_closed>(error) != nullptr) return true;
  const auto* const remote = exception_ptr_cast<remote_actor_error>(error);
  return remote != nullptr && (remote->boxed_type_str() == "ContextCancelled" || remote->boxed_type_str() == "TransportClosed");
}

// A socket that every actor has, whatever else it listens at, so that whoever looks for actors on this machine finds it. One that cannot be
// made is done without.
void open_control_socket(actor& self) {
  try {
    self.set_socket_dir(ipc::runtime_directory());
    listen_at_control_socket(self);
  } catch (const error&) {
    self.set_socket_dir({});
  }
}

// What runs on a clock of its own is a simulation, and has nothing to do with this machine unless it says so.
bool is_simulated() { return sc::runner::current()->options().clock != nullptr; }

// Nobody would notice until somebody looks for its actors, and then perhaps in another program: who has named a registry hears of it.
void do_without_registry(directory& known, const root_options& options, const error& why) {
  known.set_why_none(why.what());
  if (names_registry())
    std::fprintf(stderr, "tractor: the tree of %s has no registry, and nobody finds its actors by name: %s\n",
                 msg::quoted(options.name).c_str(), why.what());
}

// The same as long as the registrar that was named has not come. (At the registry of the runtime directory, which nobody has named, there
// is nobody to come.)
// Then the result is true.
bool do_without_registrar(directory& known, const root_options& options, const std::vector<ipc::address>& registries, const error& why) {
  if (!names_registry() || registries.size() > registries_max) {
    do_without_registry(known, options, why);
    return false;
  }
  std::fprintf(stderr, "tractor: the tree of %s has no registry yet, and nobody finds its actors by name until it has one: %s\n",
               msg::quoted(options.name).c_str(), why.what());
  known.set_why_none(why.what());
  known.open_later(registries, options.bind_addrs.empty());
  return true;
}

// Where this tree's registry is to be; empty: it has none. Throws what resolving throws, unless nobody asked for a registry in as many
// words: a program that needs none runs also where there can be none.
sc::task<std::vector<ipc::address>> registries_for(directory& known, const root_options& options) {
  if (options.registry_addrs) co_return co_await ipc::resolve_known_addresses(*options.registry_addrs);
  if (is_simulated()) co_return std::vector<ipc::address>();
  try {
    co_return co_await ipc::resolve_known_addresses(default_registry_addrs());
  } catch (const error& why) {
    if (options.ensure_registry) throw;
    do_without_registry(known, options, why);
  }
  co_return std::vector<ipc::address>();
}

// Of a tree whose registry other machines reach: who reaches its actors, once for all of them.
void say_who_reaches_them(const actor& self, const std::vector<ipc::address>& registries) {
  if (std::ranges::none_of(registries, is_beyond_loopback)) return;
  if (self.may_listen_anywhere())
    std::fprintf(stderr, "tractor: actors of the tree of %s listen where other machines reach them, %s\n", msg::quoted(self.name()).c_str(),
                 self.secret() ? "and the tree's secret proves who connects; what is sent is not encrypted (docs/security.md)"
                               : "insecurely: whoever reaches one can run its functions");
  if (!self.may_listen_anywhere() && !all_here(registries))
    std::fprintf(
        stderr,
        "tractor: actors of the tree of %s cannot be found by name: their registry is on another machine, and without a tree secret "
        "(TRACTOR_SECRET_FILE) they listen on this one only (docs/security.md)\n",
        msg::quoted(self.name()).c_str());
}

// Where the root listens, and whether it is the registrar.
sc::task<> open_directory(actor& self, const root_options& options) {
  directory& known = self.directory();
  const auto registries = co_await registries_for(known, options);
  // An address of the registry is bound by whoever becomes the registrar, when it is known that there is none: until then this root would
  // take itself, and others it, for somebody who is in the way.
  std::vector<ipc::address> later;
  for (const auto& unresolved : options.bind_addrs) {
    auto where = co_await ipc::resolve_address(unresolved);
    if (std::ranges::any_of(registries, [&](const auto& registry) { return covers(where, registry); }))
      later.push_back(std::move(where));
    else
      listen_for(self, where, {});
  }
  if (options.control_socket && !is_simulated()) open_control_socket(self);
  bool is_late = false;
  if (!registries.empty()) try {
      co_await known.open(registries, options.ensure_registry, later);
    } catch (const error& why) {
      if (options.registry_addrs || options.ensure_registry) throw;
      is_late = do_without_registrar(known, options, registries, why);
    }
  for (const auto& where : later)
    if (std::ranges::none_of(self.listeners(), [&](const auto& listener) { return listener->local() == where; }))
      listen_for(self, where, {});
  if (!known.enabled()) co_return;
  if (is_late && options.bind_addrs.empty())
    known.listen_beside_registries();                            // as far as that can be now
  else if (options.bind_addrs.empty() && !known.is_registrar())  // which is reached at the registry's addresses
    for (const auto& where : default_bind_addrs(self, known.registry_addrs())) listen_for(self, where, {});
  say_who_reaches_them(self, known.registry_addrs());
  known.enroll(self.uid(), registered_addrs(self), nullptr);
  co_await known.wait_for(known.tell_above(self.uid()));
}

// Tells other tasks of the run that it has its root.
class root_of_run {
 public:
  explicit root_of_run(actor& self) noexcept : run_(*sc::runner::current()) { run_.set_root_actor(&self); }
  root_of_run(const root_of_run&) = delete;
  root_of_run& operator=(const root_of_run&) = delete;
  ~root_of_run() { run_.set_root_actor(nullptr); }

 private:
  sc::runner& run_;
};

}  // namespace

sc::task<> run_root(root_options options, std::function<sc::task<>()> body) {
  // Of the task, or of another one of this run that knows nothing of it (S-RT-1).
  const actor* running = current_actor_or_null();
  if (running == nullptr) running = static_cast<const actor*>(sc::runner::current()->root_actor());
  if (running != nullptr)
    throw runtime_failure("actor " + msg::quoted(running->name()) + " is running here already: a program has one root",
                          error_category::usage);
  if (!msg::is_utf8(options.name)) throw usage_error("the root actor's name is not UTF-8: " + msg::value(options.name).text());
  actor self(msg::aid{.name = options.name, .uuid = make_uuid(), .pid = ::getpid(), .is_registrar = false, .is_probe = false});
  const log_level_scope levels(options.loglevel);
  self.set_root();
  self.set_loglevel(options.loglevel);
  self.set_secret(options.secret ? options.secret : ipc::tree_secret::from_environment());
  self.set_insecure(options.insecure);
  self.set_group(options.group);
  self.set_stall_bound(options.stall_bound);
  self.set_attributes_output(options.attribute_output);
  const root_of_run only(self);
  const root_stall_reports stalls(is_simulated() ? sc::duration::zero() : options.stall_bound, options.name);
  dump_requests dumps(self, options.handle_signals);
  const sc::task_local<actor*>::binding bound(current_actor_key, &self);
  const exit_callbacks last(self);
  sc::event ready, stop;
  sc::cancel_scope body_scope({.where = {}});
  std::exception_ptr failed;
  co_await sc::open_nursery([&](sc::nursery& around) -> sc::task<> {
    around.start_soon({.name = "service"}, root_service, std::ref(self), std::ref(dumps), std::ref(ready), std::ref(stop));
    static_cast<void>(co_await sc::shielded([&]() -> sc::task<> { co_await ready.wait(); }));
    try {
      for (const auto& module : options.enable_modules) self.enable_module(module);
      co_await open_directory(self, options);
      co_await sc::open_nursery([&](sc::nursery& watchers) -> sc::task<> {
        if (options.handle_signals) co_await watchers.start({.name = "signals"}, watch_signals, std::ref(self), std::ref(body_scope));
        watchers.start_soon({.name = "requests"}, [&] { return watch_requests(self, body_scope); });
        co_await body_scope.run(body);
        watchers.cancel("the root's body has ended");
      });
    } catch (...) {
      failed = std::current_exception();
    }
    stop.set();
    around.cancel("the root's body has ended");
  });
  // A signal's exception comes instead of what its cancel made of the body, unless that failed for reasons of its own.
  if (failed && !(self.interrupted_by != 0 && is_consequence(failed, self.interrupted_by)))
    std::rethrow_exception(std::exchange(failed, nullptr));
  if (self.interrupted_by == SIGINT) throw keyboard_interrupt();
  if (self.interrupted_by == SIGTERM) throw terminated();
  if (body_scope.cancelled_caught())
    throw sc::scope_cancelled_error("the root actor was cancelled" +
                                    (self.cancel_caller() ? " by actor " + msg::quoted(self.cancel_caller()->name) : std::string()));
}

namespace {

// The program ends though nobody reads its stderr.
void say_last(std::string_view text) noexcept { spawn::detail::write_to_stderr(text, stderr_flush_bound_ms); }

}  // namespace

int run_main(std::function<sc::task<int>()> main) {
  try {
    return sc::run(main);
  } catch (const keyboard_interrupt&) {
    say_last("tractor: interrupted by SIGINT\n");
    return 128 + SIGINT;
  } catch (const terminated&) {
    say_last("tractor: ended by SIGTERM\n");
    return 128 + SIGTERM;
  } catch (...) {
    const auto error = std::current_exception();
    say_last(stack_text(code_places(sc::throw_stack(error))) + sc::await_trace(error) + wire_type_name(error) + ": " + sc::describe(error) +
             "\n");
    return 1;
  }
}

}  // namespace tractor::detail
