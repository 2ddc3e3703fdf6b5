// SPDX-License-Identifier: Apache-2.0

#include "tractor/runtime/detail/incoming_call.hpp"

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

void incoming_call::cancel(const std::optional<uid>& canceller, std::string_view why) {
  if (link_.scope().cancel_called()) return;
  if (canceller) link_.set_canceller(*canceller);
  why_cancelled_ = why;
  link_.scope().cancel(why);
}

sc::task<> incoming_call::run() {
  bool cut_off = false;
  std::exception_ptr failure;
  std::exception_ptr outer_cancel;
  try {
    const bool complete = co_await link_.scope().run([this] { return call_->run(link_); });
    cut_off = !complete || link_.scope().cancel_called();  // whatever it made of the cancel (S-CTX-43)
  } catch (const sc::cancelled&) {
    // The actor's own nursery is cancelled: the peer is told like of any cancel, then it goes on.
    outer_cancel = std::current_exception();
    cut_off = true;
  } catch (...) {
    failure = std::current_exception();
  }
  answer(cut_off, failure);
  link_.via().forget(*this);
  if (outer_cancel) std::rethrow_exception(std::exchange(outer_cancel, nullptr));
}

// Tells the peer how the task ended: Return, or Error; then that its requests to cancel are done. A peer that cannot be told
// any more is no error of this actor (S-RPC-6).
void incoming_call::answer(bool cut_off, const std::exception_ptr& failure) {
  peer& to = link_.via();
  actor& self = to.self();
  if (to.lost()) return;
  const auto send_error = [&](const msg::error_msg& packed) { to.send([&](msg::buffer& out) { msg::encode_error_msg(out, packed); }); };
  try {
    if (failure) {
      send_error(pack_error(failure, self.uid(), link_.cid()));
    } else if (cut_off && link_.remote_error()) {
      send_error(pack_error(link_.remote_error(), self.uid(), link_.cid()));
    } else if (cut_off) {
      send_error(make_context_cancelled(self.uid(), link_.self_cancelled() ? std::optional(self.uid()) : link_.canceller(), link_.cid(),
                                        link_.self_cancelled() ? "it cancelled itself" : why_cancelled_));
    } else {
      try {
        to.send([&](msg::buffer& out) { call_->encode_return(out, link_.cid()); });
      } catch (const transport_closed&) {
        throw;
      } catch (...) {
        // The result has no msgpack form: the peer gets that as text instead of silence (S-CTX-33).
        send_error(pack_error(std::current_exception(), self.uid(), link_.cid()));
      }
    }
    for (const auto& cid : ack_cids_) to.send([&](msg::buffer& out) { msg::encode_cancel_ack(out, cid, true); });
  } catch (const error&) {
    // The channel ended in between; its own end is reported where it is noticed.
  }
  if (failure && wire_type_name(failure) == "KeyboardInterrupt") self.cancel_soon(std::nullopt, "a task raised KeyboardInterrupt");
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
