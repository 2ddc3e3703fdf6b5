// SPDX-License-Identifier: Apache-2.0
//
// The part of the directory that every actor has; that of the root is in directory_root.cpp.

#include "tractor/runtime/detail/directory.hpp"

#include <algorithm>
#include <utility>

#include "directory_links.hpp"
#include "registrar.hpp"
#include "registration.hpp"
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

void answer_start(peer& to, std::string_view cid) {
  to.answer([&](msg::buffer& out) { msg::encode_start_ack(out, cid, msg::function_kind::asyncfunc); });
}
void answer_done(peer& to, std::string_view cid) {
  to.answer([&](msg::buffer& out) { msg::encode_return(out, cid, std::nullopt); });
}

}  // namespace

class registration_request {
 public:
  // Throws transport_closed.
  registration_request(std::shared_ptr<peer> to, const msg::uid& who, const ipc::address& where) : to_(std::move(to)), cid_(make_uuid()) {
    to_->add(cid_, ack_);
    try {
      to_->send([&](msg::buffer& out) {
        msg::encode_start(
            out, cid_, "self", "register_actor", [&](msg::writer& kwargs) { write(kwargs, who, where); }, msg::uid_view(to_->self().uid()));
      });
    } catch (...) {
      to_->remove_ack(cid_);
      throw;
    }
  }
  registration_request(const registration_request&) = delete;
  registration_request& operator=(const registration_request&) = delete;
  ~registration_request() { to_->remove_ack(cid_); }

  // An answer, an error, or the end of the channel.
  [[nodiscard]] sc::task<> ended() { co_await ack_.done.wait(); }

 private:
  static void write(msg::writer& kwargs, const msg::uid& who, const ipc::address& where) {
    kwargs.map_header(2);
    kwargs.str("uid");
    msg::encode_item(kwargs, who);
    kwargs.str("addr");
    msg::encode_item(kwargs, where);
  }

  std::shared_ptr<peer> to_;
  std::string cid_;
  pending_ack ack_;
};

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

registrations directory::tell_above(const msg::uid& who) {
  const auto* const entry = table_.find(who.uuid);
  return entry == nullptr ? registrations() : tell_all(who, entry->addrs);
}

void directory::announce(const ipc::address& where) {
  if (!enabled() || closed_) return;
  if (self_.is_root()) add(self_.uid(), {where}, this);
  static_cast<void>(tell_all(self_.uid(), {where}));
}

void directory::tell(const std::shared_ptr<peer>& above, const msg::uid& who, const std::vector<ipc::address>& addrs, registrations& told) {
  try {
    for (const auto& where : addrs) told.push_back(std::make_shared<registration_request>(above, who, where));
  } catch (const error&) {
    // It is gone: nobody there has to know.
  }
}

registrations directory::tell_all(const msg::uid& who, const std::vector<ipc::address>& addrs) {
  registrations told;
  for (const auto& one : above()) tell(one, who, addrs, told);
  return told;
}

// One that does not answer in time has been told all the same, and hears of it when it listens again. The next start does not wait for it.
sc::task<> directory::wait_for(registrations told) {
  if (told.empty() || (unanswered_until_ && sc::current_time() < *unanswered_until_)) co_return;
  const bool in_time = co_await sc::move_on_after(registration_timeout, [&]() -> sc::task<> {
    for (const auto& request : told) co_await request->ended();
  });
  if (!in_time) unanswered_until_ = sc::current_time() + registration_respite;
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
  const auto* const file = std::get_if<std::string>(&arguments.addr.second);
  for (const std::size_t bytes :
       {arguments.uid.name.size(), arguments.uid.uuid.size(), arguments.addr.first.size(), file != nullptr ? file->size() : 0})
    if (bytes > discovery::name_bytes_max)
      throw type_error("register_actor: a name, uuid or address of " + std::to_string(bytes) + " bytes; the most is " +
                       std::to_string(discovery::name_bytes_max) + " (name_bytes_max)");
  const bool lives_with_it = from.is_child() || from.keeps_registration();
  const ipc::address where = ipc::address::from_wire(arguments.addr);
  add(arguments.uid, {where}, lives_with_it ? &from : nullptr);
  if (!lives_with_it && !std::exchange(renewing_, true)) self_.service().start_soon({.name = "leases"}, [this] { return renew_leases(); });
  answer_start(from, request.cid);
  auto told = from.is_child() ? tell_all(arguments.uid, {where}) : registrations();
  if (told.empty()) {
    answer_done(from, request.cid);
    return true;
  }
  self_.service().start_soon({.name = "registration"},
                             [this, to = from.shared_from_this(), cid = std::string(request.cid), told = std::move(told)]() mutable {
                               return finish_registration(std::move(to), std::move(cid), std::move(told));
                             });
  return true;
}

sc::task<> directory::finish_registration(std::shared_ptr<peer> from, std::string cid, registrations told) {
  co_await wait_for(std::move(told));
  if (!from->lost()) answer_done(*from, cid);
}

// --- lookups ---

bool directory::is_own(const ipc::address& where) const { return is_registrar_ && listens_at(where); }

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
    // One that somebody else has opened ends with his block.
    if (is_meant && !(*at)->lost() && ((*at)->is_child() || (*at)->is_parent())) return *at;
  }
  return nullptr;
}

// Of the links that nobody uses those used least recently go. Where all are in use there are more, until a later one is made.
void directory::make_room_for_link() {
  while (links_.size() >= registries_max) {
    const auto idle = std::ranges::find_if(links_, [](const auto& kept) { return kept->users == 0 && !kept->connecting.locked(); });
    if (idle == links_.end()) return;
    if (const auto link = (*idle)->link; link != nullptr && !link->lost())
      link->fail(std::make_exception_ptr(transport_closed("registrars were asked that are more than registries_max")));
    links_.erase(idle);
  }
}

namespace {

// Counts who has it among the users of the link, until the last copy is gone.
std::shared_ptr<peer> in_use(const std::shared_ptr<directory_link>& kept) {
  ++kept->users;
  return {kept->link.get(), [kept, link = kept->link](peer*) { --kept->users; }};
}

}  // namespace

sc::task<std::shared_ptr<peer>> directory::registrar(ipc::address where) {
  const bool of_this_tree = std::ranges::find(registry_addrs_, where) != registry_addrs_.end();
  if (const auto parent = self_.parent();
      parent && of_this_tree && parent->remote_aid() && parent->remote_aid()->is_registrar.value_or(false))
    co_return parent;
  for (const auto& registrar : upward_)
    if (registrar->where == where && registrar->link) co_return registrar->link;
  const auto known = std::ranges::find_if(links_, [&](const auto& kept) { return kept->where == where; });
  std::shared_ptr<directory_link> kept;
  if (known != links_.end()) {
    kept = *known;
    std::rotate(known, known + 1, links_.end());  // the last is the one used last
  } else {
    make_room_for_link();
    kept = links_.emplace_back(std::make_shared<directory_link>(where));
  }
  if (kept->link && !kept->link->lost()) co_return in_use(kept);
  const auto held = co_await kept->connecting.hold();
  if (kept->link && !kept->link->lost()) co_return in_use(kept);
  kept->link = co_await connect_peer(self_, where);
  serve_peer(self_, kept->link);
  co_return in_use(kept);
}

}  // namespace tractor::detail
