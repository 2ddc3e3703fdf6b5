// SPDX-License-Identifier: Apache-2.0
//
// Contexts: a task here linked with a task in another actor. Errors, results and cancellation cross the link as they cross a nursery.
//
// The child side is an endpoint, a function whose first parameter is a context:
//
//     sc::task<std::string> train(tractor::context<std::string, int, progress>& ctx, std::string model) {
//       co_await ctx.started("ready");                                   // first of all: hands a value to the opener
//       co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
//         while (auto epoch = co_await stream.next()) co_await stream.send(progress{*epoch, 0.5});
//       });
//       co_return "trained " + model;                                    // the result
//     }
//
// The parent side opens it through a portal (portal.hpp). The types are <Started, In, Out>: what `started` hands over, what
// the endpoint receives, what it sends; void where there is none. Both sides and the decoder check them: a payload
// that does not fit is a msg_type_error.
//
// A context object lives in the block that opened it and must not leave it.

#pragma once

#include <exception>
#include <expected>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "tractor/msg/type_name.hpp"
#include "tractor/runtime/detail/dialog.hpp"
#include "tractor/runtime/stream.hpp"

namespace tractor {

namespace detail {

[[nodiscard]] TRACTOR_API sc::task<> send_started(dialog& link, msg::buffer payload);
[[nodiscard]] TRACTOR_API const uid& own_uid(const dialog& link);
[[nodiscard]] TRACTOR_API const uid& peer_uid(const dialog& link);

// Reads back what the opener is going to read, where that may fail: where a codec is not one of the plain ones (S-CTX-10).
template <class Started>
void check_started(const dialog& link, msg::bytes_view payload) {
  constexpr bool is_plain =
      std::is_arithmetic_v<Started> || std::is_convertible_v<Started, std::string_view> || std::is_convertible_v<Started, msg::bytes_view>;
  if constexpr (!is_plain) {
    try {
      static_cast<void>(msg::decode<Started>(payload, {}, "pld"));
    } catch (const msg::decode_error& bad) {
      std::rethrow_exception(
          make_payload_mismatch(own_uid(link), link.cid(), msg::message_kind::started, payload, msg::type_name<Started>(), bad));
    }
  }
}

// What both sides of a context offer.
template <class Send, class Receive>
class context_base {
 public:
  context_base(const context_base&) = delete;
  context_base& operator=(const context_base&) = delete;

  // Opens this side of the stream and runs `body(stream)`; the stream is closed when the block is left, and its end is told to the peer. Of
  // one that is left by an error or a cancel the peer hears what comes of that; of one that is handled by whoever opened the stream, when
  // that side of the context has come to its end.
  // Gives what the body gives. Once a context (closed_resource_error). A sc::end_of_channel that leaves the body ends
  // the block quietly when the body gives nothing (S-STR-4).
  template <class Body>
  [[nodiscard]] auto open_stream(Body body, stream_options options = {}) -> std::invoke_result_t<Body&, msg_stream<Send, Receive>&> {
    return run_stream<Send, Receive>(link_, std::move(body), options);
  }

  // The id of the dialog on its channel.
  [[nodiscard]] const std::string& cid() const noexcept { return link_.cid(); }
  [[nodiscard]] context_side side() const noexcept { return link_.side(); }
  [[nodiscard]] context_state state() const noexcept { return link_.state(); }
  // Who is at the other end.
  [[nodiscard]] const uid& peer() const { return peer_uid(link_); }
  // cancel() was called on this side.
  [[nodiscard]] bool cancel_called() const noexcept { return link_.cancel_called() || link_.self_cancelled(); }
  // The peer acknowledged our cancel(): its task ended by it.
  [[nodiscard]] bool cancel_acked() const noexcept { return link_.cancel_acked(); }
  // Who cancelled; S-CTX-61 says whom that names.
  [[nodiscard]] const std::optional<uid>& canceller() const noexcept { return link_.canceller(); }
  // The remote error, else the local one, else null (S-CTX-23).
  [[nodiscard]] std::exception_ptr maybe_error() const noexcept {
    if (link_.remote_error() && !link_.absorbed()) return link_.remote_error();
    return link_.local_error();
  }
  // Throws the recorded remote error, unless it is the acknowledgement of our own cancel().
  void maybe_raise() const { link_.maybe_raise(); }

  [[nodiscard]] dialog& kernel_link() noexcept { return link_; }

 protected:
  explicit context_base(dialog& link) noexcept : link_(link) {}
  ~context_base() = default;
  dialog& link_;
};

}  // namespace detail

// The child side: what an endpoint gets.
template <class Started = void, class In = void, class Out = void>
class context : public detail::context_base<Out, In> {
 public:
  using started_type = Started;
  using in_type = In;
  using out_type = Out;

  explicit context(detail::dialog& link) noexcept : detail::context_base<Out, In>(link) {}

  // Tells the opener that the task is ready, with a value. Once, before any stream is opened (usage_error). A value without a msgpack
  // form throws here and nothing is sent, as does one that its own codec does not read back (msg_type_error). Waits while the channel is
  // congested; transport_closed when the peer is gone.
  template <class Value = Started>
    requires(!std::is_void_v<Started> && std::is_convertible_v<Value &&, Started>)
  [[nodiscard]] sc::task<> started(Value&& value) {
    const Started converted(std::forward<Value>(value));
    msg::buffer payload;
    msg::encode(payload, converted, "pld");
    detail::check_started<Started>(this->link_, payload.view());
    return detail::send_started(this->link_, std::move(payload));
  }
  [[nodiscard]] sc::task<> started()
    requires std::is_void_v<Started>
  {
    return detail::send_started(this->link_, {});
  }

  // Cancels this task itself; the opener gets a context_cancelled whose canceller is this actor (S-CTX-50).
  void cancel() { this->link_.cancel_self(); }
};

// The parent side: what the body of portal.open_context gets. `Send` is the endpoint's In, `Receive` its Out.
template <class Send, class Receive, class Result>
class parent_context : public detail::context_base<Send, Receive> {
 public:
  explicit parent_context(detail::dialog& link) noexcept : detail::context_base<Send, Receive>(link) {}

  // Waits for the remote task's result. Leaving the block waits for it in any case. Throws remote errors as S-CTX-60 and on say; after
  // an acknowledged cancel() it throws the context_cancelled that leaving the block absorbs. While no stream is open here, what the
  // peer sends on its own is discarded meanwhile (S-CTX-30); to open the stream after that is a usage_error. While one is open here
  // somebody must read it: a peer whose messages nobody takes does not come to its end.
  [[nodiscard]] sc::task<Result> wait_for_result() {
    const bool returned = co_await this->link_.wait_for_return();
    if (!returned) this->link_.raise_remote_error();
    co_return decode_result(this->link_);
  }

  // What became of the remote task, as far as it is known: its result, or the error that ended the dialog, a remote one rather than a
  // local one, the context_cancelled that leaving the block absorbs among them. nullopt: unresolved yet (S-CTX-23). Throws
  // msg_type_error for a result that does not fit its type.
  [[nodiscard]] std::optional<std::expected<Result, std::exception_ptr>> outcome() const {
    if (const auto& remote = this->link_.remote_error()) return std::unexpected(remote);
    if (const auto& local = this->link_.local_error()) return std::unexpected(local);
    if (!this->link_.return_received()) return std::nullopt;
    if constexpr (std::is_void_v<Result>) {
      decode_result(this->link_);
      return std::expected<void, std::exception_ptr>();
    } else {
      return std::expected<Result, std::exception_ptr>(decode_result(this->link_));
    }
  }
  [[nodiscard]] bool has_outcome() const noexcept { return this->link_.finished() || this->link_.local_error() != nullptr; }

  // Asks for the remote task's cancellation and waits, shielded, for the acknowledgement, at most `timeout`; then returns in any case.
  // Does not cancel the body (S-CTX-40). May be called from any task of this actor.
  [[nodiscard]] sc::task<> cancel(sc::duration timeout = context_cancel_timeout) { return this->link_.cancel_by_user(timeout); }

  static Result decode_result(detail::dialog& link) {
    try {
      if constexpr (std::is_void_v<Result>)
        static_cast<void>(msg::decode<msg::raw>(link.return_payload(), {}, "pld"));
      else
        return msg::decode<Result>(link.return_payload(), {}, "pld");
    } catch (const error& bad) {
      std::rethrow_exception(link.refuse_payload(msg::message_kind::return_, link.return_payload(), result_spec(), bad));
    }
  }

 private:
  static constexpr std::string_view result_spec() {
    if constexpr (std::is_void_v<Result>)
      return "None";
    else
      return msg::type_name<Result>();
  }
};

// --------------------------------------------------------------------------------------------------------------------

namespace detail {

// The child side of a one-way stream. The generator's frame is gone when this returns.
template <class Item>
sc::task<> run_generator(dialog& link, sc::generator<Item> values) {
  msg_stream<Item, void> stream(link);
  try {
    while (auto value = co_await values.next()) co_await stream.send(std::move(*value));
  } catch (const sc::end_of_channel& end) {
    if (!is_own_end(link, std::current_exception())) throw;
    // The consumer has had enough.
  }
}

template <auto Function>
sc::task<> typed_call<Function>::run(dialog& link) {
  if constexpr (traits::kind == msg::function_kind::asyncgen) {
    co_await run_generator(link, call());
  } else if constexpr (traits::takes_context) {
    typename traits::context_type ctx(link);
    if constexpr (std::is_void_v<result_type>)
      co_await call(ctx);
    else
      result_.emplace(co_await call(ctx));
  } else {
    if constexpr (std::is_void_v<result_type>)
      co_await call();
    else
      result_.emplace(co_await call());
  }
}

}  // namespace detail
}  // namespace tractor
