// SPDX-License-Identifier: Apache-2.0
//
// The bidirectional stream of a context, and the one-way stream of a generator, which only gives (portal.hpp, open_stream_from).
//
//     co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
//       co_await stream.send(1);
//       while (auto item = co_await stream.next()) use(*item);      // nullopt: the peer ended its side
//     });
//
// Order is kept, one message for each send. Any number of tasks may send and receive. A cancelled receive loses nothing.
//
// A receiver that does not keep up slows its sender, and nobody else: when `buffer_messages` wait unread, send() waits (flow control).
// Other policies, for each receiving side: `overruns`. A sender has at most stream_window_bytes under way, and one message more. Two
// actors that both send without ever receiving wait for each other for ever; receive in a task of its own.

#pragma once

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "tractor/msg/codec.hpp"
#include "tractor/msg/type_name.hpp"
#include "tractor/runtime/detail/dialog.hpp"
#include "tractor/runtime/detail/peer.hpp"
#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/errors.hpp"
#include "tractor/sc/exception_group.hpp"
#include "tractor/sc/fan_out.hpp"

namespace tractor {

struct stream_options {
  // Of what is received. Each, nullopt: as open_context said; in an endpoint overruns::block and stream_buffer_messages.
  std::optional<enum overruns> overruns = {};
  std::optional<std::size_t> buffer_messages = {};
};

template <class Send, class Receive>
class msg_stream;

namespace detail {
// Has the same form on the wire, and copies nothing.
template <class View, class T>
inline constexpr bool is_view_of = (std::is_same_v<View, std::string_view> && std::is_same_v<T, std::string>) ||
                                   (std::is_same_v<View, msg::bytes_view> && std::is_same_v<T, msg::bytes>);
template <class Value, class Send>
inline constexpr bool can_be_sent = !std::is_void_v<Send> && (std::is_convertible_v<const Value&, Send> || is_view_of<Value, Send>);
}  // namespace detail

// What comes out of a stream, for one of several tasks; see msg_stream::subscribe and sc/fan_out.hpp.
template <class Send, class Receive>
class stream_subscription : public sc::subscription<Receive> {
 public:
  stream_subscription(msg_stream<Send, Receive>& stream, sc::fan_out<Receive>& from, sc::subscribe_options options)
      : sc::subscription<Receive>(from, options), stream_(stream) {}
  // The next message; throws the stream's own sc::end_of_channel at the end, which leaves its block quietly.
  [[nodiscard]] sc::task<Receive> receive() {
    auto item = co_await this->next();
    if (!item) stream_.throw_end();
    co_return std::move(*item);
  }
  // As the stream's.
  template <class Value = Send>
    requires(detail::can_be_sent<Value, Send>)
  [[nodiscard]] sc::task<> send(Value value) {
    return stream_.template send<Value>(std::move(value));
  }

 private:
  msg_stream<Send, Receive>& stream_;
};

template <class Send, class Receive>
class msg_stream {
 public:
  explicit msg_stream(detail::dialog& link) noexcept : link_(link) {}
  msg_stream(const msg_stream&) = delete;
  msg_stream& operator=(const msg_stream&) = delete;

  // Sends one message; returns when it is queued, and waits while the receiver has no room or the channel is congested. Throws a known
  // remote error, sc::end_of_channel after the end of the stream, transport_closed when the peer is gone, all of them out of these waits
  // too (not once the message is queued and only the channel is waited for: then it returns), and msg::encode_error for a value without a
  // msgpack form (nothing is sent then). Cancelled while it waits for room it has sent nothing; once the message is queued it is sent, also
  // when the call is cancelled at its end. For text and bytes a std::string_view or msg::bytes_view does, of what lives until then.
  template <class Value = Send>
    requires(detail::can_be_sent<Value, Send>)
  [[nodiscard]] sc::task<> send(Value value) {
    link_.check_can_send();
    bool lost = false;
    try {
      for (;;) {
        if (!link_.may_send())
          co_await link_.wait_to_send();
        else if (link_.via().channel().congested())
          co_await link_.wait_for_room();  // before, so that many senders queue no more than one
        else
          break;
        link_.check_can_send();
      }
      std::size_t bytes = 0;
      link_.via().send([&](msg::buffer& out) {
        const std::size_t before = out.size();
        if constexpr (std::is_same_v<Value, Send> || detail::is_view_of<Value, Send>)
          msg::encode_yield(out, link_.cid(), value);
        else
          msg::encode_yield(out, link_.cid(), Send(value));
        bytes = out.size() - before;
      });
      link_.note_sent(bytes);
      if (link_.via().channel().congested()) co_await link_.wait_for_room();
    } catch (const transport_closed&) {
      lost = true;
    }
    if (lost) co_await link_.raise_loss();
    co_await sc::checkpoint();
  }

  // The next message; throws sc::end_of_channel at the end, always the same object (S-STR-5).
  [[nodiscard]] sc::task<Receive> receive()
    requires(!std::is_void_v<Receive>)
  {
    auto item = co_await next();
    if (!item) link_.throw_end_of_channel();
    co_return std::move(*item);
  }
  // The next message, or nullopt at the end.
  template <class R = Receive>
    requires(!std::is_void_v<R>)
  [[nodiscard]] sc::task<std::optional<R>> next() {
    if constexpr (can_be_shared)
      if (shared_ != nullptr) return shared_->own.next();
    return next_here();
  }
  // The next message if one is there; throws sc::would_block when not, sc::end_of_channel at the end.
  template <class R = Receive>
    requires(!std::is_void_v<R>)
  [[nodiscard]] R receive_nowait() {
    if constexpr (can_be_shared)
      if (shared_ != nullptr && shared_->own.ready()) return shared_->own.receive_nowait();
    const std::optional<bool> known = link_.poll_yield();
    if (!known) throw sc::would_block("receive_nowait: no message has arrived");
    if (!*known) link_.throw_end_of_channel();
    if constexpr (can_be_shared) {
      if (shared_ != nullptr) {
        shared_->values.push(take());
        return shared_->own.receive_nowait();
      }
    }
    return take();
  }

  // A copy of every message that comes from now on, for another task. The first call makes the stream itself one of those that are
  // subscribed, for good: what is received through it is a copy too, and it falls behind like the others when nobody receives
  // through it. As many messages are kept for the slower ones as the stream buffers, of whatever size. Each subscription must be gone
  // before the stream's block ends.
  [[nodiscard]] stream_subscription<Send, Receive> subscribe(sc::subscribe_options options = {})
    requires(!std::is_void_v<Receive>)
  {
    static_assert(can_be_shared,
                  "each subscription gets a copy, and values are moved: stream a type that can be copied, and moved without throwing");
    if (shared_ == nullptr) {
      shared_ = std::make_unique<sharing>(*this);
      is_shared_ = true;
      link_.wake_receivers();
    }
    return {*this, shared_->values, options};
  }

  // Ends the stream, for both: what has not been received here is dropped, and the peer can send no more (its send() throws
  // sc::end_of_channel). To send all and then read an answer, let the peer end it, or give the answer as the context's result.
  // Idempotent; leaving the block does it too.
  // Of a one-way stream: cancels the generator's task and waits for its end, shielded, at most context_cancel_timeout.
  [[nodiscard]] sc::task<> aclose() {
    link_.close_stream();
    if (link_.one_way()) co_await link_.cancel_remote(context_cancel_timeout, true);
    co_await sc::checkpoint();
  }
  [[nodiscard]] bool closed() const noexcept { return link_.stream_closed(); }
  // How many messages were dropped here, under overruns::drop_oldest.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return link_.dropped(); }

 private:
  friend class stream_subscription<Send, Receive>;
  [[noreturn]] void throw_end() { link_.throw_end_of_channel(); }

  template <class R = Receive>
  sc::task<std::optional<R>> next_of_link() {
    if (!*co_await link_.wait_for_yield()) co_return std::nullopt;
    co_return take();
  }
  // Of a stream to which nobody is subscribed when the wait begins. Once somebody is, it goes on as a subscription like the others: it
  // would not hear of what comes through them.
  template <class R = Receive>
  sc::task<std::optional<R>> next_here() {
    const std::optional<bool> more = co_await link_.wait_for_yield(&is_shared_);
    if constexpr (can_be_shared)
      if (!more) co_return co_await shared_->own.next();
    if (!*more) co_return std::nullopt;
    co_return take();
  }

  template <class R = Receive>
  R take() {
    // Taken whatever becomes of it: one that cannot be read must not be the next one again.
    struct taken {
      detail::dialog& from;
      ~taken() { from.pop_yield(); }
    } const at_exit{link_};
    const msg::bytes& payload = link_.front();
    try {
      return msg::decode<R>(payload, {}, "pld");
    } catch (const error& bad) {
      std::rethrow_exception(link_.refuse_payload(msg::message_kind::yield, payload, msg::type_name<R>(), bad));
    }
  }

  // The messages once there are subscriptions.
  struct sharing {
    explicit sharing(msg_stream& stream)
        : values([&stream] { return stream.next_of_link(); }, stream.link_.buffer_messages()), own(values) {}
    sc::fan_out<Receive> values;
    sc::subscription<Receive> own;
  };
  struct nothing {};
  static constexpr bool can_be_shared = std::is_copy_constructible_v<Receive> && std::is_nothrow_move_constructible_v<Receive>;

  detail::dialog& link_;
  std::unique_ptr<std::conditional_t<can_be_shared, sharing, nothing>> shared_;
  bool is_shared_ = false;
};

namespace detail {

// True for the end_of_channel of this very stream.
[[nodiscard]] TRACTOR_API bool is_own_end(const dialog& link, const std::exception_ptr& error);

template <class Send, class Receive, class Body>
auto run_stream(dialog& link, Body body, stream_options options) -> std::invoke_result_t<Body&, msg_stream<Send, Receive>&> {
  using result_type = typename std::invoke_result_t<Body&, msg_stream<Send, Receive>&>::value_type;
  link.open_stream(options.overruns, options.buffer_messages);
  // Left in good order the peer gets a Stop. Left by an error or a cancel it does not: what ended this side follows (S-STR-8).
  struct closer {
    dialog& link;
    bool in_good_order = false;
    ~closer() { in_good_order ? link.close_stream() : link.abandon_stream(); }
  } at_exit{link};
  msg_stream<Send, Receive> stream(link);
  if constexpr (std::is_void_v<result_type>) {
    std::exception_ptr ended;
    try {
      co_await body(stream);
    } catch (const sc::end_of_channel&) {
      ended = std::current_exception();
    } catch (const sc::exception_group&) {
      ended = std::current_exception();  // perhaps of several tasks that all saw the end
    }
    if (ended && !is_own_end(link, ended)) std::rethrow_exception(ended);
    at_exit.in_good_order = true;
  } else {
    auto result = co_await body(stream);
    at_exit.in_good_order = true;
    co_return result;
  }
}

}  // namespace detail
}  // namespace tractor
