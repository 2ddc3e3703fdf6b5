// SPDX-License-Identifier: Apache-2.0

#include "tractor/runtime/actor_nursery.hpp"

#include <signal.h>

#include <algorithm>

#include "child_actor.hpp"
#include "lookup.hpp"
#include "registration.hpp"
#include "tractor/base/exception_ptr_cast.hpp"
#include "tractor/base/log.hpp"
#include "tractor/ipc/resolve_address.hpp"
#include "tractor/msg/quoted.hpp"
#include "tractor/msg/utf8.hpp"
#include "tractor/msg/value.hpp"
#include "tractor/runtime/detail/directory.hpp"
#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/errors.hpp"
#include "tractor/sc/exception_group.hpp"

namespace tractor {

using detail::child_actor;

namespace {
constinit logger log_of_nursery("tractor.runtime.nursery");
}

actor_nursery::actor_nursery(actor& owner) : owner_(owner), body_scope_({.where = {}}) {}

actor_nursery::~actor_nursery() {
  TRACTOR_ASSERT(children_.empty(), "an actor nursery is left while actors of it are alive");
  // Only a task from around this nursery can still be in a dialog with an actor of it. It takes the loss along.
  for (const auto& link : undecided_)
    if (link->loss_pending())
      link->on_loss_dropped([who = link->remote_uid(), why = link->lost()] {
        log_of_nursery.error(
            "actor ", msg::quoted(who.name),
            " is gone, and nobody is told: its nursery is over, and the dialog with it was left otherwise: ", sc::describe_briefly(why));
      });
}

// --- the block ---

sc::task<> actor_nursery::run(std::function<sc::task<>(actor_nursery&)> body) {
  std::exception_ptr cut;  // the cancel that came from around the block
  co_await sc::open_nursery([&](sc::nursery& tasks) -> sc::task<> {
    tasks_ = &tasks;
    bool complete = false;
    try {
      complete = co_await body_scope_.run([&] { return body(*this); });
      if (complete) co_await join();
    } catch (const sc::cancelled&) {
      cut = std::current_exception();
    } catch (...) {
      record(owner_.uid(), std::current_exception());
    }
    // Whatever went wrong, or nothing: no actor is left after this. Shielded, the channels stay in use until the last is reaped.
    if (!children_.empty() || starting_ != 0) co_await sc::shielded([&] { return end_all(); });
    closed_ = true;
    tasks.cancel("the actor nursery has ended");
  });
  if (!errors_.empty()) throw_errors();
  if (cut) std::rethrow_exception(std::exchange(cut, nullptr));
}

sc::task<> actor_nursery::join() {
  for (;;) {
    if (failing_ || (children_.empty() && starting_ == 0)) co_return;
    // A cancel that somebody asked for through a portal runs to its end, acknowledged or not (S-KIL-11).
    for (const auto& child : children_)
      if (child->booted && child->link->cancel_called() && !child->ending) start_ending(child, false);
    co_await changed_.park("actor nursery exit");
  }
}

void actor_nursery::record(const uid& who, std::exception_ptr error) {
  for (const auto& [known, earlier] : errors_)
    if (known.uuid == who.uuid || earlier == error) return;
  if (who.uuid == owner_.uid().uuid)
    errors_.emplace(errors_.begin(), who, std::move(error));  // the body's error comes first (S-NUR-13)
  else
    errors_.emplace_back(who, std::move(error));
}

void actor_nursery::fail(std::string why) {
  failing_ = true;
  body_scope_.cancel(sc::cancel_reason{.source = sc::cancel_source::nursery_failed, .text = std::move(why), .task = {}, .where = {}});
  changed_.unpark_all();
}

void actor_nursery::throw_errors() {
  std::vector<std::exception_ptr> errors;
  errors.reserve(errors_.size());
  for (auto& [who, error] : errors_) {
    sc::detail::this_runner().continue_trace(error);  // it was held while the actors ended
    errors.push_back(std::move(error));
  }
  errors_.clear();
  sc::throw_collapsed("errors in an actor nursery of " + msg::quoted(owner_.name()), std::move(errors));
}

// --- starting actors ---

namespace {

spawn::start_method method_for(const actor_options& options) {
  if (options.executable.empty())
    return options.start_method.or_else(spawn::start_method_from_environment).value_or(spawn::start_method::forkserver);
  // The fork server has this program only.
  if (options.start_method.value_or(spawn::start_method::exec) != spawn::start_method::exec)
    throw usage_error("an actor of the executable " + msg::quoted(options.executable) + " cannot have the start method " +
                      spawn::to_string(*options.start_method) + ": another program is always executed");
  return spawn::start_method::exec;
}

// The fork server will not make this child, and exec may: the requester runs as another user by now, or the system forbids it.
class fork_server_refusal : public actor_failure {
 public:
  using actor_failure::actor_failure;
};
bool is_refusal(int error) { return error == EPERM || error == EACCES || error == ENOSYS; }

msg::bytes key_of(const std::optional<ipc::tree_secret>& secret) {
  if (!secret) return {};
  const auto key = secret->key();
  return {key.begin(), key.end()};
}

// What of a whole tree is the same, its parts inherit here.
detail::boot_record boot_record_for(const actor& owner, const uid& child, const actor_options& options) {
  const auto root = detail::root_of(owner);
  return {.uuid = child.uuid,
          .parent_name = owner.name(),
          .parent_uuid = owner.uid().uuid,
          .socket_dir = owner.socket_dir(),
          .secret_key = key_of(owner.secret()),
          .insecure = owner.insecure(),
          .loglevel = options.loglevel.empty() ? owner.loglevel() : options.loglevel,
          .group = owner.group(),
          .stall_bound_ms = std::chrono::duration_cast<std::chrono::milliseconds>(owner.stall_bound()).count(),
          .attributes_output = owner.attributes_output(),
          .root_name = root.who.name,
          .root_uuid = root.who.uuid,
          .root_addrs = root.addrs};
}

msg::spawn_spec spawn_spec_for(actor& owner, const actor_options& options) {
  msg::spawn_spec spec;
  spec.runtime_vars = msg::value::map{{"_is_root", false}, {"_registry_addrs", msg::value::array{}}, {"_debug_mode", false}};
  if (owner.has_directory())
    for (const auto& where : owner.directory().registry_addrs()) spec.reg_addrs.push_back(where.wire());
  for (const auto& module : options.enable_modules) spec.enable_modules.append(module, detail::module_file(module));
  const auto bind_addrs = !options.bind_addrs.empty() || spec.reg_addrs.empty()
                              ? options.bind_addrs
                              : detail::default_bind_addrs(owner, owner.directory().registry_addrs());
  if (!bind_addrs.empty()) {
    auto& bind = spec.bind_addrs.emplace();
    for (const auto& where : bind_addrs) bind.push_back(where.wire());
  }
  return spec;
}

}  // namespace

sc::task<std::shared_ptr<child_actor>> actor_nursery::spawn(std::string name, actor_options options) {
  if (closed_ || ending_ || tasks_ == nullptr) {
    const char* const why = ending_ && !closed_
                                ? "this actor nursery is being left: its actors are being ended, no actor can be started in it any more"
                                : "this actor nursery is closed: its block has ended, no actor can be started in it";
    co_await sc::checkpoint();  // whoever tries again and again must not keep others from running
    throw usage_error(why);
  }
  // Another task's start keeps the block open, at whatever point it is.
  struct starting {
    actor_nursery& an;
    explicit starting(actor_nursery& in) noexcept : an(in) { ++an.starting_; }
    starting(const starting&) = delete;
    starting& operator=(const starting&) = delete;
    ~starting() {
      --an.starting_;
      an.changed_.unpark_all();
    }
  } const counted(*this);
  co_await sc::checkpoint();
  if (!msg::is_utf8(name)) throw usage_error("an actor's name is not UTF-8: " + msg::value(name).text());
  for (const auto& module : options.enable_modules)
    if (!detail::module_known(module))
      throw module_not_exposed("actor " + msg::quoted(name) + " cannot expose module " + msg::quoted(module) +
                               ": no TRACTOR_MODULE of that name "
                               "was linked into this program. A static library's module that nothing refers to is dropped by the linker: "
                               "build it with tractor_add_module(), or link it whole");
  check_log_spec(options.loglevel);
  options.bind_addrs = co_await ipc::resolve_addresses(std::move(options.bind_addrs));
  const auto method = method_for(options);
  if (method == spawn::start_method::inproc)
    throw usage_error("actor " + msg::quoted(name) + ": start method inproc is not available in this version; use forkserver or exec");
  const bool free_to_choose = !options.start_method && !spawn::start_method_from_environment();
  try {
    co_return co_await launch(name, options, method);
  } catch (const fork_server_refusal& refusal) {
    if (!free_to_choose) throw;
    owner_.processes().say_refused(refusal.what());
  }
  co_return co_await launch(name, options, spawn::start_method::exec);
}

sc::task<std::shared_ptr<child_actor>> actor_nursery::launch(std::string name, actor_options options, spawn::start_method method) {
  auto child = std::make_shared<child_actor>();
  child->who = {.name = std::move(name), .uuid = make_uuid()};
  child->options = std::move(options);
  child->executed = method == spawn::start_method::exec;
  msg::buffer boot;
  msg::encode(boot, boot_record_for(owner_, child->who, child->options));
  try {
    child->process = owner_.processes().start(
        method, {.name = child->who.name, .boot = boot.view(), .environment = child->options.environment}, child->options.executable);
  } catch (const os_error& error) {
    if (method == spawn::start_method::forkserver && is_refusal(error.errno_value()))
      throw fork_server_refusal("actor " + msg::quoted(child->who.name) + " did not start: " + error.what());
    throw;
  }
  child->link = std::make_shared<detail::peer>(owner_, child->process->take_link());
  child->link->expect(child->who);
  child->link->set_owner_reports_loss();
  child->link->set_is_child();
  child->process->on_exited([of = child.get()] { of->process_exited(); });
  children_.push_back(child);
  co_await await_boot(child);
  co_return child;
}

namespace {

template <class... Errors>
bool is_any(const std::exception_ptr& error) {
  return (... || (exception_ptr_cast<Errors>(error) != nullptr));
}

bool is_too_slow(const std::exception_ptr& error) { return is_any<sc::too_slow_error>(error); }
// What a task ends with, or its actor, that was told to.
bool is_end(const std::exception_ptr& error) { return is_any<context_cancelled, transport_closed>(error) && !is_any<actor_died>(error); }

long long milliseconds(sc::duration time) { return std::chrono::duration_cast<std::chrono::milliseconds>(time).count(); }

std::string boot_failure_text(child_actor& child, const std::exception_ptr& why, bool dead) {
  std::string text = "actor " + msg::quoted(child.who.name) + " did not start: ";
  if (!child.process->failure().empty()) {
    text += child.process->failure();
  } else if (is_too_slow(why)) {
    text += "it did not say who it is within " + std::to_string(milliseconds(child.options.boot_timeout)) + " ms";
  } else {
    const std::string cause = sc::describe_briefly(why);
    const bool just_ended = dead && (child.outlived || child.link->channel().ended_by_stream());
    if (!just_ended) text += cause;
    if (!just_ended && dead) text += "; ";
    if (dead) text += "its process (pid " + std::to_string(child.process->pid()) + ") ended: " + child.process->certificate()->text();
  }
  if (const auto tail = child.process->stderr_output().tail(); !tail.empty()) text += "\nthe end of its stderr:\n" + tail;
  return text;
}

}  // namespace

// The child's end of the link exists before the child: identity and spawn spec are there when it first looks.
sc::task<> actor_nursery::await_boot(child_ptr child) {
  std::exception_ptr failed;
  try {
    child->link->send_aid();
    const auto spec = spawn_spec_for(owner_, child->options);
    child->link->channel().send([&](msg::buffer& out) { msg::encode_spawn_spec(out, spec); });
    co_await sc::fail_after(child->options.boot_timeout, [&]() -> sc::task<> {
      co_await child->link->receive_aid();
      if (child->process->pid() < 0) co_await child->process->spawned().wait();
      if (const auto& said = child->link->remote_aid()->addrs) {
        std::vector<ipc::address> addrs;
        for (const auto& where : *said) addrs.push_back(ipc::address::from_wire(where));
        owner_.directory().enroll(child->who, addrs, child->link.get());
        child->told = owner_.directory().tell_above(child->who);
      }
    });
    // The pidfd found no room here, and without it the process is nobody's.
    if (!child->process->failure().empty()) throw actor_failure(child->process->failure());
    child->booted = true;
    // A nursery that is ending waits for this one too, and one that joins for whoever asks for its end.
    child->link->on_cancel_called([this] { changed_.unpark_all(); });
    // And whatever the block does, the rest of the ladder follows on a request (S-KIL-11).
    child->link->on_cancel_over([this, told = std::weak_ptr<child_actor>(child)] {
      if (const auto asked = told.lock()) start_ending(asked, false);
    });
    if (child->unwanted) start_ending(child, child->unwanted_at_once);
    changed_.unpark_all();
  } catch (...) {
    failed = std::current_exception();
  }
  if (failed) co_await fail_boot(child, failed);
  owner_.add_peer(child->link);
  tasks_->start_soon({.name = "monitor of " + child->who.name}, [this, child] { return monitor(child); });
}

// The child did not become an actor: makes sure that it is gone, and says why in one error.
sc::task<> actor_nursery::fail_boot(child_ptr child, std::exception_ptr why) {
  co_await sc::shielded([&]() -> sc::task<> {
    child->link->channel().close("the actor did not start");  // one that did boot in the end has nobody to work for
    const auto exited = [&]() -> sc::task<> { co_await child->process->exited().wait(); };
    bool dead = co_await sc::move_on_after(death_certificate_timeout, exited);
    if (!dead) {
      child->process->signal(SIGKILL);
      if (child->process->pid() < 0 &&
          !co_await sc::move_on_after(spawn_reply_timeout, [&]() -> sc::task<> { co_await child->process->spawned().wait(); }))
        child->process->abandon("the fork server does not answer");
      co_await exited();
    }
    co_await child->remove_socket_files(owner_);
    child->link->fail(std::make_exception_ptr(transport_closed("actor " + msg::quoted(child->who.name) + " did not start")));
    child->process->stderr_output().finish();
    const std::string text = boot_failure_text(*child, why, dead);
    const auto ended_by_itself = dead ? child->process->certificate() : std::nullopt;
    if (!dead) ungraceful_ = true;  // what ended by itself before it was an actor is no actor's end
    try {
      std::rethrow_exception(why);
    } catch (const sc::cancelled&) {
      // The caller gave up; that goes on as it is.
    } catch (...) {
      why = is_refusal(child->process->failure_errno()) ? std::make_exception_ptr(fork_server_refusal(text))
                                                        : std::make_exception_ptr(actor_failure(text, ended_by_itself));
    }
    reaped(child);
  });
  std::rethrow_exception(why);
}

sc::task<portal> actor_nursery::start_actor(std::string name, actor_options options) {
  const auto child = co_await spawn(std::move(name), std::move(options));
  co_return portal(child->link);
}

sc::task<portal> actor_nursery::run_once(run_in_actor_options options, const detail::endpoint& target, msg::buffer kwargs) {
  auto& modules = options.actor.enable_modules;
  if (std::find(modules.begin(), modules.end(), target.module) == modules.end()) modules.emplace_back(target.module);
  const auto child = co_await spawn(options.name.empty() ? std::string(target.name) : std::move(options.name), std::move(options.actor));
  child->main = std::make_shared<detail::main_result>();
  tasks_->start_soon({.name = "main task of " + child->who.name}, [this, child, &target, arguments = std::move(kwargs)]() mutable {
    return collect(child, std::string(target.module), std::string(target.name), std::move(arguments));
  });
  co_return portal(child->link, child->main);
}

// Waits for the result of a run-once actor and ends the actor.
sc::task<> actor_nursery::collect(child_ptr child, std::string module, std::string function, msg::buffer kwargs) {
  std::exception_ptr cut;
  bool failed = false;
  try {
    child->main->payload = co_await detail::call_remote(child->link, std::move(module), std::move(function), std::move(kwargs));
  } catch (const sc::cancelled&) {
    cut = std::current_exception();
    child->main->error = std::make_exception_ptr(
        runtime_failure("the nursery of actor " + msg::quoted(child->who.name) + " was cancelled before it returned"));
  } catch (...) {
    child->main->error = std::current_exception();
    // An end that this nursery asked for is no error of the actor's; one in its cleanup is (S-CTX-43).
    failed = (!child->ending && !child->link->cancel_called()) || !is_end(child->main->error);
  }
  child->main->done.set();
  if (failed) {
    record(child->who, child->main->error);
    fail("actor " + msg::quoted(child->who.name) + " failed: " + wire_type_name(child->main->error));
  }
  if (cut) std::rethrow_exception(std::exchange(cut, nullptr));
  start_ending(child, false);
}

// --- the end of actors ---

// Serves an actor's channel until that ends, then finds out why it ended. Not cancelled from outside: it ends with the process.
sc::task<> actor_nursery::monitor(child_ptr child) {
  co_await sc::shielded([&]() -> sc::task<> {
    const auto exited = [&]() -> sc::task<> { co_await child->process->exited().wait(); };
    try {
      child->word.heard = child->notice.heard = [this, of = std::weak_ptr<child_actor>(child)] {
        if (const auto told = of.lock()) hear(told);
      };
      child->notice_cid = actor::cancel_notice_cid(child->who);
      child->link->add(child->who.uuid, child->word);
      child->link->add(child->notice_cid, child->notice);
      // Nothing that it says is heard before those above know it: whoever has had an answer of this actor finds it.
      if (!child->told.empty()) co_await owner_.directory().wait_for(std::exchange(child->told, {}));
      co_await child->link->serve();
    } catch (...) {
      // Whatever it was, the actor must be ended and reaped.
      child->link->channel().close("a message of actor " + msg::quoted(child->who.name) +
                                   " failed here: " + sc::describe_briefly(std::current_exception()));
    }
    child->link->remove_ack(child->who.uuid);
    child->link->remove_ack(child->notice_cid);
    const bool dead = co_await sc::move_on_after(death_certificate_timeout, exited);
    // By this nursery, through a portal, or by somebody else: another actor, or a signal.
    const bool asked = child->on_ladder || child->link->cancel_called();
    child_actor::end end = child->judge_end(asked, dead);
    if (child->link->lost()) end.why = child->link->lost();  // the actor's own runtime said why (S-RT-22)
    child->link->fail(end.why);
    if (!end.in_good_order) lose(child, end.why);
    if (!dead) {
      start_ending(child, false);
      co_await exited();
      if (asked && !child->ended_as_told()) lose(child, child->death());
    }
    co_await child->remove_socket_files(owner_);
  });
  if (!child->process->certificate()->clean()) ungraceful_ = true;
  child->process->stderr_output().finish();
  reaped(child);
}

// An actor is gone that should not be. Nobody is told twice of one end. (A dialog may have been told of an earlier one, that the actor was
// cancelled: then this one, a crash on the way out, is new.)
void actor_nursery::lose(const child_ptr& child, const std::exception_ptr& why) {
  detail::peer& link = *child->link;
  if (child->options.on_death == death_policy::ignore || (link.loss_told() && link.lost() == why)) return;
  const auto surface = [this, who = child->who, why] {
    record(who, why);
    fail("actor " + msg::quoted(who.name) + " is gone");
  };
  if (link.loss_pending() && link.lost() == why) {
    std::erase_if(undecided_, [](const auto& decided) { return !decided->loss_pending(); });
    undecided_.push_back(child->link);
    link.on_loss_dropped(surface);
  } else {
    surface();
  }
}

void actor_nursery::reaped(const child_ptr& child) {
  if (child->drain.armed()) sc::runner::current()->disarm(child->drain);
  child->link->forget_hooks();
  owner_.remove_peer(*child->link);
  std::erase(children_, child);
  changed_.unpark_all();
}

void actor_nursery::start_ending(const child_ptr& child, bool hard_kill) {
  if (child->process->exited().is_set()) return;
  child->ending = true;  // from here on its end is no surprise
  start_ladder(child, hard_kill ? first_step::signals : first_step::asks);
}

// Whoever told it, if it was not this nursery, does not see to it that it comes to an end (S-KIL-11, S-SIG-5). What it makes of its tasks
// is an error of theirs all the same: `ending` stays as it is.
void actor_nursery::hear(const child_ptr& child) {
  if (child->took_leave()) child->leaving.set();
  if (child->took_leave() || child->notice.answered) start_ladder(child, first_step::waits);
}

void actor_nursery::start_ladder(const child_ptr& child, first_step from) {
  if (std::exchange(child->on_ladder, true) || child->process->exited().is_set()) return;
  tasks_->start_soon({.name = "end of " + child->who.name}, [this, child, from] { return end_child(child, from); });
}

sc::task<bool> actor_nursery::takes_leave(child_ptr child) {
  co_await child->leaving.wait();
  co_return child->took_leave();
}

// The ladder of S-KIL: a request, SIGTERM, SIGKILL, each with its time; ends when the process is reaped.
sc::task<> actor_nursery::end_child(child_ptr child, first_step from) {
  co_await sc::shielded([&]() -> sc::task<> {
    std::optional<bool> acknowledged = child->link->cancel_acknowledged() || child->took_leave();
    if (!*acknowledged && from != first_step::signals && !child->link->lost())
      acknowledged = co_await sc::move_on_after(
          portal_cancel_timeout, [&] { return from == first_step::asks ? child->link->request_cancel_actor() : takes_leave(child); });
    if (!acknowledged.value_or(false) && !child->process->signal(SIGTERM)) child->link->channel().close("the actor cannot be signalled");
    child->asked.set();
    bool ended = co_await ends_within(child, hard_kill_timeout);
    int slices = 1;
    for (; !ended && slices <= patience_max && child->takes_patience(); ++slices) ended = co_await ends_within(child, hard_kill_timeout);
    if (ended) co_return;
    owner_.processes().stderr_output().say("tractor: actor %s (pid %d) did not end within %lld ms after it was told to: SIGKILL\n",
                                           msg::quoted(child->who.name).c_str(), child->process->pid(),
                                           slices * milliseconds(hard_kill_timeout));
    child->killed = true;
    child->process->signal(SIGKILL);
    co_await child->process->exited().wait();
  });
}

// Whoever ends this actor meanwhile hears that it waits, and that it is not the one that is stuck: else both ladders would be at their
// end at the same time.
sc::task<bool> actor_nursery::ends_within(child_ptr child, sc::duration bound) {
  const auto deadline = sc::current_time() + bound;
  while (sc::current_time() < deadline) {
    const auto slice = std::min<sc::duration>(patience_interval, deadline - sc::current_time());
    if (co_await sc::move_on_after(slice, [&]() -> sc::task<> { co_await child->process->exited().wait(); })) co_return true;
    owner_.ask_for_patience();
  }
  co_return false;
}

sc::task<> actor_nursery::cancel(bool hard_kill) {
  cancel_called_ = true;
  const auto all = children_;
  for (const auto& child : all) {
    if (child->on_ladder && hard_kill) child->process->signal(SIGTERM);
    // One that boots ends as soon as it has, also where this call has given up waiting by then (S-KIL-3, S-KIL-11).
    child->unwanted = true;
    child->unwanted_at_once = child->unwanted_at_once || hard_kill;
    if (child->booted) start_ending(child, hard_kill);
  }
  const auto asked = [&]() -> sc::task<> {
    for (const auto& child : all) {
      while (!child->booted && !child->process->exited().is_set()) co_await changed_.park("boot of an actor to be cancelled");  // S-KIL-3
      start_ending(child, hard_kill);
      if (!child->process->exited().is_set()) co_await child->asked.wait();
    }
  };
  const bool in_time = co_await sc::move_on_after(nursery_cancel_timeout, asked);
  if (!in_time)
    for (const auto& child : all) child->process->signal(SIGTERM);
  co_await sc::checkpoint();
}

sc::task<> actor_nursery::end_all() {
  cancel_called_ = ending_ = true;
  while (!children_.empty() || starting_ != 0) {
    for (const auto& child : children_)
      if (child->booted) start_ending(child, false);
    co_await changed_.park("end of all actors");
  }
}

// --- opening ---

namespace detail {

sc::task<> run_nursery(std::function<sc::task<>(actor_nursery&)> body, const root_options* root) {
  if (actor* self = current_actor_or_null()) {
    if (root != nullptr)
      throw usage_error("open_nursery was given options for the root actor, but actor " + msg::quoted(self->name()) +
                        " is running here already");
    actor_nursery an(*self);
    co_await an.run(std::move(body));
    co_return;
  }
  co_await run_root(root != nullptr ? *root : root_options{}, [&]() -> sc::task<> {
    actor_nursery an(current_actor());
    co_await an.run(std::move(body));
  });
}

}  // namespace detail
}  // namespace tractor
