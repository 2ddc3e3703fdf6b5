// SPDX-License-Identifier: Apache-2.0

#include "tractor/runtime/detail/incoming_call.hpp"

#include <utility>

#include "tractor/msg/errors.hpp"
#include "tractor/runtime/actor.hpp"
#include "tractor/runtime/context.hpp"
#include "tractor/runtime/detail/peer.hpp"

namespace tractor::detail {

prepared_call::~prepared_call() = default;

incoming_call::incoming_call(std::shared_ptr<peer> via, const endpoint& target, std::unique_ptr<prepared_call> call, std::string_view cid)
    : link_(std::move(via), context_side::child, cid), target_(target), call_(std::move(call)) {
  link_.set_function(target.module, target.name);
}

void incoming_call::enlist() {
  link_.via().enlist(*this);
  enlisted_ = true;
}

void incoming_call::delist() noexcept {
  if (!std::exchange(enlisted_, false)) return;
  link_.via().forget(*this);
}

void incoming_call::cancel(const std::optional<uid>& canceller, std::string_view why) {
  if (link_.scope().cancel_called()) return;
  if (canceller) link_.set_canceller(*canceller);
  why_cancelled_ = why;
  link_.scope().cancel(why);
  if (room_wait_ != nullptr) room_wait_->cancel(why);
}

sc::task<> incoming_call::run() {
  bool cut_off = false;
  std::exception_ptr failure;
  std::exception_ptr outer_cancel;
  try {
    const bool complete = co_await link_.scope().run([this] { return call_->run(link_); });
    // The result of a peer that asks for more than it takes waits here, and counts as a running task meanwhile.
    if (complete && link_.via().channel().congested()) co_await wait_for_room();
    cut_off = !complete || link_.scope().cancel_called();  // whatever it made of the cancel (S-CTX-43)
  } catch (const sc::cancelled&) {
    // The actor's own nursery is cancelled: the peer is told like of any cancel, then it goes on.
    outer_cancel = std::current_exception();
    cut_off = true;
  } catch (...) {
    failure = std::current_exception();
  }
  answer(cut_off, failure);
  delist();
  if (outer_cancel) std::rethrow_exception(std::exchange(outer_cancel, nullptr));
}

sc::task<> incoming_call::wait_for_room() {
  sc::cancel_scope waiting;  // the function's own has been left
  struct registration {
    sc::cancel_scope*& at;
    ~registration() { at = nullptr; }
  } const registered{room_wait_ = &waiting};
  co_await waiting.run([this]() -> sc::task<> {
    try {
      co_await link_.via().channel().drained();
    } catch (const transport_closed&) {
      // There will be nobody to answer.
    }
  });
}

// Tells the peer how the task ended: Return, or Error; then that its requests to cancel are done. A peer that cannot be told
// any more is no error of this actor (S-RPC-6).
void incoming_call::answer(bool cut_off, const std::exception_ptr& failure) {
  peer& to = link_.via();
  actor& self = to.self();
  if (to.lost()) return;
  if (failure) {
    answer_error(failure);
  } else if (cut_off && link_.remote_error()) {
    answer_error(link_.remote_error());
  } else if (cut_off) {
    const auto packed = make_context_cancelled(self.uid(), link_.self_cancelled() ? std::optional(self.uid()) : link_.canceller(),
                                               link_.cid(), link_.self_cancelled() ? "it cancelled itself" : why_cancelled_);
    to.answer([&](msg::buffer& out) { msg::encode_error_msg(out, packed); });
  } else {
    std::exception_ptr unsendable;
    try {
      to.send([&](msg::buffer& out) { call_->encode_return(out, link_.cid()); });
    } catch (const transport_closed&) {
      // The channel ended in between; its own end is reported where it is noticed.
    } catch (...) {
      // The result has no msgpack form: the peer gets that as text instead of silence (S-CTX-33).
      unsendable = std::current_exception();
    }
    if (unsendable) answer_error(unsendable);
  }
  for (const auto& cid : ack_cids_) to.answer([&](msg::buffer& out) { msg::encode_cancel_ack(out, cid, true); });
  if (failure && wire_type_name(failure) == "KeyboardInterrupt") self.cancel_soon(std::nullopt, "a task raised KeyboardInterrupt");
}

// An error that has no form on the wire itself, or none that fits a frame, is answered by one that says so: never by silence.
void incoming_call::answer_error(const std::exception_ptr& error) {
  peer& to = link_.via();
  std::exception_ptr unsendable;
  try {
    const auto packed = pack_error(error, to.self().uid(), link_.cid());
    to.answer([&](msg::buffer& out) { msg::encode_error_msg(out, packed); });
  } catch (...) {
    unsendable = std::current_exception();
  }
  if (!unsendable) return;
  const auto packed = pack_unsendable(unsendable, to.self().uid(), link_.cid());
  to.answer([&](msg::buffer& out) { msg::encode_error_msg(out, packed); });
}

// --- the context's shell ---

std::string started_mismatch(const dialog& link, std::string_view spec, const std::string& reason) {
  return "started() of " + link.describe() + " does not fit its type " + std::string(spec) + ": " + reason;
}

void check_may_start(const dialog& link) {
  if (link.started_sent()) throw usage_error("started() was called twice in " + link.describe());
}

void send_started(dialog& link, msg::bytes_view payload) {
  link.via().send([&](msg::buffer& out) { msg::encode_started(out, link.cid(), msg::raw_view{payload}); });
  link.set_started_sent();
}

const uid& own_uid(const dialog& link) { return link.via().self().uid(); }
const uid& peer_uid(const dialog& link) { return link.via().remote_uid(); }

}  // namespace tractor::detail
