// SPDX-License-Identifier: Apache-2.0
//
// The part of the directory that every actor has; that of the root is in directory_root.cpp.

#include "tractor/runtime/detail/directory.hpp"

#include <algorithm>
#include <utility>

#include "directory_links.hpp"
#include "registrar.hpp"
#include "tractor/msg/errors.hpp"
#include "tractor/msg/quoted.hpp"
#include "tractor/runtime/actor.hpp"
#include "tractor/runtime/portal.hpp"
#include "tractor/runtime/server.hpp"
#include "tractor/sc/checkpoint.hpp"

namespace tractor::detail {

namespace {

// The arguments of register_actor and unregister_actor, as the reference names them.
struct registration {
  msg::uid uid;
  msg::wire_address addr;
};
struct unregistration {
  msg::uid uid;
};

msg::buffer encoded(const msg::uid& who, const ipc::address& where) {
  msg::buffer kwargs;
  msg::writer to(kwargs);
  to.map_header(2);
  to.str("uid");
  msg::encode_item(to, who);
  to.str("addr");
  msg::encode_item(to, where);
  return kwargs;
}

void answer_start(peer& to, std::string_view cid) {
  to.answer([&](msg::buffer& out) { msg::encode_start_ack(out, cid, msg::function_kind::asyncfunc); });
}
void answer_done(peer& to, std::string_view cid) {
  to.answer([&](msg::buffer& out) { msg::encode_return(out, cid, std::nullopt); });
}

}  // namespace

directory::directory(actor& self) : self_(self) {}
directory::~directory() = default;

void directory::close() noexcept { closed_ = true; }

// --- what goes up ---

std::vector<std::shared_ptr<peer>> directory::above() const {
  std::vector<std::shared_ptr<peer>> found;
  if (closed_ || !enabled()) return found;
  if (auto parent = self_.parent()) found.push_back(std::move(parent));
  for (const auto& registrar : upward_)
    if (registrar->link) found.push_back(registrar->link);
  return found;
}

void directory::add(const msg::uid& who, const std::vector<ipc::address>& addrs, const void* owner) {
  for (const auto& where : addrs)
    if (!table_.add(who, where, owner))
      throw runtime_failure(
          "the registry of actor " + msg::quoted(self_.name()) + " holds " + std::to_string(table_.size()) + " actors and takes no more",
          error_category::overloaded);
}

void directory::enroll(const msg::uid& who, const std::vector<ipc::address>& addrs, const peer* via) {
  if (enabled()) add(who, addrs, via != nullptr ? static_cast<const void*>(via) : this);
}

sc::task<> directory::tell_above(msg::uid who) {
  const auto* const entry = table_.find(who.uuid);
  if (entry == nullptr || above().empty()) co_return;
  auto addrs = entry->addrs;
  co_await tell_all(std::move(who), std::move(addrs));
}

void directory::announce(const ipc::address& where) {
  if (!enabled() || closed_) return;
  if (self_.is_root()) add(self_.uid(), {where}, this);
  if (!above().empty()) self_.service().start_soon({.name = "registration"}, [this, where] { return tell_all(self_.uid(), {where}); });
}

// Whoever does not answer in time, or no more, is left to what happens when its channel ends.
sc::task<> directory::tell_all(msg::uid who, std::vector<ipc::address> addrs) {
  const auto told = above();
  if (told.empty()) co_return;
  co_await sc::move_on_after(registration_timeout, [&]() -> sc::task<> {
    if (told.size() == 1) {
      co_await tell(told.front(), who, addrs);
      co_return;
    }
    co_await sc::open_nursery([&](sc::nursery& all) -> sc::task<> {
      for (const auto& one : told) all.start_soon([&, one] { return tell(one, who, addrs); });
      co_return;
    });
  });
}

sc::task<> directory::tell(std::shared_ptr<peer> above, msg::uid who, std::vector<ipc::address> addrs) {
  try {
    for (const auto& where : addrs) co_await call_remote(above, "self", "register_actor", encoded(who, where));
  } catch (const error&) {
    // It is gone, or is no registrar any more: nobody else has to know.
  }
}

// Beside all dialogs: nobody waits for the answer.
void directory::unregister_above(const msg::uid& who) noexcept {
  for (const auto& above : above()) {
    try {
      above->send([&](msg::buffer& out) {
        msg::encode_start(
            out, make_uuid(), "self", "unregister_actor",
            [&](msg::writer& to) {
              to.map_header(1);
              to.str("uid");
              msg::encode_item(to, who);
            },
            msg::uid_view(self_.uid()));
      });
    } catch (const std::exception&) {
      // Gone, and the entry with it.
    }
  }
}

void directory::forget(const peer& gone) noexcept {
  const auto left = table_.remove_owned_by(&gone);
  if (gone.is_child())
    for (const auto& who : left) unregister_above(who);
}

// --- what comes from peers ---

bool directory::handle(peer& from, const msg::start& request) {
  const bool registers = request.func == "register_actor";
  if (!registers && request.func != "unregister_actor") return false;
  if (!is_registrar_ && !from.is_child()) return false;
  if (!registers) {
    const auto arguments = msg::decode<unregistration>(request.kwargs, {}, "kwargs");
    table_.remove(arguments.uid.uuid);
    if (from.is_child()) unregister_above(arguments.uid);
    answer_start(from, request.cid);
    answer_done(from, request.cid);
    return true;
  }
  const auto arguments = msg::decode<registration>(request.kwargs, {}, "kwargs");
  const bool lives_with_it = from.is_child() || from.keeps_registration();
  const ipc::address where = ipc::address::from_wire(arguments.addr);
  add(arguments.uid, {where}, lives_with_it ? &from : nullptr);
  if (!lives_with_it && !std::exchange(renewing_, true)) self_.service().start_soon({.name = "leases"}, [this] { return renew_leases(); });
  answer_start(from, request.cid);
  if (!from.is_child() || above().empty()) {
    answer_done(from, request.cid);
    return true;
  }
  self_.service().start_soon(
      {.name = "registration"},
      [this, to = from.shared_from_this(), cid = std::string(request.cid), who = arguments.uid, where]() -> sc::task<> {
        co_await tell_all(who, {where});
        answer_done(*to, cid);
      });
  return true;
}

// --- lookups ---

bool directory::is_own(const ipc::address& where) const noexcept {
  return is_registrar_ && std::ranges::any_of(self_.listeners(), [&](const auto& listener) { return listener->local() == where; });
}

std::shared_ptr<peer> directory::connected(std::string_view name_or_uuid) const {
  std::string_view uuid;
  if (is_registrar_) {
    // One that has stopped to listen is not to be found, connected or not (S-DSC-3).
    const auto* const entry = table_.find(name_or_uuid);
    if (entry == nullptr) return nullptr;
    uuid = entry->uuid;
  }
  const auto& peers = self_.peers();
  for (auto at = peers.rbegin(); at != peers.rend(); ++at) {
    const uid& who = (*at)->remote_uid();
    const bool is_meant = is_registrar_ ? who.uuid == uuid : who.uuid == name_or_uuid || who.name == name_or_uuid;
    if (is_meant && !(*at)->lost()) return *at;
  }
  return nullptr;
}

sc::task<std::shared_ptr<peer>> directory::registrar(ipc::address where) {
  const bool of_this_tree = std::ranges::find(registry_addrs_, where) != registry_addrs_.end();
  if (const auto parent = self_.parent();
      parent && of_this_tree && parent->remote_aid() && parent->remote_aid()->is_registrar.value_or(false))
    co_return parent;
  for (const auto& registrar : upward_)
    if (registrar->where == where && registrar->link) co_return registrar->link;
  const auto known = std::ranges::find_if(links_, [&](const auto& kept) { return kept->where == where; });
  std::shared_ptr<kept_link> kept;
  if (known != links_.end()) {
    kept = *known;
  } else {
    if (links_.size() >= registries_max) links_.erase(links_.begin());
    kept = links_.emplace_back(std::make_shared<kept_link>(where));
  }
  if (kept->link && !kept->link->lost()) co_return kept->link;
  const auto held = co_await kept->connecting.hold();
  if (kept->link && !kept->link->lost()) co_return kept->link;
  kept->link = co_await connect_peer(self_, where);
  serve_peer(self_, kept->link);
  co_return kept->link;
}

}  // namespace tractor::detail
