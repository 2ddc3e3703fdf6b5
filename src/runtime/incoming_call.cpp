// SPDX-License-Identifier: Apache-2.0

#include "tractor/runtime/detail/incoming_call.hpp"

#include <utility>

#include "tractor/base/log.hpp"
#include "tractor/msg/errors.hpp"
#include "tractor/msg/quoted.hpp"
#include "tractor/runtime/actor.hpp"
#include "tractor/runtime/context.hpp"
#include "tractor/runtime/detail/peer.hpp"
#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/exception_group.hpp"

namespace tractor::detail {

namespace {
constinit logger log_of_calls("tractor.runtime.calls");
}

prepared_call::~prepared_call() = default;

incoming_call::incoming_call(std::shared_ptr<peer> via, const endpoint& target, std::unique_ptr<prepared_call> call, std::string_view cid)
    : link_(std::move(via), context_side::child, cid),
      target_(target),
      since_(sc::detail::this_runner().loop_time()),
      call_(std::move(call)) {
  link_.set_function(target.module, target.name);
}

const uid& incoming_call::asked_by() const noexcept { return link_.via().remote_uid(); }

void incoming_call::enlist() {
  link_.via().enlist(*this);
  enlisted_ = true;
}

void incoming_call::delist() noexcept {
  if (!std::exchange(enlisted_, false)) return;
  link_.via().forget(*this);
}

void incoming_call::cancel(const std::optional<uid>& canceller, std::string_view why) {
  if (room_wait_ != nullptr) room_wait_->cancel(why);
  if (link_.scope().cancel_called()) return;
  if (canceller) link_.set_canceller(*canceller);
  why_cancelled_ = why;
  link_.scope().cancel(why);
}

sc::task<> incoming_call::run() {
  std::exception_ptr failure;
  std::exception_ptr outer_cancel;
  try {
    static_cast<void>(co_await link_.scope().run([this] { return call_->run(link_); }));
  } catch (const sc::cancelled&) {
    // The actor's own nursery is cancelled: the peer is told like of any cancel, then it goes on.
    outer_cancel = std::current_exception();
  } catch (...) {
    failure = std::current_exception();
  }
  const bool interrupted = failure && wire_type_name(failure) == "KeyboardInterrupt";
  bool says = failure && log_of_calls.enabled(log_level::warning) && !is_only(failure, link_.via().lost());
  const std::string text = says ? sc::describe_briefly(failure) : std::string();
  msg::buffer error;
  if (failure) error = encoded(std::exchange(failure, nullptr));
  const auto cut_off = [&] { return outer_cancel || link_.scope().cancel_called(); };  // whatever it made of the cancel (S-CTX-43)
  // What a peer gets that asks for more than it takes waits here, and counts as a running task meanwhile. A result that is cancelled is not
  // sent. An error is: it was there first (S-CTX-44, S-CTX-75).
  if (link_.via().channel().congested() && !cut_off() && !interrupted) [[unlikely]] {
    if (!error.empty()) link_.via().count_waiting(error.size());
    try {
      co_await wait_for_room();
    } catch (const sc::cancelled&) {
      outer_cancel = std::current_exception();
    }
    if (cut_off() && !error.empty() && !link_.via().has_room_for_error(error.size())) {
      if (std::exchange(says, false)) say_undelivered(text);
      error.clear();
    }
  }
  // (The loss may not be known yet: why a channel ended is found out later.)
  if (says && (link_.via().lost() || link_.via().channel().closed())) say_undelivered(text);
  answer(cut_off(), error);
  if (interrupted) link_.via().self().cancel_soon(std::nullopt, "a task raised KeyboardInterrupt");
  delist();
  if (outer_cancel) std::rethrow_exception(std::exchange(outer_cancel, nullptr));
}

void incoming_call::say_undelivered(std::string_view error) const {
  log_of_calls.warning("the error of ", link_.describe(), " cannot be told to actor ", msg::quoted(link_.via().remote_uid().name),
                       ", which asked for it: ", error);
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

// Tells the peer how the task ended: Return, of a generator Stop, or Error; then that its requests to cancel are done. A peer that cannot
// be told any more is no error of this actor (S-RPC-6).
void incoming_call::answer(bool cut_off, const msg::buffer& failure) {
  peer& to = link_.via();
  actor& self = to.self();
  if (to.lost()) return;
  if (!failure.empty()) {
    answer_error(failure);
  } else if (cut_off && link_.remote_error()) {
    answer_error(encoded(link_.remote_error()));
  } else if (cut_off && !(target_.kind == msg::function_kind::asyncgen && !ack_cids_.empty())) {
    const auto packed = make_context_cancelled(self.uid(), link_.self_cancelled() ? std::optional(self.uid()) : link_.canceller(),
                                               link_.cid(), link_.self_cancelled() ? "it cancelled itself" : why_cancelled_);
    to.answer([&](msg::buffer& out) { msg::encode_error_msg(out, packed); });
  } else {
    // (A generator that its consumer has cancelled has ended, no more: the reference does the same.)
    std::exception_ptr unsendable;
    try {
      to.send([&](msg::buffer& out) { call_->encode_end(out, link_.cid()); });
    } catch (const transport_closed&) {
      // The channel ended in between; its own end is reported where it is noticed.
    } catch (...) {
      // The result has no msgpack form: the peer gets that as text instead of silence (S-CTX-33).
      unsendable = std::current_exception();
    }
    if (unsendable) answer_error(encoded(unsendable));
  }
  for (const auto& cid : ack_cids_) to.answer([&](msg::buffer& out) { msg::encode_cancel_ack(out, cid, true); });
}

void incoming_call::answer_error(const msg::buffer& error) {
  link_.via().answer([&](msg::buffer& out) { out.append(error.view()); });
}

// An error that has no form on the wire itself, or none that fits a frame, is answered by one that says so: never by silence.
msg::buffer incoming_call::encoded(const std::exception_ptr& error) const {
  const uid& self = link_.via().self().uid();
  msg::buffer out;
  std::exception_ptr unsendable;
  try {
    encode_error(out, error, self, link_.cid(), link_.via().takes_error_detail());
    return out;
  } catch (...) {
    unsendable = std::current_exception();
  }
  out.clear();
  msg::encode_error_msg(out, pack_unsendable(unsendable, self, link_.cid()));
  return out;
}

// --- the context's shell ---

sc::task<> send_started(dialog& link, msg::buffer payload) {
  peer& to = link.via();
  if (to.channel().congested()) co_await to.channel().drained();
  if (link.started_sent()) throw usage_error("started() was called twice in " + link.describe());
  to.send([&](msg::buffer& out) { msg::encode_started(out, link.cid(), msg::raw_view{payload.view()}); });
  link.set_started_sent();
  co_await sc::checkpoint();
}

const uid& own_uid(const dialog& link) { return link.via().self().uid(); }
const uid& peer_uid(const dialog& link) { return link.via().remote_uid(); }

}  // namespace tractor::detail
