// SPDX-License-Identifier: Apache-2.0

#include "tractor/runtime/detail/dialog.hpp"

#include <algorithm>
#include <utility>

#include "tractor/base/exception_ptr_cast.hpp"
#include "tractor/base/log.hpp"
#include "tractor/msg/errors.hpp"
#include "tractor/msg/payload.hpp"
#include "tractor/msg/quoted.hpp"
#include "tractor/runtime/actor.hpp"
#include "tractor/runtime/detail/peer.hpp"
#include "tractor/runtime/stream.hpp"
#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/errors.hpp"
#include "tractor/sc/exception_group.hpp"

namespace tractor {

namespace {
constinit logger log_of_dialogs("tractor.runtime.dialogs");
}

namespace detail {

void payload_queue::push(msg::bytes_view payload) {
  if (count_ == slots_.size()) {
    // Rotated so that the oldest is first, then grown: the slots keep the memory they have.
    std::vector<msg::bytes> bigger(slots_.empty() ? 4 : slots_.size() * 2);
    for (std::size_t i = 0; i < count_; ++i) bigger[i] = std::move(slots_[(head_ + i) % slots_.size()]);
    slots_ = std::move(bigger);
    head_ = 0;
  }
  msg::assign_bytes(slots_[(head_ + count_) % slots_.size()], payload);
  ++count_;
  bytes_ += payload.size();
}

bool is_only(const std::exception_ptr& error, const std::exception_ptr& leaf) noexcept {
  if (error == leaf) return true;
  const auto* const group = exception_ptr_cast<sc::exception_group>(error);
  return group != nullptr && std::ranges::all_of(group->exceptions(), [&](const auto& member) { return is_only(member, leaf); });
}

// A wait for news, with the note whether it is the opener that waits (S-CTX-48).
class dialog::news_wait {
 public:
  explicit news_wait(dialog& link) noexcept : link_(link), opener_(sc::runner::current()->running()->id == link.opener_task_) {
    if (opener_) link_.opener_waits_ = true;
  }
  news_wait(const news_wait&) = delete;
  news_wait& operator=(const news_wait&) = delete;
  ~news_wait() {
    if (!opener_) return;
    link_.opener_waits_ = false;
    // The wait was given up, by a deadline say, when the news was on its way: it will be seen here no more.
    if (link_.absorbed_ && std::uncaught_exceptions() != 0) link_.interrupt_opener();
  }

 private:
  dialog& link_;
  bool opener_;
};

dialog::dialog(std::shared_ptr<peer> via, context_side side, std::string_view cid) : via_(std::move(via)), cid_(cid), side_(side) {
  if (const auto* task = sc::runner::current()->running()) opener_task_ = task->id;
  if (side_ == context_side::parent) {
    via_->add(*this);
    registered_ = true;
  }
}

dialog::~dialog() {
  // A task of the peer's that goes on, in its cleanup say, is not to wait for room at somebody who is gone.
  if (receive_credit_.counts() && side_ == context_side::parent && !peer_ended_ && !via_->lost()) say_credit({.cid = cid_});
  if (registered_) via_->remove(*this);
  if (took_loss_) via_->leave_loss();
  if (dropped_ != 0) log_of_dialogs.warning(function_, ": its receiver did not keep up, messages dropped: ", dropped_);
}

void dialog::set_function(std::string_view module, std::string_view name) {
  function_.reserve(module.size() + name.size() + 1);
  function_.append(module).append(":").append(name);
}

std::string dialog::describe() const {
  return msg::quoted(function_) + " in actor " + msg::quoted(side_ == context_side::parent ? via_->remote_uid().name : via_->self().name());
}

void dialog::wake() {
  opener_waits_ = false;  // it is on its way, with what is known now: what comes before it runs finds it elsewhere (S-CTX-48)
  news_.unpark_all();
}

void dialog::wake_all() {
  wake();
  senders_.unpark_all();
  for (sc::cancel_scope* const waiting : room_waits_) waiting->cancel("it may not be sent any more");
}

// --- from the message loop ---

void dialog::on_start_ack(msg::function_kind kind, const credit_note& credit) {
  if (side_ != context_side::parent || ack_received_) return;
  ack_received_ = true;
  kind_ = kind;
  set_credit(credit);
  // It was told in the Start; that it keeps to it is known now, before its first Yield.
  if (credit && policy_ == overruns::block) receive_credit_.bind(buffer_messages_);
  wake();
}

void dialog::on_started(msg::bytes_view payload) {
  if (started_received_) return;
  msg::assign_bytes(started_payload_, payload);  // first: for want of memory the connection ends, and the dialog with it
  started_received_ = true;
  wake();
}

void dialog::on_yield(msg::bytes_view payload) {
  if (peer_ended_ || stop_received_ || overrun_) return;
  const bool counted = receive_credit_.counts();
  if (counted && !receive_credit_.receive()) {
    // The peer said that it would not.
    if (finished()) return;
    refuse_overrun();
    record_remote_error(overrun_, true);
    return;
  }
  if (finished() || draining_ || stream_closed_) {
    discarded_ = discarded_ || draining_;
    receive_credit_.take(payload.size());
    tell_credit();  // who drops has room
    return;
  }
  // A message alone always has room, and one to a sender that keeps to its credit.
  const auto full = [&] {
    const bool too_many_bytes = !yields_.empty() && yields_.bytes() + (counted ? 0 : payload.size()) > stream_buffer_bytes;
    return too_many_bytes || (!counted && yields_.size() >= buffer_messages_);
  };
  if (policy_ == overruns::drop_oldest)
    for (; full() && !yields_.empty(); yields_.pop()) ++dropped_;
  if (full()) {
    refuse_overrun();
    return;
  }
  yields_.push(payload);
  wake();
}

void dialog::on_credit(std::uint64_t taken_bytes, std::optional<std::uint64_t> more) {
  if (more)
    send_credit_.add(taken_bytes, *more);
  else
    send_credit_.release();
  senders_.unpark_all();
}

void dialog::on_stop() {
  stop_received_ = true;
  if (one_way()) {  // a generator has no result: this is its end
    peer_ended_ = true;
    if (!finished()) return_received_ = true;
  }
  wake_all();
}

void dialog::on_return(msg::bytes_view payload) {
  if (!finished()) {
    msg::assign_bytes(return_payload_, payload);  // first, as above
    return_received_ = true;
  }
  peer_ended_ = true;
  wake_all();
}

// The absorption rule (S-CTX-60): our cancel(), answered by our direct peer, naming us.
bool dialog::asked_by_us(const msg::error_msg& fields) const {
  const uid& own = via_->self().uid();
  return cancel_called_ && fields.boxed_type_str == "ContextCancelled" && fields.canceller && fields.canceller->uuid == own.uuid &&
         fields.src_uid.uuid == via_->remote_uid().uuid && canceller_ && canceller_->uuid == own.uuid;
}

// The peer's runtime dropped a message of ours; its task does not know of that.
bool dialog::told_of_overrun(const msg::error_msg& fields) const {
  return fields.boxed_type_str == "StreamOverrun" && fields.sender && fields.sender->uuid == via_->self().uid().uuid;
}

void dialog::on_error(msg::error_msg fields, msg::error_detail detail) {
  // First what may fail: then the connection ends, and the dialog with it.
  const bool ends_the_peer = !told_of_overrun(fields);
  const bool asked_for = side_ == context_side::parent && asked_by_us(fields);
  const bool is_cancel = fields.boxed_type_str == "ContextCancelled";
  const auto canceller = fields.canceller;
  const uid source = fields.src_uid;
  std::exception_ptr error;
  if (!finished()) error = unpack_error(std::move(fields), std::move(detail));

  if (ends_the_peer) peer_ended_ = true;
  if (finished()) return;
  if (asked_for) {
    absorbed_ = true;
    cancel_acked_ = true;
    record_remote_error(std::move(error), !opener_waits_ && !opener_cancels_);
    return;
  }
  const auto was = [&](const uid& who) { return canceller && canceller->uuid == who.uuid; };
  if (is_cancel) cancelled_by_ = was(via_->remote_uid()) ? context_state::peer_cancelled : context_state::actor_cancelled;
  canceller_ = is_cancel && was(via_->self().uid()) ? via_->self().uid() : source;
  record_remote_error(std::move(error), true);
}

void dialog::on_lost(const std::exception_ptr& why) {
  lost_ = true;
  peer_ended_ = true;
  if (finished()) return;
  took_loss_ = true;
  via_->take_loss();
  record_remote_error(why, true);
}

void dialog::raise_remote_error() const {
  if (took_loss_) via_->set_loss_told();
  std::rethrow_exception(remote_error_);
}

void dialog::record_remote_error(std::exception_ptr error, bool interrupt) {
  remote_error_ = std::move(error);
  // Who waits for news, or to send, sees the error itself; only what is stopped elsewhere has to be cancelled out of it.
  wake_all();
  if (interrupt) interrupt_opener();
}

void dialog::interrupt_opener() {
  if (one_way()) return;  // there is no link: whoever asks for the next value gets the error, after those that came before it
  scope_.cancel(sc::cancel_reason{.source = sc::cancel_source::explicit_call,
                                  .text = "the other side of " + describe() + " ended: " + wire_type_name(remote_error_),
                                  .task = {},
                                  .where = {}});
}

void dialog::refuse_overrun() {
  msg::error_msg overrun;
  const uid& own = via_->self().uid();
  overrun.src_uid = own;
  overrun.src_type_str = overrun.boxed_type_str = "StreamOverrun";
  overrun.relay_path.push_back(own);
  overrun.sender = via_->remote_uid();
  overrun.cid = cid_;
  overrun.message = "actor " + msg::quoted(own.name) + " has " + std::to_string(yields_.size()) + " unread messages (" +
                    std::to_string(yields_.bytes()) + " bytes) of actor " + msg::quoted(via_->remote_uid().name) + " in " + describe() +
                    " and dropped one more; " + (stream_opened_ ? "its task reads too slowly" : "its task had not opened the stream yet");
  overrun_ = std::make_exception_ptr(stream_overrun(overrun));
  try {
    via_->send([&](msg::buffer& out) { msg::encode_error_msg(out, overrun); });
  } catch (const error&) {
    // The channel ended; the dialog is told of that by other means.
  }
}

sc::task<> dialog::raise_loss() {
  co_await via_->wait_for_loss();
  throw_lost();
}

// A task that the peer asked for has nobody to tell: what it throws ends with it.
void dialog::throw_lost() const {
  if (side_ == context_side::parent) via_->set_loss_told();
  std::rethrow_exception(via_->lost());
}

// --- opening ---

sc::task<> dialog::wait_for_ack(msg::function_kind wanted, std::string_view function) {
  while (!ack_received_ && !finished()) {
    const news_wait waiting(*this);
    co_await news_.park("start of a remote task");
  }
  if (!ack_received_ && remote_error_) raise_remote_error();
  if (ack_received_ && kind_ != wanted)
    throw type_error(msg::quoted(function) + " in actor " + msg::quoted(via_->remote_uid().name) + " is of kind " +
                     std::string(msg::wire_name(kind_)) + ", not " + std::string(msg::wire_name(wanted)) + ": " +
                     (kind_ == msg::function_kind::context ? "open it with open_context"
                      : one_way()                          ? "open it with open_stream_from"
                                                           : "call it with run"));
}

sc::task<> dialog::wait_for_started(std::string_view function) {
  while (!started_received_ && !finished()) {
    const news_wait waiting(*this);
    co_await news_.park("context.started");
  }
  if (started_received_) co_return;
  if (remote_error_) raise_remote_error();
  throw messaging_error(msg::quoted(function) + " in actor " + msg::quoted(via_->remote_uid().name) +
                        " returned without calling started()");
}

// --- results ---

sc::task<bool> dialog::wait_for_return() {
  drain();  // only Return and Error count
  while (!finished()) {
    if (std::exchange(stop_owed_, false) && !stop_received_) {
      stop_sent_ = true;  // what ended the stream's block here was handled: nothing stronger follows
      send_stop();
    }
    const news_wait waiting(*this);
    co_await news_.park("result of a remote task");
  }
  if (return_received_) co_return true;
  if (absorbed_) co_return false;
  raise_remote_error();
}

void dialog::drain() {
  if (stream_opened_ && !stream_closed_) return;
  draining_ = true;
  discarded_ = discarded_ || !yields_.empty();
  while (!yields_.empty()) take_yield();
  tell_credit();
}

bool dialog::has_error_of_its_own() const noexcept {
  return remote_error_ && !absorbed_ && !took_loss_ && exception_ptr_cast<context_cancelled>(remote_error_) == nullptr;
}

void dialog::maybe_raise() const {
  if (remote_error_ && !absorbed_) raise_remote_error();
}

// --- streaming ---

void dialog::set_receiving(overruns policy, std::size_t buffer_messages) {
  policy_ = policy;
  buffer_messages_ = buffer_messages;
}

std::optional<std::uint64_t> dialog::announce_credit() {
  if (policy_ != overruns::block) return std::nullopt;
  if (side_ == context_side::child) receive_credit_.bind(buffer_messages_);
  return buffer_messages_;
}

void dialog::set_credit(const credit_note& credit) {
  if (!credit || !*credit) return;
  send_credit_.bind(**credit);
  yield_overhead_bytes_ = msg::yield_overhead_bytes(cid_);
}

// The peer is told of what was taken, and of room for more, when that is enough to be worth a message.
void dialog::tell_credit() noexcept {
  if (!receive_credit_.counts() || stop_received_ || stop_sent_ || peer_ended_) return;
  if (const auto grant = receive_credit_.take_grant(yields_.size()))
    say_credit({.cid = cid_, .bytes = grant->bytes, .messages = grant->messages});
}

// A peer that cannot be told would wait for ever: it loses the connection.
void dialog::say_credit(const msg::credit& message) noexcept {
  try {
    via_->answer([&](msg::buffer& out) { msg::encode_credit(out, message); });
  } catch (...) {
    via_->close_for_want_of_memory();
  }
}

sc::task<> dialog::wait_to_send() { co_await senders_.park("stream.send, for room at the receiver"); }

sc::task<> dialog::wait_for_room() {
  sc::cancel_scope waiting;
  struct registration {
    std::vector<sc::cancel_scope*>& in;
    sc::cancel_scope* who;
    ~registration() { std::erase(in, who); }
  };
  room_waits_.push_back(&waiting);
  const registration registered{.in = room_waits_, .who = &waiting};
  const bool waited = co_await waiting.run([this] { return via_->channel().drained(); });
  if (!waited && via_->channel().closed()) throw transport_closed(via_->channel().why_closed());
}

void dialog::open_stream(std::optional<overruns> policy, std::optional<std::size_t> buffer_messages) {
  if (buffer_messages && *buffer_messages == 0) throw usage_error("open_stream(): a stream needs room for a message, buffer_messages is 0");
  if (policy == overruns::block && policy_ != overruns::block)
    throw usage_error(
        "open_stream(): overruns::block has to be said when the context is opened: the peer was told that it may send freely");
  if (stream_opened_) throw sc::closed_resource_error("the stream of " + describe() + " was opened before: a context has one");
  if (side_ == context_side::child && !started_sent_)
    throw usage_error("open_stream() before started(): " + describe() + " must call started() first");
  if (remote_error_ && !one_way()) raise_remote_error();  // (behind the values that came before it)
  if (cancel_called_) throw usage_error("open_stream() after cancel() in " + describe());
  if (self_cancelled_) throw usage_error("open_stream() in " + describe() + ", which has cancelled itself");
  if (discarded_)
    throw usage_error("open_stream() in " + describe() + " after wait_for_result(), which has discarded messages of the stream");
  stream_opened_ = true;
  draining_ = false;  // a wait for the result may have been given up before
  change_receiving(policy.value_or(policy_), buffer_messages.value_or(buffer_messages_));
}

void dialog::change_receiving(overruns policy, std::size_t buffer_messages) {
  set_receiving(policy, buffer_messages);
  if (!receive_credit_.counts()) return;
  if (policy_ != overruns::block) {
    receive_credit_.release();
    say_credit({.cid = cid_});
    return;
  }
  receive_credit_.set_window(buffer_messages_);
  tell_credit();
}

sc::task<std::optional<bool>> dialog::wait_for_yield(const bool* moved) {
  co_await sc::checkpoint();
  for (;;) {
    if (moved != nullptr && *moved) co_return std::nullopt;
    if (const auto known = poll_yield()) co_return known;
    const news_wait waiting(*this);
    co_await news_.park("stream.receive");
  }
}

std::optional<bool> dialog::poll_yield() const {
  if (!yields_.empty()) return true;
  if (remote_error_) raise_remote_error();
  // The sender is told and fails by it, which is the error to raise; one that had ended already never learns of it.
  if (overrun_ && return_received_ && !stream_closed_) std::rethrow_exception(overrun_);
  if (stream_closed_ || return_received_ || (stop_received_ && !overrun_)) return false;
  if (via_->lost()) throw_lost();
  return std::nullopt;
}

void dialog::check_can_send() const {
  if (remote_error_) raise_remote_error();
  if (via_->lost()) throw_lost();
  if (stop_received_ || stream_closed_ || return_received_) const_cast<dialog*>(this)->throw_end_of_channel();
}

void dialog::throw_end_of_channel() {
  if (!end_of_channel_) end_of_channel_ = std::make_exception_ptr(sc::end_of_channel("the stream of " + describe() + " has ended"));
  std::rethrow_exception(end_of_channel_);
}

void dialog::close_stream() noexcept {
  if (stream_closed_) return;
  stop_sent_ = !stop_received_ && !finished() && !one_way();  // a generator is cancelled instead
  end_stream();
  if (stop_sent_) send_stop();
}

void dialog::send_stop() noexcept {
  try {
    via_->send([&](msg::buffer& out) { msg::encode_stop(out, cid_); });
  } catch (const error&) {
    // A channel that is gone needs no goodbye.
  }
}

void dialog::abandon_stream() noexcept {
  stop_owed_ = !stream_closed_ && !one_way();
  end_stream();
  tell_credit();  // the peer's task goes on, and may send until it is told why
}

void dialog::end_stream() noexcept {
  stream_closed_ = true;
  while (!yields_.empty()) take_yield();
  wake_all();
}

bool is_own_end(const dialog& link, const std::exception_ptr& error) { return link.is_end_of_channel(error); }

std::exception_ptr dialog::refuse_payload(msg::message_kind kind, msg::bytes_view payload, std::string_view spec, const error& why) {
  const uid& source = side_ == context_side::parent ? via_->remote_uid() : via_->self().uid();
  auto raised = make_payload_mismatch(source, cid_, kind, payload, spec, why);
  if (!remote_error_) {
    remote_error_ = raised;
    wake_all();
  }
  return raised;
}

}  // namespace detail

std::string_view to_string(context_state state) noexcept {
  switch (state) {
    case context_state::pre_started: return "pre-started";
    case context_state::syncing_to_child: return "syncing-to-child";
    case context_state::started: return "started";
    case context_state::streaming: return "streaming";
    case context_state::streaming_finished: return "streaming-finished";
    case context_state::result_returned: return "result-returned";
    case context_state::self_cancelled: return "self-cancelled";
    case context_state::peer_cancelled: return "peer-cancelled";
    case context_state::actor_cancelled: return "actor-cancelled";
    case context_state::errored: return "errored";
  }
  return "";
}

namespace detail {

context_state dialog::state() const noexcept {
  if (return_received_) return context_state::result_returned;
  if (absorbed_ || self_cancelled_) return context_state::self_cancelled;
  if (remote_error_ && cancelled_by_) return *cancelled_by_;
  if (remote_error_ || local_error_) return context_state::errored;
  if (side_ == context_side::child && scope_.cancel_called() && via_->self().cancel_called()) return context_state::actor_cancelled;
  if (side_ == context_side::child && scope_.cancel_called())
    return canceller_ && canceller_->uuid == via_->remote_uid().uuid ? context_state::peer_cancelled : context_state::actor_cancelled;
  if (stream_closed_ || stop_received_) return context_state::streaming_finished;
  if (stream_opened_) return context_state::streaming;
  if (started_received_ || started_sent_) return context_state::started;
  return ack_received_ ? context_state::syncing_to_child : context_state::pre_started;
}

// --- cancelling ---

sc::task<> dialog::cancel_remote(sc::duration timeout, bool by_user) {
  if (by_user && !finished()) {
    cancel_called_ = true;
    if (!canceller_) canceller_ = via_->self().uid();
  }
  if (peer_ended_ || via_->lost()) co_return;
  const bool by_opener = sc::runner::current()->running()->id == opener_task_;
  if (by_opener) opener_cancels_ = true;
  co_await sc::shielded([&] { return via_->request_cancel_task(cid_); }, timeout);
  if (by_opener) opener_cancels_ = false;  // an acknowledgement that comes later finds it elsewhere, and wakes it (S-CTX-48)
}

// A checkpoint, also where there is nothing left to cancel: who asks again and again lets others run.
sc::task<> dialog::cancel_by_user(sc::duration timeout) {
  const bool nothing_to_do = peer_ended_ || via_->lost();
  co_await cancel_remote(timeout, true);
  if (nothing_to_do) co_await sc::checkpoint();
}

void dialog::cancel_self() {
  if (self_cancelled_) return;
  self_cancelled_ = true;
  canceller_ = via_->self().uid();
  scope_.cancel("the task cancelled its own context");
}

}  // namespace detail

}  // namespace tractor
