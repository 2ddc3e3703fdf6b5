// SPDX-License-Identifier: Apache-2.0

#include "tractor/runtime/find_actor.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <set>

#include "lookup.hpp"
#include "reach.hpp"
#include "registrar.hpp"
#include "tractor/base/exception_ptr_cast.hpp"
#include "tractor/base/log.hpp"
#include "tractor/ipc/interfaces.hpp"
#include "tractor/ipc/resolve_address.hpp"
#include "tractor/msg/quoted.hpp"
#include "tractor/runtime/detail/directory.hpp"
#include "tractor/runtime/server.hpp"
#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/exception_group.hpp"
#include "tractor/sc/nursery.hpp"

namespace tractor {

namespace detail {

sc::task<std::vector<ipc::address>> registrars_for(directory& known, std::vector<ipc::address> asked_for) {
  if (!asked_for.empty()) co_return co_await ipc::resolve_known_addresses(std::move(asked_for));
  if (!known.enabled())
    throw runtime_failure(
        "this tree has no registry, so that actors cannot be found by name" +
            (known.why_none().empty() ? std::string(": root_options::registry_addrs is empty, or TRACTOR_REGISTRY is none")
                                      : ": " + known.why_none()),
        error_category::usage);
  co_return known.registry_addrs();
}

bool is_nobody(const std::exception_ptr& error) {
  const auto* const failed = exception_ptr_cast<os_error>(error);
  return failed != nullptr && is_nobody(failed->errno_value());
}

std::vector<ipc::address> by_distance(std::vector<ipc::address> addrs, const ipc::address* teller) {
  if (teller != nullptr && ipc::distance_to(*teller) == ipc::distance::elsewhere)
    std::erase_if(addrs, [](const auto& where) {
      const auto* const tcp = where.tcp();
      return where.uds() != nullptr || (tcp != nullptr && (tcp->is_loopback() || tcp->is_wildcard()));
    });
  if (addrs.size() < 2) return addrs;
  std::vector<ipc::distance> distances;
  for (const auto& where : addrs) distances.push_back(ipc::distance_to(where));
  std::vector<ipc::address> sorted;
  for (const auto wanted : {ipc::distance::here, ipc::distance::this_machine, ipc::distance::elsewhere})
    for (std::size_t i = addrs.size(); i-- > 0;)
      if (distances[i] == wanted) sorted.push_back(std::move(addrs[i]));
  return sorted;
}

namespace {

using address_list = std::vector<ipc::address>;

constinit logger log_of_lookup("tractor.runtime.lookup");

// --- asking registrars ---

msg::buffer arguments_of(std::string_view name, const auto& value) {
  msg::buffer kwargs;
  msg::writer to(kwargs);
  to.map_header(1);
  to.str(name);
  msg::encode_item(to, value);
  return kwargs;
}

// What a question to the registrar at `where` gives: of the table here, or by a call. A registrar of this tree that is not there is asked
// again until a successor had time to be, and by who waits for an actor as long as he does.
template <class Answer>
sc::task<Answer> ask(directory& known, ipc::address where, const char* method, const msg::buffer& kwargs,
                     std::function<sc::task<Answer>()> here, bool waits = false) {
  const auto& own = known.registry_addrs();
  const bool of_this_tree = std::ranges::find(own, where) != own.end();
  const bool may_have_successor = of_this_tree && known.why_none().empty();  // one that has not come yet has none
  std::optional<sc::time_point> give_up;                                     // counted from the first attempt that failed
  for (sc::duration pause = registry_retry_first;; pause = std::min<sc::duration>(pause * 2, registry_retry_max)) {
    if (known.is_own(where)) co_return co_await here();
    std::exception_ptr failed;
    bool was_there = false, is_leaving = false;
    const auto began = sc::current_time();
    try {
      // Who asks at the same time waits for the same attempt, and then would make one of its own.
      std::shared_ptr<peer> link;
      if (!co_await sc::move_on_after(handshake_timeout, [&]() -> sc::task<> { link = co_await known.registrar(where); }))
        throw transport_closed("nobody answers at " + where.text() + " within " +
                               std::to_string(std::chrono::milliseconds(handshake_timeout).count()) + " ms (handshake_timeout)");
      was_there = true;
      msg::buffer copy;
      copy.append(kwargs.view());
      msg::bytes payload;
      const auto question = [&]() -> sc::task<> { payload = co_await call_remote(link, "self", method, std::move(copy)); };
      if (waits)
        co_await question();
      else if (!co_await sc::move_on_after(registry_answer_timeout, question))
        throw runtime_failure("the registrar at " + where.text() + " does not answer within " +
                                  std::to_string(std::chrono::milliseconds(registry_answer_timeout).count()) +
                                  " ms (registry_answer_timeout)",
                              error_category::overloaded);
      co_return msg::decode<Answer>(payload, {}, "pld");
    } catch (const context_cancelled&) {
      is_leaving = true;  // it ends in good order, and with it what it was asked
      failed = std::current_exception();
    } catch (const remote_actor_error&) {
      throw;
    } catch (const error&) {
      failed = std::current_exception();
    }
    // (A TCP connection that was made with one that dies is reset.)
    const auto* const by_system = exception_ptr_cast<os_error>(failed);
    const bool is_reset = by_system != nullptr && by_system->errno_value() == ECONNRESET;
    const bool is_gone = is_leaving || is_nobody(failed) || is_reset || exception_ptr_cast<transport_closed>(failed) != nullptr;
    const auto now = sc::current_time();
    if (!give_up) give_up = (was_there ? now : began) + registry_failover_timeout;
    if (was_there && now - began > registry_retry_max) pause = registry_retry_first;  // it has been there for a while
    const bool goes_on =
        waits ? of_this_tree && (is_gone || !may_have_successor) : may_have_successor && is_gone && now + pause <= *give_up;
    if (!goes_on) {
      if (of_this_tree && !known.why_none().empty())
        throw runtime_failure(sc::describe_briefly(failed) + " (none has come since this tree began: " + known.why_none() + ")",
                              error_category::disconnected);
      std::rethrow_exception(failed);
    }
    co_await sc::sleep(pause);
  }
}

// Asks all of them at once. The first answer that `is_one` ends it; gives where it came from, or nullopt when all have answered otherwise,
// or one has, and the others not within registry_others_timeout. Throws runtime_failure when nobody has answered.
template <class Answer>
sc::task<std::optional<std::pair<ipc::address, Answer>>> ask_all(address_list registrars, std::function<sc::task<Answer>(ipc::address)> one,
                                                                 std::function<bool(const Answer&)> is_one) {
  std::optional<std::pair<ipc::address, Answer>> found;
  std::size_t answered = 0;
  std::exception_ptr failed;
  const auto take = [&](ipc::address where) -> sc::task<bool> {
    try {
      Answer answer = co_await one(where);
      ++answered;
      if (!is_one(answer) || found) co_return false;
      found.emplace(std::move(where), std::move(answer));
      co_return true;
    } catch (const error&) {
      failed = std::current_exception();
    }
    co_return false;
  };
  if (registrars.size() == 1) {
    co_await take(registrars.front());
  } else {
    co_await sc::open_nursery([&](sc::nursery& all) -> sc::task<> {
      for (const auto& where : registrars)
        all.start_soon([&, where]() -> sc::task<> {
          if (co_await take(where))
            all.cancel("another registrar has answered");
          else if (answered == 1)
            all.scope().set_deadline(std::min(all.scope().deadline(), sc::current_time() + registry_others_timeout));
        });
      co_return;
    });
  }
  if (answered == 0 && failed) {
    std::string text;
    for (const auto& where : registrars) text += (text.empty() ? "" : ", ") + where.text();
    throw runtime_failure("no registrar answers at " + text + ": " + sc::describe_briefly(failed), error_category::disconnected);
  }
  co_return found;
}

using where_found = std::pair<ipc::address, std::optional<address_list>>;

sc::task<std::optional<where_found>> find_where(directory& known, std::string name, const find_options& options) {
  const msg::buffer kwargs = arguments_of("name", name);
  using answer = std::optional<address_list>;
  co_return co_await ask_all<answer>(
      co_await registrars_for(known, options.registry_addrs),
      [&](ipc::address where) {
        return ask<answer>(known, std::move(where), "find_actor", kwargs, [&] { return find_in_registry(name); });
      },
      [](const answer& found) { return found.has_value(); });
}

sc::task<> delete_address(directory& known, ipc::address registrar, ipc::address gone) {
  const msg::buffer kwargs = arguments_of("addr", gone);
  using answer = std::optional<msg::uid>;
  try {
    co_await ask<answer>(known, std::move(registrar), "delete_addr", kwargs, [&] { return delete_from_registry(gone); });
  } catch (const error&) {
    // It is for the registrar's sake.
  }
}

// A connection to the actor at the nearest address at which it is; null when it is at none. Those at which it is not any more are told to
// the registrar, which forgets them (S-DSC-3). Throws what is in the way of another.
sc::task<std::shared_ptr<peer>> reach_found(actor& self, std::string_view name, const where_found& found) {
  const auto is_meant = [&](const peer& there) { return there.remote_uid().name == name || there.remote_uid().uuid == name; };
  auto addrs = by_distance(*found.second, &found.first);
  if (addrs.empty()) co_return nullptr;
  const auto reached = co_await reach(self, std::move(addrs), is_meant, "actor " + msg::quoted(name));
  std::exception_ptr failed;
  try {
    for (const auto& [where, why, has_left] : reached.failures) {
      if (has_left)
        co_await delete_address(self.directory(), found.first, where);
      else
        failed = why;
    }
  } catch (...) {
    if (reached.link != nullptr) hang_up(self, *reached.link, "who looked for it was cancelled");
    throw;
  }
  if (reached.link == nullptr && failed) std::rethrow_exception(failed);
  co_return reached.link;
}

// The same for who waits until it can be reached: what is in the way is logged, once as long as it is the same.
sc::task<std::shared_ptr<peer>> reach_or_say_why(actor& self, std::string_view name, const where_found& found, std::string& said) {
  try {
    co_return co_await reach_found(self, name, found);
  } catch (const error& why) {
    if (said != why.message()) log_of_lookup.warning("actor ", name, " is registered and cannot be reached: ", why);
    said = why.message();
  }
  co_return nullptr;
}

}  // namespace

sc::task<> with_found(std::string name, find_options options, found_body body) {
  actor& self = current_actor();
  directory& known = self.directory();
  if (options.registry_addrs.empty())
    if (const auto link = known.connected(name)) {
      co_await body(portal(link));
      co_return;
    }
  const auto found = co_await find_where(known, name, options);
  const auto link = found ? co_await reach_found(self, name, *found) : nullptr;
  if (link == nullptr) {
    if (options.raise_on_none)
      throw runtime_failure(found ? "actor " + msg::quoted(name) + " is registered, and at none of its addresses does it answer from here"
                                  : "no actor " + msg::quoted(name) + " is registered");
    co_await body(std::nullopt);
    co_return;
  }
  co_await use_portal(self, link, [&](portal& there) -> sc::task<> { return body(there); });
}

sc::task<> with_awaited(std::string name, find_options options, found_body body) {
  actor& self = current_actor();
  directory& known = self.directory();
  const msg::buffer kwargs = arguments_of("name", name);
  std::string said;
  int nobody_there = 0;
  for (sc::duration pause = registry_retry_first;; pause = std::min<sc::duration>(pause * 2, registry_retry_max)) {
    if (options.registry_addrs.empty())
      if (const auto link = known.connected(name)) {
        co_await body(portal(link));
        co_return;
      }
    const auto found = co_await ask_all<address_list>(
        co_await registrars_for(known, options.registry_addrs),
        [&](ipc::address where) {
          return ask<address_list>(known, std::move(where), "wait_for_actor", kwargs, [&] { return wait_in_registry(name); }, true);
        },
        [](const address_list& addrs) { return !addrs.empty(); });
    if (!found) continue;
    const auto link = co_await reach_or_say_why(self, name, {found->first, found->second}, said);
    if (link == nullptr) {
      // The entry of one that has died goes, so that it is not registered any more the next time.
      if (nobody_there++ == 1) log_of_lookup.warning("actor ", name, " is registered, and nobody is at its addresses from here");
      co_await sc::sleep(pause);
      continue;
    }
    co_await use_portal(self, link, [&](portal& there) -> sc::task<> { return body(there); });
    co_return;
  }
}

}  // namespace detail

sc::task<std::optional<std::vector<ipc::address>>> query_actor(std::string name, find_options options) {
  auto found = co_await detail::find_where(current_actor().directory(), std::move(name), options);
  if (!found) co_return std::nullopt;
  co_return std::move(found->second);
}

sc::task<std::vector<registered_actor>> get_registry(find_options options) {
  detail::directory& known = current_actor().directory();
  using answer = msg::ordered_map<std::string, std::vector<ipc::address>>;
  msg::buffer kwargs;
  msg::writer(kwargs).map_header(0);
  const auto found = co_await detail::ask_all<answer>(
      co_await detail::registrars_for(known, options.registry_addrs),
      [&](ipc::address where) {
        return detail::ask<answer>(known, std::move(where), "get_registry", kwargs, [] { return detail::list_registry(); });
      },
      [](const answer&) { return true; });
  std::vector<registered_actor> all;
  for (const auto& [key, addrs] : found->second) {
    const std::size_t dot = std::min(key.rfind('.'), key.size());
    all.push_back({.name = key.substr(0, dot), .uuid = key.substr(std::min(dot + 1, key.size())), .addrs = addrs});
  }
  co_return all;
}

sc::task<> run_daemon(root_options options) {
  co_await open_root_actor([]() -> sc::task<> { co_await sc::sleep_forever(); }, std::move(options));
}

}  // namespace tractor
