// SPDX-License-Identifier: Apache-2.0

#include "tractor/runtime/portal.hpp"

#include "main_result.hpp"
#include "tractor/base/exception_ptr_cast.hpp"
#include "tractor/msg/quoted.hpp"
#include "tractor/sc/checkpoint.hpp"

namespace tractor {

portal::portal(std::shared_ptr<detail::peer> to, std::shared_ptr<detail::main_result> main) : to_(std::move(to)), main_(std::move(main)) {}

std::string portal::text() const {
  const auto process = pid();
  return "portal to " + to_->channel().text() + " (" + msg::escaped(peer_uid().uuid) +
         (process ? ", pid " + std::to_string(*process) : "") + ")";
}

sc::task<bool> portal::cancel_actor(cancel_options options) const {
  const auto to = to_;
  if (to->lost()) {
    co_await sc::checkpoint();
    co_return false;
  }
  const auto acknowledged = co_await sc::shielded([&] { return to->request_cancel_actor(); }, options.timeout);
  to->cancel_over();
  if (acknowledged) co_return *acknowledged;
  if (options.raise_on_timeout)
    throw actor_too_slow_error("actor " + msg::quoted(to->remote_uid().name) + " did not acknowledge its cancellation within " +
                               std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(options.timeout).count()) + " ms");
  co_return false;
}

sc::task<msg::bytes> portal::main_payload() const {
  if (!main_)
    throw no_result("the portal to actor " + msg::quoted(to_->remote_uid().name) +
                    " has no main task: only run_in_actor makes one that has a result");
  const auto main = main_;
  co_await main->done.wait();
  if (main->error) std::rethrow_exception(main->error);
  co_return main->payload;
}

namespace detail {

void refuse_self(const peer& to) {
  if (to.lost()) return;  // and so may be the actor on this side, by now: the dialog tells
  if (to.remote_uid().uuid == to.self().uid().uuid)
    throw runtime_failure("Invalid Operation: actor " + msg::quoted(to.self().name()) + " cannot open a context into itself",
                          error_category::usage);
}

sc::task<> start_dialog(dialog& link, msg::function_kind kind, std::string_view module, std::string_view name, const msg::buffer& kwargs) {
  const uid& own = link.via().self().uid();
  bool lost = false;
  try {
    if (link.via().channel().congested()) co_await link.via().channel().drained();
    // A plain call does not stream, and says nothing of it.
    msg::buffer credit;
    msg::extra_field credit_field;
    msg::extra_fields extra;
    if (kind != msg::function_kind::asyncfunc) {
      msg::encode(credit, link.announce_credit(), msg::credit_key);
      credit_field = {.key = msg::credit_key, .item = credit.view()};
      extra = {&credit_field, 1};
    }
    link.via().send([&](msg::buffer& out) {
      msg::encode_start(out, link.cid(), module, name, [&](msg::writer& to) { to.raw_item(kwargs.view()); }, msg::uid_view(own), extra);
    });
  } catch (const transport_closed&) {
    lost = true;
  }
  if (lost) co_await link.raise_loss();
  co_await link.wait_for_ack(kind, name);
}

namespace {

enum class local_kind : unsigned char { ordinary, cancelled, foreign_context_cancelled };

local_kind kind_of(const std::exception_ptr& error) {
  if (exception_ptr_cast<sc::cancelled>(error) != nullptr) return local_kind::cancelled;
  // That of this dialog was told apart before.
  if (exception_ptr_cast<context_cancelled>(error) != nullptr) return local_kind::foreign_context_cancelled;
  return local_kind::ordinary;
}

}  // namespace

sc::task<> abandon_dialog(dialog& link, const std::exception_ptr& local) {
  link.drain();
  if (link.remote_error() && is_only(local, link.remote_error())) {
    if (link.absorbed()) co_return;
    co_await link.cancel_remote(context_cancel_timeout, false);
    link.raise_remote_error();
  }
  const local_kind kind = kind_of(local);
  // A cancel from outside that comes when the remote task has failed already: the failure would be lost (S-CTX-75).
  if (kind == local_kind::cancelled && link.has_error_of_its_own()) {
    co_await link.cancel_remote(context_cancel_timeout, false);  // of what was refused here its task does not know
    link.raise_remote_error();
  }
  if (kind == local_kind::ordinary) link.set_local_error(local);
  // The end of an inner context is not our cancel() (S-CTX-55), but the remote task must not outlive this block either.
  co_await link.cancel_remote(context_cancel_timeout, kind != local_kind::foreign_context_cancelled);
  std::rethrow_exception(local);
}

sc::task<msg::bytes> call_remote(std::shared_ptr<peer> to, std::string module, std::string name, msg::buffer kwargs) {
  msg::bytes payload;
  const auto take = [](void* into, dialog& link) { *static_cast<msg::bytes*>(into) = link.return_payload(); };
  co_await call_remote(std::move(to), std::move(module), std::move(name), std::move(kwargs), take, &payload);
  co_return payload;
}

sc::task<> call_remote(std::shared_ptr<peer> to, std::string module, std::string name, msg::buffer kwargs, take_return take, void* into) {
  co_await sc::checkpoint();
  dialog link(to, context_side::parent, make_uuid());
  link.set_function(module, name);
  std::exception_ptr local;
  try {
    co_await start_dialog(link, msg::function_kind::asyncfunc, module, name, kwargs);
    co_await link.wait_for_return();
  } catch (...) {
    local = std::current_exception();
  }
  if (local) {
    if (link.peer_ended() && link.has_error_of_its_own()) link.raise_remote_error();  // also when a cancel comes at the same time
    // An error of the call itself has ended the remote task; a cancel of this wait has not.
    if (!link.finished()) co_await link.cancel_remote(context_cancel_timeout, true);
    if (local == link.remote_error()) link.raise_remote_error();
    std::rethrow_exception(local);
  }
  take(into, link);
}

}  // namespace detail
}  // namespace tractor
