// SPDX-License-Identifier: Apache-2.0
//
// The root's part of the directory: which registrar there is, and what happens when that is gone.

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <unordered_map>

#include "directory_links.hpp"
#include "lookup.hpp"
#include "reach.hpp"
#include "registrar.hpp"
#include "registration.hpp"
#include "tractor/base/fd.hpp"
#include "tractor/base/log.hpp"
#include "tractor/ipc/channel.hpp"
#include "tractor/ipc/runtime_directory.hpp"
#include "tractor/msg/quoted.hpp"
#include "tractor/runtime/actor.hpp"
#include "tractor/runtime/server.hpp"
#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/nursery.hpp"

namespace tractor::detail {

namespace {

constinit logger log_of_registry("tractor.runtime.registry");

// Of those who would be the registrar at the socket files of a directory, one at a time looks and binds: a file that nobody listens on is
// one to replace only as long as nobody else is replacing it. The lock is on the directory itself, so nothing is left.
class binding_turn {
 public:
  binding_turn() = default;
  [[nodiscard]] static sc::task<binding_turn> take(std::string dir) {
    ipc::make_directories(dir);
    binding_turn taken;
    taken.dir_.reset(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!taken.dir_) throw_os_error("open(" + dir + ")", errno);
    bool locked = false;
    co_await sc::move_on_after(registry_lock_timeout, [&]() -> sc::task<> {
      while (::flock(taken.dir_.get(), LOCK_EX | LOCK_NB) != 0) co_await sc::sleep(registry_retry_first);
      locked = true;
    });
    if (!locked) throw os_error("flock(" + dir + "): another actor has had it for too long", EWOULDBLOCK);
    co_return taken;
  }

 private:
  unique_fd dir_;
};

std::string names_of(const std::vector<ipc::address>& addrs) {
  std::string text;
  for (const auto& where : addrs) text += (text.empty() ? "" : ", ") + where.text();
  return text;
}

std::string cannot_be_it(const std::vector<ipc::address>& addrs) {
  return "no registrar answers at " + names_of(addrs) + ", and this root cannot be it: ";
}

}  // namespace

// --- probing ---

sc::task<directory::standing> directory::probe(ipc::address where) {
  for (int attempt = 1; attempt <= registry_probe_attempts_max; ++attempt) {
    if (attempt > 1) co_await sc::sleep(registry_probe_pause * (attempt - 1));
    bool connected = false;
    std::optional<standing> found;
    try {
      co_await sc::move_on_after(registry_probe_attempt_timeout, [&]() -> sc::task<> {
        ipc::channel link(co_await ipc::connect(where, self_.group()));
        connected = true;
        const msg::aid own{.name = "registry-probe", .uuid = make_uuid(), .pid = ::getpid(), .is_probe = true};
        link.send([&](msg::buffer& out) { msg::encode_aid(out, own); });
        const auto answer = co_await link.receive();
        if (const auto* aid = answer ? std::get_if<msg::aid>(&*answer) : nullptr)
          found = aid->is_registrar.value_or(true) ? standing::registrar : standing::occupied;
      });
    } catch (const error&) {
      if (!connected) co_return standing::absent;
    }
    if (!connected && !found) co_return standing::absent;
    if (found) co_return *found;
  }
  co_return standing::occupied;
}

sc::task<directory::standing> directory::probe_within(ipc::address where) {
  standing found = standing::occupied;  // what takes so long is there
  co_await sc::move_on_after(registry_probe_timeout, [&]() -> sc::task<> { found = co_await probe(std::move(where)); });
  co_return found;
}

// --- opening ---

sc::task<> directory::open(std::vector<ipc::address> addrs, bool ensure_own, std::vector<ipc::address> wide) {
  if (addrs.size() > registries_max)
    throw usage_error("an actor knows at most " + std::to_string(registries_max) + " registries (registries_max), not " +
                      std::to_string(addrs.size()));
  std::string last;
  for (int attempt = 0; attempt < registry_open_attempts_max; ++attempt) {
    std::vector<standing> found(addrs.size(), standing::absent);
    if (addrs.size() == 1) {
      found[0] = co_await probe_within(addrs[0]);
    } else {
      co_await sc::open_nursery([&](sc::nursery& all) -> sc::task<> {
        for (std::size_t i = 0; i < addrs.size(); ++i)
          all.start_soon([&, i]() -> sc::task<> { found[i] = co_await probe_within(addrs[i]); });
        co_return;
      });
    }
    std::vector<ipc::address> registrars, occupied;
    for (std::size_t i = 0; i < addrs.size(); ++i) {
      if (found[i] == standing::registrar) registrars.push_back(addrs[i]);
      if (found[i] == standing::occupied) occupied.push_back(addrs[i]);
    }
    if (!registrars.empty() && ensure_own)
      throw runtime_failure("this root was to be the registrar (ensure_registry), but one is at " + names_of(registrars) + " already");
    if (registrars.empty() && !occupied.empty())
      throw runtime_failure("who listens at the registry's address " + names_of(occupied) + " did not answer as a registrar");
    if (registrars.empty()) {
      try {
        if (co_await take_over(addrs, wide, last)) co_return;
      } catch (const os_error& cannot) {
        throw runtime_failure(cannot_be_it(addrs) + cannot.message());
      } catch (const usage_error& must_not) {
        throw usage_error(cannot_be_it(addrs) + must_not.message());
      }
      continue;  // somebody else was faster
    }
    registry_addrs_ = registrars;
    bool all_joined = true;
    for (const auto& where : registrars) {
      const auto to = std::make_shared<upward>(where);
      try {
        co_await join(to);
      } catch (const error& failed) {
        last = failed.message();
        all_joined = false;  // it has gone since it was asked, or does not let us in
        continue;
      }
      upward_.push_back(to);
      self_.service().start_soon({.name = "registration at " + where.text()}, [this, to] { return keep(to); });
    }
    if (all_joined) co_return;
    if (!upward_.empty()) {
      // Those that have gone are not waited for.
      std::erase_if(registry_addrs_,
                    [&](const auto& where) { return std::ranges::none_of(upward_, [&](const auto& to) { return to->where == where; }); });
      co_return;
    }
    registry_addrs_.clear();
  }
  throw runtime_failure("no registrar at " + names_of(addrs) + " could be joined, and none could be made there, in " +
                        std::to_string(registry_open_attempts_max) + " attempts (registry_open_attempts_max)" +
                        (last.empty() ? "" : ": " + last));
}

void directory::open_later(const std::vector<ipc::address>& addrs, bool listens_by_default) {
  registry_addrs_ = addrs;
  listens_by_default_ = listens_by_default;
  for (const auto& where : addrs) {
    const auto to = upward_.emplace_back(std::make_shared<upward>(where));
    self_.service().start_soon({.name = "registration at " + where.text()}, [this, to] { return keep(to); });
  }
}

// The network on which the registrar is need not have been there when this root looked where to listen.
void directory::listen_beside_registries() {
  for (const auto& where : default_bind_addrs(self_, registry_addrs_)) {
    const auto is_there = [&](const auto& listener) {
      const auto* const at = listener->local().tcp();
      return at != nullptr && at->host == where.tcp()->host;
    };
    if (std::ranges::any_of(self_.listeners(), is_there)) continue;
    try {
      for (const auto& told : addresses_to_tell(listen_for(self_, where, {}), registry_addrs_)) announce(told);
    } catch (const error& cannot) {
      log_of_registry.warning("this root listens nowhere where the registry's machine reaches it: ", cannot);
    }
  }
}

bool directory::listens_at(const ipc::address& where) const {
  return std::ranges::any_of(self_.listeners(), [&](const auto& listener) { return covers(listener->local(), where); });
}

// Binds all of them or none, where it does not listen already, each as the one of `wide` that covers it, if one does; false when somebody
// has bound one first, and why.
sc::task<bool> directory::take_over(const std::vector<ipc::address>& addrs, const std::vector<ipc::address>& wide, std::string& why_not) {
  std::vector<ipc::address> bound, listening;
  std::exception_ptr failed;
  bool taken = false;
  for (const auto& where : addrs) {
    try {
      binding_turn turn;
      if (const auto* at = where.uds()) turn = co_await binding_turn::take(at->dir);
      const bool is_covered = listens_at(where);
      const auto wider = std::ranges::find_if(wide, [&](const auto& at) { return covers(at, where); });
      if (!is_covered) listening.push_back(listen_for(self_, wider != wide.end() ? *wider : where, {.replace_stale = true}));
      bound.push_back(is_covered || wider != wide.end() ? where : listening.back());
    } catch (const os_error& error) {
      taken = error.errno_value() == EADDRINUSE;
      why_not = error.message();
      failed = std::current_exception();
      break;
    } catch (...) {
      failed = std::current_exception();
      break;
    }
  }
  if (failed) {
    for (const auto& where : listening) self_.stop_listening(where);
    if (!taken) std::rethrow_exception(failed);
    co_return false;
  }
  if (registry_addrs_.empty()) registry_addrs_ = bound;
  is_registrar_ = true;
  why_none_.clear();
  self_.set_is_registrar();
  define_registrar();
  for (const auto& where : bound)
    for (const auto& told : addresses_to_tell(where, registry_addrs_)) table_.add(self_.uid(), told, this);
  log_of_registry.info("this root is the registrar at ", names_of(bound));
  co_return true;
}

// --- a root and the registrar of another tree ---

// Connects; whoever keeps the link tells what there is to tell. Throws where there is no registrar.
sc::task<> directory::join(std::shared_ptr<upward> to) {
  std::shared_ptr<peer> link;
  const bool in_time =
      co_await sc::move_on_after(registry_probe_timeout, [&]() -> sc::task<> { link = co_await connect_peer(self_, to->where); });
  if (!in_time) throw transport_closed("who listens at " + to->where.text() + " does not say who it is");
  if (!link->remote_aid()->is_registrar.value_or(true)) {
    const std::string why = "the actor at " + to->where.text() + " is not the registrar";
    hang_up(self_, *link, why);
    throw transport_closed(why);
  }
  to->link = std::move(link);
}

// Until this actor ends: the channel to a registrar, what comes after its end, and before there is one.
sc::task<> directory::keep(std::shared_ptr<upward> to) {
  for (bool is_told = to->link != nullptr; !closed_; is_told = false) {
    if (to->link == nullptr && (self_.cancel_called() || !co_await restore(to))) co_return;
    const auto link = to->link;
    if (!is_told) {
      why_none_.clear();
      if (listens_by_default_) listen_beside_registries();
      log_of_registry.info("the registrar at ", to->where.text(), " is told of this tree");
      tell_of_tree(link);
    }
    co_await link->serve();
    to->link = nullptr;
    self_.remove_peer(*link);
    if (!closed_) log_of_registry.warning("the registrar at ", to->where.text(), " is gone: ", link->channel().why_closed());
  }
}

// A registrar that has not heard of this tree: in the order of registration, so that of one name the same actor is the last. Nobody waits
// for its answers.
void directory::tell_of_tree(const std::shared_ptr<peer>& registrar) {
  std::set<const void*> owners{this};
  for (const auto& child : self_.peers())
    if (child->is_child()) owners.insert(child.get());
  registrations told;
  for (const auto& who : table_.actors())
    if (owners.contains(table_.owner_of(who))) tell(registrar, {.name = who.name, .uuid = who.uuid}, who.addrs, told);
}

// There is no registrar, or none any more. True when there is one to connect to; false when this root is it now.
sc::task<bool> directory::restore(std::shared_ptr<upward> to) {
  std::string said;
  for (sc::duration pause = registry_retry_first; !closed_ && !self_.cancel_called();
       pause = std::min<sc::duration>(pause * 2, registry_retry_max)) {
    bool nobody = listens_at(to->where);  // but this root itself, since before it was there
    if (!nobody) try {
        co_await join(to);
        co_return true;
      } catch (const os_error& error) {
        nobody = is_nobody(error.errno_value());
      } catch (const error&) {
        // Somebody who is no registrar, or not yet.
      }
    if (nobody) {
      try {
        std::string why_not;
        if (co_await take_over({to->where}, {}, why_not)) {
          settles_at_ = sc::current_time() + registry_settle_time;
          std::erase(upward_, to);
          co_return false;
        }
      } catch (const error& cannot) {  // an address of another machine, for one
        if (said != cannot.message()) log_of_registry.warning(cannot_be_it({to->where}), cannot);
        said = cannot.message();
      }
    }
    co_await sc::sleep(pause);
  }
  co_return false;
}

sc::task<> directory::settled() {
  if (settles_at_ && sc::current_time() < *settles_at_) co_await sc::sleep_until(*settles_at_);
}

// --- leases ---

sc::task<> directory::renew_leases() {
  std::unordered_map<ipc::address, int> unanswered;
  for (;;) {
    co_await sc::sleep(lease_interval);
    std::erase_if(unanswered, [&](const auto& each) { return !table_.holds(each.first); });  // it has left in another way
    for (const auto& who : table_.leased())
      for (const auto& where : who.addrs) {
        bool gone = false, silent = false;
        try {
          silent = !co_await sc::move_on_after(registry_probe_attempt_timeout,
                                               [&]() -> sc::task<> { co_await ipc::connect(where, self_.group()); });
        } catch (const os_error& error) {
          const int why = error.errno_value();
          gone = is_nobody(why);
          silent = why == ETIMEDOUT || why == EHOSTUNREACH || why == ENETUNREACH;  // anything else may be our own trouble
        } catch (const tractor::error&) {
          // It cannot be said.
        }
        if (silent)
          gone = ++unanswered[where] >= lease_probes_max;
        else
          unanswered.erase(where);
        if (gone) table_.remove_address(where);
      }
  }
}

}  // namespace tractor::detail
