// SPDX-License-Identifier: Apache-2.0

#include "tractor/runtime/detail/peer.hpp"

#include <variant>

#include "registrar.hpp"
#include "tractor/msg/errors.hpp"
#include "tractor/msg/quoted.hpp"
#include "tractor/runtime/actor.hpp"
#include "tractor/runtime/control.hpp"
#include "tractor/runtime/detail/directory.hpp"
#include "tractor/runtime/detail/incoming_call.hpp"
#include "tractor/runtime/module.hpp"

namespace tractor::detail {

namespace {

std::string named(const uid& who) { return "actor " + msg::quoted(who.name); }

}  // namespace

peer::peer(actor& self, std::unique_ptr<sc::byte_stream> stream)
    : self_(self),
      channel_(std::move(stream), handshake_frame_bytes_max),
      dialogs_(sc::detail::this_runner().random()),
      calls_(sc::detail::this_runner().random()) {}

peer::~peer() { TRACTOR_ASSERT(dialogs_.empty() && calls_.empty(), "a peer is destroyed while dialogs run over it"); }

void peer::expect(const uid& who) {
  remote_uid_ = who;
  channel_.set_peer_name(named(who));
}

void peer::leave_loss() noexcept {
  if (--loss_takers_ != 0 || loss_told_) return;
  if (const auto dropped = std::exchange(loss_dropped_hook_, nullptr)) dropped();
}

sc::task<> peer::wait_for_loss() {
  const auto keep = shared_from_this();
  while (!lost_) co_await loss_known_.park("why the connection ended");
}

// --- handshake ---

void peer::send_aid(const std::vector<ipc::address>& addrs) {
  if (addrs.empty()) {
    channel_.send([&](msg::buffer& out) { msg::encode_aid(out, self_.aid()); });
    return;
  }
  msg::aid own = self_.aid();
  own.addrs.emplace();
  for (const auto& where : addrs) own.addrs->push_back(where.wire());
  channel_.send([&](msg::buffer& out) { msg::encode_aid(out, own); });
}

sc::task<> peer::receive_aid() {
  auto message = co_await channel_.receive();
  if (!message) throw transport_closed(channel_.why_closed() + " before it said who it is");
  auto* aid = std::get_if<msg::aid>(&*message);
  if (aid == nullptr) {
    channel_.close("the peer did not begin with its identity (Aid) but with " + std::string(msg::wire_name(msg::kind_of(*message))));
    throw transport_closed(channel_.why_closed());
  }
  if (!remote_uid_.uuid.empty() && aid->uuid != remote_uid_.uuid) {
    channel_.close("the peer says that it is " + msg::quoted(aid->name) + " (" + msg::escaped(aid->uuid) + "), expected was " +
                   msg::quoted(remote_uid_.name) + " (" + remote_uid_.uuid + ")");
    throw transport_closed(channel_.why_closed());
  }
  if (!aid->challenge) channel_.set_frame_bytes_max(msg::frame_bytes_max_default);  // from here on it is one who has a name
  expect(uid{.name = aid->name, .uuid = aid->uuid});
  remote_aid_ = std::move(*aid);
  if (const auto& known = remote_aid_->extensions) {
    takes_error_detail_ = std::ranges::find(*known, msg::error_detail_key) != known->end();
    keeps_registration_ = std::ranges::find(*known, msg::registry_key) != known->end();
  }
}

sc::task<> peer::shake_hands(ipc::connection_end as, bool over_tcp) {
  const bool proves = over_tcp && self_.secret();
  std::optional<ipc::challenge> own;
  if (proves) {
    own = ipc::fresh_challenge();
    msg::aid said = self_.aid();
    said.challenge.emplace(own->begin(), own->end());
    channel_.send([&](msg::buffer& out) { msg::encode_aid(out, said); });
  } else {
    send_aid();
  }
  co_await receive_aid();
  if (remote_aid_->is_probe) {
    // Whoever accepts one drops it, unproved. Who is connected to is no probe, whatever it says.
    if (as == ipc::connection_end::connector) refuse_stranger(named(remote_uid_) + " was connected to, and says that it is a probe");
    co_return;
  }
  if (proves) {
    co_await prove(as, *own);
  } else if (over_tcp && remote_aid_->challenge) {
    refuse_stranger(named(remote_uid_) + " belongs to a tree with a secret, and " + named(self_.uid()) +
                    " to one without: set TRACTOR_SECRET_FILE or TRACTOR_SECRET there too");
  }
}

sc::task<> peer::prove(ipc::connection_end as, const ipc::challenge& own) {
  const msg::aid theirs = *remote_aid_;
  if (!theirs.challenge || theirs.challenge->size() != ipc::challenge_bytes)
    refuse_stranger("this tree has a secret, which a peer has to prove that it knows; " + named(remote_uid_) +
                    " has not asked for a proof, " + "so it has none, or is a peer of the reference");
  // Nobody but a mirror would ask what it was asked.
  if (std::ranges::equal(*theirs.challenge, own)) refuse_stranger("a challenge was sent back");
  const bool connects = as == ipc::connection_end::connector;
  const ipc::handshake_facts facts{.connector_challenge = connects ? std::span<const std::byte>(own) : *theirs.challenge,
                                   .acceptor_challenge = connects ? *theirs.challenge : std::span<const std::byte>(own),
                                   .connector_uuid = connects ? self_.uid().uuid : theirs.uuid,
                                   .acceptor_uuid = connects ? theirs.uuid : self_.uid().uuid};
  const ipc::proof answer = self_.secret()->prove(as, facts);
  msg::aid said = self_.aid();
  said.proof.emplace(answer.begin(), answer.end());
  channel_.send([&](msg::buffer& out) { msg::encode_aid(out, said); });
  const auto message = co_await channel_.receive();
  if (!message) throw transport_closed(channel_.why_closed() + " before it proved that it knows the secret of this tree");
  const auto* error = std::get_if<msg::error_msg>(&*message);
  if (error != nullptr) {
    channel_.close(named(remote_uid_) + " refused the connection: " + msg::quoted(error->message.value_or("")));
    throw transport_closed(channel_.why_closed());
  }
  const auto* aid = std::get_if<msg::aid>(&*message);
  const auto of = connects ? ipc::connection_end::acceptor : ipc::connection_end::connector;
  if (aid == nullptr || aid->uuid != theirs.uuid || !aid->proof || !self_.secret()->verifies(*aid->proof, of, facts))
    refuse_stranger(named(remote_uid_) + " does not know the secret of this tree");
  channel_.set_frame_bytes_max(msg::frame_bytes_max_default);
}

// Tells it why, as an error of the runtime: a peer of the reference reads that too.
void peer::refuse_stranger(const std::string& why) {
  const auto refusal = std::make_exception_ptr(messaging_error(why));
  try {
    channel_.send([&](msg::buffer& out) { encode_error(out, refusal, self_.uid(), std::nullopt, false); });
  } catch (const transport_closed&) {
    // It has gone by itself.
  }
  channel_.close(why);
  throw transport_closed(channel_.why_closed());
}

void peer::close_for_want_of_memory() noexcept {
  try {
    channel_.close("there is no memory for a message to " + named(remote_uid_));
  } catch (const std::bad_alloc&) {
    channel_.close("out of memory");  // short enough to take none
  }
}

// --- the message loop ---

sc::task<> peer::serve() {
  std::exception_ptr why;
  try {
    co_await channel_.receive_each(&dispatch, this);
    why = std::make_exception_ptr(transport_closed(channel_.why_closed()));
  } catch (const sc::cancelled&) {
    throw;
  } catch (const transport_closed&) {
    why = std::current_exception();
  } catch (...) {
    // A message that cannot be taken in, for want of memory say, costs this connection and not the actor.
    channel_.close("a message of " + channel_.peer_name() + " could not be handled: " + sc::describe_briefly(std::current_exception()));
    why = std::make_exception_ptr(transport_closed(channel_.why_closed()));
  }
  if (!owner_reports_loss_) fail(why);
}

void peer::fail(const std::exception_ptr& why) {
  if (lost_) return;
  lost_ = why;
  loss_known_.unpark_all();
  if (!channel_.closed()) channel_.close(sc::describe_briefly(why));
  // Telling a dialog wakes tasks but runs none, so the table does not change under this loop.
  dialogs_.for_each([&](const ack_entry& entry) {
    if (entry.link != nullptr) entry.link->on_lost(why);
    if (entry.ack != nullptr) entry.ack->done.set();
  });
  if (!calls_.empty()) cancel_calls(std::nullopt, "the actor that asked for this task is gone: " + sc::describe_briefly(why));
  calls_.for_each([](incoming_call* call) { call->link().wake_all(); });  // who waits out of reach of that sees the loss, and ends by it
}

void peer::dispatch(void* self, msg::envelope& message, msg::bytes_view body) {
  peer& to = *static_cast<peer*>(self);
  switch (msg::kind_of(message)) {
    case msg::message_kind::start: to.on_start(*std::get_if<msg::start>(&message), body); return;
    case msg::message_kind::start_ack: {
      const auto& ack = *std::get_if<msg::start_ack>(&message);
      if (dialog* link = to.find(ack)) link->on_start_ack(ack.functype, ack.has_extra ? credit_note_of(body) : std::nullopt);
      return;
    }
    case msg::message_kind::credit: {
      const auto& credit = *std::get_if<msg::credit>(&message);
      if (dialog* link = to.find(credit)) link->on_credit(credit.bytes, credit.messages);
      return;
    }
    case msg::message_kind::started: {
      const auto& started = *std::get_if<msg::started>(&message);
      if (dialog* link = to.find(started)) link->on_started(started.pld);
      return;
    }
    case msg::message_kind::yield: {
      const auto& yield = *std::get_if<msg::yield>(&message);
      if (dialog* link = to.find(yield)) link->on_yield(yield.pld);
      return;
    }
    case msg::message_kind::stop: {
      const auto& stop = *std::get_if<msg::stop>(&message);
      if (dialog* link = to.find(stop)) link->on_stop();
      return;
    }
    case msg::message_kind::return_: {
      const auto& result = *std::get_if<msg::return_>(&message);
      if (dialog* link = to.find(result)) {
        link->on_return(result.pld);
      } else if (const ack_entry* const found = to.dialogs_.find(result.cid); found != nullptr && found->ack != nullptr) {
        found->ack->answered = true;
        found->ack->done.set();
      }
      return;
    }
    case msg::message_kind::cancel_ack: {
      const auto& ack = *std::get_if<msg::cancel_ack>(&message);
      const ack_entry* const found = to.dialogs_.find(ack.cid);
      if (found == nullptr || found->ack == nullptr) return;
      found->ack->answered = true;
      found->ack->value = ack.pld;
      found->ack->done.set();
      if (found->ack->heard) found->ack->heard();
      return;
    }
    case msg::message_kind::error: to.on_error_message(*std::get_if<msg::error_msg>(&message), body); return;
    case msg::message_kind::aid:
    case msg::message_kind::spawn_spec:
      to.channel_.close(named(to.remote_uid_) + " sent " + std::string(msg::wire_name(msg::kind_of(message))) +
                        " in the middle of the conversation");
      return;
  }
}

// The dialog that a message belongs to; null for one that has ended or never was: late messages do no harm (S-OOB-7).
template <class Message>
dialog* peer::find(const Message& message) {
  if (recent_ != nullptr && recent_->cid() == message.cid) return recent_;
  if (const ack_entry* const found = dialogs_.find(message.cid)) return recent_ = found->link;
  if (incoming_call* const* const found = calls_.find(message.cid)) return recent_ = &(*found)->link();
  return nullptr;
}

void peer::on_error_message(msg::error_msg& fields, msg::bytes_view body) {
  const auto detail = [&] {
    const auto sent = takes_error_detail_ ? msg::find_key(body, msg::error_detail_key) : std::nullopt;
    return sent && sent->data.size() <= error_detail_bytes_max ? msg::decode<msg::error_detail>(*sent) : msg::error_detail();
  };
  if (!fields.cid) {
    // The peer's runtime itself failed: everything on this channel fails with it (S-RT-22).
    const auto why = unpack_error(std::move(fields), detail());
    channel_.close("the runtime of " + named(remote_uid_) + " failed");
    fail(why);
    return;
  }
  if (const ack_entry* const found = dialogs_.find(*fields.cid)) {
    if (found->ack != nullptr)
      found->ack->done.set();
    else
      found->link->on_error(std::move(fields), detail());
  } else if (incoming_call* const* const call = calls_.find(*fields.cid)) {
    (*call)->link().on_error(std::move(fields), detail());
  }
}

// --- requests ---

void peer::refuse(std::string_view cid, const std::exception_ptr& why) {
  msg::buffer packed;
  encode_error(packed, why, self_.uid(), std::string(cid), takes_error_detail_);
  answer([&](msg::buffer& out) { out.append(packed.view()); });
}

void peer::forget_what_was_taken() noexcept {
  if (const std::uint64_t taken = channel_.bytes_taken(); taken != taken_before_) {
    taken_before_ = taken;
    answer_bytes_unread_ = error_bytes_waiting_ = 0;
  }
}

void peer::count_unread(std::size_t& unread, std::size_t bytes, std::size_t bytes_max, std::string_view what) {
  forget_what_was_taken();
  unread += bytes;
  if (unread > bytes_max)
    channel_.close(named(remote_uid_) + " does not read what it asks for: it takes nothing, and more than " + std::to_string(bytes_max) +
                   " bytes of " + std::string(what));
}

void peer::on_start(const msg::start& request, msg::bytes_view body) {
  if (request.uid != msg::uid_view(remote_uid_)) {
    // A lie about identity costs the channel (S-RPC-2).
    const std::string claim =
        named(remote_uid_) + " sent a Start in the name of " + msg::quoted(request.uid.name) + " (" + msg::escaped(request.uid.uuid) + ")";
    refuse(request.cid, std::make_exception_ptr(messaging_error(claim)));
    channel_.close(claim);
    return;
  }
  if (request.cid.size() > cid_bytes_max) {
    channel_.close(named(remote_uid_) + " sent a Start whose cid has " + std::to_string(request.cid.size()) + " bytes, the most is " +
                   std::to_string(cid_bytes_max) + " (cid_bytes_max)");
    return;
  }
  if (request.ns == "self") {
    on_runtime_request(request, body);
    return;
  }
  try {
    if (refused_as_cancelled(request)) return;
    if (request.ns == control_module)
      define_control();
    else if (!self_.exposes(request.ns))
      throw module_not_exposed("module " + msg::quoted(request.ns) + " is not exposed by " + named(self_.uid()) +
                               ": name it in enable_modules when the actor is started");
    const endpoint* target = find_endpoint(request.ns, request.func);
    if (target == nullptr) throw attribute_error("module " + msg::quoted(request.ns) + " has no function " + msg::quoted(request.func));
    run(*target, request, body);
  } catch (...) {  // a codec of the user's may throw anything
    refuse(request.cid, std::current_exception());
  }
}

// Answered like a task that was running when the cancel came.
bool peer::refused_as_cancelled(const msg::start& request) {
  if (!self_.cancel_called()) return false;
  const auto packed = make_context_cancelled(self_.uid(), self_.cancel_caller(), request.cid, "the actor is being cancelled");
  answer([&](msg::buffer& out) { msg::encode_error_msg(out, packed); });
  return true;
}

// Starts the task that a request asks for. Throws what is wrong with the request.
void peer::run(const endpoint& target, const msg::start& request, msg::bytes_view body) {
  if (calls_.size() >= tasks_per_peer_max)
    throw runtime_failure(named(self_.uid()) + " runs " + std::to_string(calls_.size()) + " tasks for this peer and takes no more",
                          error_category::overloaded);
  if (calls_.find(request.cid) != nullptr) throw messaging_error("a task with cid " + msg::quoted(request.cid) + " is running already");
  auto call = std::make_unique<incoming_call>(shared_from_this(), target, target.prepare(target, request.kwargs), request.cid);
  acknowledge(*call, target, request.has_extra ? credit_note_of(body) : std::nullopt);
  call->enlist();
  self_.service().start_soon({.name = target.name}, [owned = std::move(call)]() { return owned->run(); });
}

// What streams, and whose opener knows credit, is told how much it may send at first.
void peer::acknowledge(incoming_call& call, const endpoint& target, const credit_note& credit) {
  msg::buffer window;
  msg::extra_field window_field;
  msg::extra_fields extra;
  if (credit && target.kind != msg::function_kind::asyncfunc) {
    call.link().set_credit(credit);
    msg::encode(window, call.link().announce_credit(), msg::credit_key);
    window_field = {.key = msg::credit_key, .item = window.view()};
    extra = {&window_field, 1};
  }
  answer([&](msg::buffer& out) { msg::encode_start_ack(out, call.link().cid(), target.kind, extra); });
}

namespace {

struct cancel_task_arguments {
  std::string cid;
};

}  // namespace

// The methods of the runtime that a peer may call: a fixed table (S-RPC-12).
void peer::on_runtime_request(const msg::start& request, msg::bytes_view body) {
  const auto acknowledge_start = [&] {
    answer([&](msg::buffer& out) { msg::encode_start_ack(out, request.cid, msg::function_kind::asyncfunc); });
  };
  if (request.func == "cancel") {
    acknowledge_start();
    try {
      self_.acknowledge_cancel(shared_from_this(), request.cid);
    } catch (const transport_closed&) {
      // Who asked takes no answer any more.
    }
    self_.cancel_soon(remote_uid_, "requested by " + named(remote_uid_));
    return;
  }
  if (request.func == "_cancel_task") {
    std::string target;
    try {
      target = msg::decode<cancel_task_arguments>(request.kwargs, {}, "kwargs").cid;
    } catch (const error&) {
      refuse(request.cid, std::current_exception());
      return;
    }
    acknowledge_start();
    incoming_call* const* const found = calls_.find(target);
    if (found == nullptr) {
      answer([&](msg::buffer& out) { msg::encode_cancel_ack(out, request.cid, true); });
      return;
    }
    incoming_call& call = **found;
    // Many tasks may cancel one. So many are told when it has ended; the others, at once, that it has not yet.
    if (call.cancel_requests() >= cancel_requests_per_task_max) {
      answer([&](msg::buffer& out) { msg::encode_cancel_ack(out, request.cid, false); });
      return;
    }
    call.acknowledge_when_done(request.cid);
    call.cancel(remote_uid_, "requested by " + named(remote_uid_));
    return;
  }
  try {
    if (self_.directory().handle(*this, request)) return;
    const endpoint* const method = self_.directory().is_registrar() ? find_endpoint(registrar_module, request.func) : nullptr;
    if (method != nullptr) {
      if (!refused_as_cancelled(request)) run(*method, request, body);
      return;
    }
    throw attribute_error("the runtime of " + named(self_.uid()) + " has no method " + msg::quoted(request.func) + " that a peer may call" +
                          (is_registrar_method(request.func) ? ": it is not the registrar" : ""));
  } catch (...) {
    refuse(request.cid, std::current_exception());
  }
}

void peer::cancel_calls(const std::optional<uid>& canceller, std::string_view why) {
  calls_.for_each([&](incoming_call* call) { call->cancel(canceller, why); });
}

void peer::enlist(incoming_call& call) {
  calls_.insert(call.link().cid(), &call);
  self_.call_started(call);
}

void peer::forget(incoming_call& call) noexcept {
  if (recent_ == &call.link()) recent_ = nullptr;
  calls_.erase(call.link().cid());
  self_.call_ended(call);
}

// --- dialogs of ours ---

void peer::add(dialog& link) {
  if (lost_) {
    loss_told_ = true;  // whoever opens it is
    std::rethrow_exception(lost_);
  }
  dialogs_.insert(link.cid(), ack_entry{.link = &link, .ack = nullptr});
}

void peer::remove(dialog& link) noexcept {
  if (recent_ == &link) recent_ = nullptr;
  dialogs_.erase(link.cid());
}

void peer::add(std::string_view cid, pending_ack& ack) {
  if (lost_) std::rethrow_exception(lost_);
  dialogs_.insert(cid, ack_entry{.link = nullptr, .ack = &ack});
}

void peer::remove_ack(std::string_view cid) noexcept { dialogs_.erase(cid); }

namespace {

// Registers a request for its answer while it lives.
class ack_registration {
 public:
  ack_registration(peer& at, std::string cid) : at_(at), cid_(std::move(cid)) { at_.add(cid_, ack_); }
  ack_registration(const ack_registration&) = delete;
  ack_registration& operator=(const ack_registration&) = delete;
  ~ack_registration() { at_.remove_ack(cid_); }
  [[nodiscard]] const std::string& cid() const noexcept { return cid_; }
  [[nodiscard]] pending_ack& ack() noexcept { return ack_; }

 private:
  peer& at_;
  std::string cid_;
  pending_ack ack_;
};

}  // namespace

sc::task<bool> peer::request_cancel_task(std::string_view task_cid) {
  const auto keep = shared_from_this();
  if (lost_) co_return false;
  ack_registration request(*this, make_uuid());
  try {
    send([&](msg::buffer& out) {
      msg::encode_start(
          out, request.cid(), "self", "_cancel_task",
          [&](msg::writer& to) {
            to.map_header(1);
            to.str("cid");
            to.str(task_cid);
          },
          msg::uid_view(self_.uid()));
    });
  } catch (const transport_closed&) {
    co_return false;
  }
  co_await request.ack().done.wait();
  co_return request.ack().answered&& request.ack().value;
}

sc::task<bool> peer::request_cancel_actor() {
  const auto keep = shared_from_this();
  if (lost_) co_return false;
  cancel_called_ = true;
  if (cancel_hook_) cancel_hook_();
  ack_registration request(*this, make_uuid());
  try {
    send([&](msg::buffer& out) {
      msg::encode_start(out, request.cid(), "self", "cancel", [](msg::writer& to) { to.map_header(0); }, msg::uid_view(self_.uid()));
    });
  } catch (const transport_closed&) {
    co_return false;
  }
  co_await request.ack().done.wait();
  cancel_acknowledged_ = cancel_acknowledged_ || (request.ack().answered && request.ack().value);
  co_return cancel_acknowledged_;
}

}  // namespace tractor::detail
