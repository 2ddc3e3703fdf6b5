// SPDX-License-Identifier: Apache-2.0
//
// One side of a dialog: a linked pair of tasks in two actors, told apart on their channel by a `cid`. The typed context, the stream
// and plain calls are thin shells over it.
//
// The channel's message loop delivers (`on_…`: never waits, never throws); tasks wait for news and look again. Only Yield
// payloads take room in the bounded queue; StartAck, Started, Stop, Return and Error have places of their own and always
// arrive (S-OVR-2a). A remote error is unpacked once and is the same object wherever it is seen (S-CTX-24).

#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tractor/msg/protocol.hpp"
#include "tractor/runtime/detail/credit.hpp"
#include "tractor/runtime/detail/endpoint.hpp"
#include "tractor/runtime/errors.hpp"
#include "tractor/sc/cancel_scope.hpp"
#include "tractor/sc/parking_lot.hpp"

namespace tractor {

inline constexpr std::size_t stream_buffer_messages = 64;                       // unread messages of a context (S-OVR-1)
inline constexpr std::size_t stream_buffer_bytes = std::size_t{128} << 20;      // unread bytes of a context, in either case
inline constexpr auto context_cancel_timeout = std::chrono::milliseconds(616);  // S-CTX-40
inline constexpr auto portal_cancel_timeout = std::chrono::milliseconds(500);   // S-POR-20

// What becomes of a stream whose receiver does not keep up: of messages beyond `buffer_messages` that wait unread.
enum class overruns : unsigned char {
  block,  // none is sent: the sender waits (flow control). A peer that knows no flow control, one of the reference, overruns: as `error`
  error,  // the next one is dropped, and the sender is told with a stream_overrun (S-OVR-2)
  drop_oldest,  // the oldest makes room, and is counted (msg_stream::dropped)
};

enum class context_side : unsigned char { parent, child };

// How far a context has come, as one of its sides knows (S-CTX-25).
enum class context_state : unsigned char {
  pre_started,         // asked for; the parent's side: not acknowledged yet
  syncing_to_child,    // the parent's side: acknowledged, started() has not come
  started,             //
  streaming,           // its stream is open on this side
  streaming_finished,  // and has ended, on either side
  result_returned,     //
  self_cancelled,      // by this side: cancel() of the parent was acknowledged, or the child called its own
  peer_cancelled,      // by the other side
  actor_cancelled,     // by somebody else, as with the whole actor
  errored,             // by an error of either side
};
// "pre-started", …
[[nodiscard]] TRACTOR_API std::string_view to_string(context_state state) noexcept;

namespace detail {

class peer;

inline constexpr std::size_t slot_bytes_kept = 64 * 1024;

// Payloads in order; slots keep their memory, so a steady stream does not allocate, unless it is that of a big message.
class payload_queue {
 public:
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  void push(msg::bytes_view payload);
  // The oldest; valid until the next push or pop().
  [[nodiscard]] const msg::bytes& front() const noexcept { return slots_[head_]; }
  void pop() noexcept {
    msg::bytes& taken = slots_[head_];
    bytes_ -= taken.size();
    if (taken.capacity() > slot_bytes_kept) [[unlikely]]
      msg::bytes().swap(taken);
    head_ = (head_ + 1) % slots_.size();
    --count_;
  }

 private:
  std::vector<msg::bytes> slots_;
  std::size_t head_ = 0;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
};

// `error` is `leaf`, or a group in which there is nothing else.
[[nodiscard]] TRACTOR_API bool is_only(const std::exception_ptr& error, const std::exception_ptr& leaf) noexcept;

class TRACTOR_API dialog {
 public:
  dialog(std::shared_ptr<peer> via, context_side side, std::string_view cid);
  dialog(const dialog&) = delete;
  dialog& operator=(const dialog&) = delete;
  ~dialog();

  [[nodiscard]] const std::string& cid() const noexcept { return cid_; }
  [[nodiscard]] context_side side() const noexcept { return side_; }
  [[nodiscard]] peer& via() const noexcept { return *via_; }
  [[nodiscard]] sc::cancel_scope& scope() noexcept { return scope_; }
  [[nodiscard]] sc::parking_lot& news() noexcept { return news_; }

  // --- from the message loop ---
  void on_start_ack(msg::function_kind kind, const credit_note& credit);
  void on_started(msg::bytes_view payload);
  void on_yield(msg::bytes_view payload);
  void on_credit(std::uint64_t taken_bytes, std::optional<std::uint64_t> more);
  void on_stop();
  void on_return(msg::bytes_view payload);
  void on_error(msg::error_msg fields, msg::error_detail detail);
  void on_lost(const std::exception_ptr& why);  // the channel is gone
  void wake_all();                              // who waits for news, and who waits to send

  // --- opening, parent side ---
  // Waits for StartAck (and, for a context, Started). Throws what the peer answered instead.
  sc::task<> wait_for_ack(msg::function_kind wanted, std::string_view function);
  sc::task<> wait_for_started(std::string_view function);
  [[nodiscard]] const msg::bytes& started_payload() const noexcept { return started_payload_; }

  // --- results, parent side ---
  // Waits for Return; discards what is still streamed (S-CTX-30, without the hole of S-CTX-31). False: cancelled by us and acknowledged,
  // `remote_error()` is the context_cancelled. Throws every other remote error.
  sc::task<bool> wait_for_return();
  [[nodiscard]] const msg::bytes& return_payload() const noexcept { return return_payload_; }
  [[nodiscard]] bool return_received() const noexcept { return return_received_; }

  // --- streaming ---
  // Before the dialog has begun: what holds for what comes before its stream is opened, and where that does not say otherwise.
  void set_receiving(overruns policy, std::size_t buffer_messages);
  // What this side's Start or StartAck says of its receiving. The parent's to all that streams, the child's to a parent that knows credit.
  [[nodiscard]] std::optional<std::uint64_t> announce_credit();
  // Child side: what the Start said.
  void set_credit(const credit_note& credit);
  // From here on. The peer, which was told otherwise, is told.
  void change_receiving(overruns policy, std::size_t buffer_messages);
  // Once a dialog; an option that is not given keeps what open_context set (S-OVR-7).
  void open_stream(std::optional<overruns> policy, std::optional<std::size_t> buffer_messages);
  // Waits for the next payload: in `front()`, to be taken with pop(). False: the stream has ended. Throws remote errors.
  // Also, with nothing, when `*moved` has come true and wake_receivers was called: the caller is to wait for something else.
  sc::task<std::optional<bool>> wait_for_yield(const bool* moved = nullptr);
  void wake_receivers() noexcept { news_.unpark_all(); }
  // The same without waiting; nullopt: neither a payload nor the end is there.
  [[nodiscard]] std::optional<bool> poll_yield() const;
  [[nodiscard]] const msg::bytes& front() const noexcept { return yields_.front(); }
  void pop_yield() noexcept {
    take_yield();
    if (receive_credit_.worth_telling(yields_.size())) [[unlikely]]
      tell_credit();
  }
  // Messages that were dropped for want of room, under overruns::drop_oldest.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }
  // The receiver has room for a message. If not, wait_to_send() returns when something has changed; then check_can_send() again.
  [[nodiscard]] bool may_send() const noexcept { return send_credit_.available(); }
  [[nodiscard]] sc::task<> wait_to_send();
  // The same for room on the channel. Throws transport_closed when that ends.
  [[nodiscard]] sc::task<> wait_for_room();
  void note_sent(std::size_t frame_bytes) noexcept { send_credit_.spend(frame_bytes - yield_overhead_bytes_); }
  // Throws what forbids sending now: a remote error, the end of the stream, a lost channel.
  void check_can_send() const;
  // Ends this side of the stream: one Stop, unless the peer ended it or the dialog is over. Idempotent.
  void close_stream() noexcept;
  // Ends it without telling the peer: something stronger than a Stop follows. Unless that is handled on this side: then the Stop is sent
  // by wait_for_return().
  void abandon_stream() noexcept;
  [[nodiscard]] std::size_t buffer_messages() const noexcept { return buffer_messages_; }
  [[nodiscard]] bool stream_opened() const noexcept { return stream_opened_; }
  [[nodiscard]] bool stream_closed() const noexcept { return stream_closed_; }
  // The values of a generator of the peer; known once it has acknowledged the start.
  [[nodiscard]] bool one_way() const noexcept { return kind_ == msg::function_kind::asyncgen; }
  [[nodiscard]] bool stop_received() const noexcept { return stop_received_; }
  // The one end_of_channel of this stream (S-STR-5).
  [[noreturn]] void throw_end_of_channel();
  // True for that one, and for a group of nothing else: several tasks may have waited for the next message.
  [[nodiscard]] bool is_end_of_channel(const std::exception_ptr& error) const noexcept {
    return end_of_channel_ && is_only(error, end_of_channel_);
  }
  // A received payload does not fit its type: the exception to throw, recorded as the remote error (S-COD-7, S-COD-8).
  [[nodiscard]] std::exception_ptr refuse_payload(msg::message_kind kind, msg::bytes_view payload, std::string_view spec, const error& why);

  // Nobody will read here any more: what has come is thrown away, and what still comes, so that its sender is not held up (S-CTX-30).
  void drain();

  // --- cancelling ---
  // Asks the peer to cancel the remote task, waits shielded for the acknowledgement, at most `timeout`. Parent side (S-CTX-40). Nothing
  // happens once the peer's task has ended.
  sc::task<> cancel_remote(sc::duration timeout, bool by_user);
  [[nodiscard]] sc::task<> cancel_by_user(sc::duration timeout);
  // Child side: cancels this task (S-CTX-50).
  void cancel_self();

  // --- outcome ---
  [[nodiscard]] context_state state() const noexcept;
  [[nodiscard]] bool started_sent() const noexcept { return started_sent_; }
  void set_started_sent() noexcept { started_sent_ = true; }
  // How the dialog ends is known.
  [[nodiscard]] bool finished() const noexcept { return return_received_ || remote_error_ != nullptr; }
  // The peer's task is over, or out of reach. Not implied by finished(): an overrun or a payload that does not fit ends the dialog
  // while that task runs.
  [[nodiscard]] bool peer_ended() const noexcept { return peer_ended_; }
  [[nodiscard]] const std::exception_ptr& remote_error() const noexcept { return remote_error_; }
  [[noreturn]] void raise_remote_error() const;
  [[noreturn]] void throw_lost() const;
  void set_local_error(std::exception_ptr local) noexcept { local_error_ = std::move(local); }
  [[nodiscard]] const std::exception_ptr& local_error() const noexcept { return local_error_; }
  [[nodiscard]] bool cancel_called() const noexcept { return cancel_called_; }
  [[nodiscard]] bool cancel_acked() const noexcept { return cancel_acked_; }
  [[nodiscard]] bool self_cancelled() const noexcept { return self_cancelled_; }
  [[nodiscard]] const std::optional<uid>& canceller() const noexcept { return canceller_; }
  void set_canceller(uid who) { canceller_ = std::move(who); }
  // The remote error is the acknowledgement of our own cancel() and is not raised (S-CTX-60).
  [[nodiscard]] bool absorbed() const noexcept { return absorbed_; }
  // The remote task has failed: it was not cancelled, and its actor not lost, which others tell of.
  [[nodiscard]] bool has_error_of_its_own() const noexcept;
  // Throws the remote error if there is one and it is not absorbed.
  void maybe_raise() const;
  // The channel has ended: waits until it is known why, and throws that.
  sc::task<> raise_loss();
  [[nodiscard]] std::string describe() const;  // "task 'add' in actor 'worker'"
  void set_function(std::string_view module, std::string_view name);

 private:
  friend class peer;
  class news_wait;
  void wake();
  void take_yield() noexcept {
    receive_credit_.take(yields_.front().size());
    yields_.pop();
  }
  void tell_credit() noexcept;
  void say_credit(const msg::credit& message) noexcept;
  void end_stream() noexcept;
  void send_stop() noexcept;
  [[nodiscard]] bool asked_by_us(const msg::error_msg& fields) const;
  void record_remote_error(std::exception_ptr error, bool interrupt);
  void interrupt_opener();
  void refuse_overrun();
  [[nodiscard]] bool told_of_overrun(const msg::error_msg& fields) const;

  std::shared_ptr<peer> via_;
  std::string cid_;
  std::string function_;
  context_side side_;
  bool registered_ = false;
  bool ack_received_ = false;
  bool started_received_ = false;
  bool started_sent_ = false;
  bool return_received_ = false;
  bool stop_received_ = false;
  bool stop_sent_ = false;
  bool stop_owed_ = false;  // the stream was abandoned, and the peer has heard of no reason yet
  bool stream_opened_ = false;
  bool stream_closed_ = false;
  overruns policy_ = overruns::block;
  bool cancel_called_ = false;
  bool cancel_acked_ = false;
  bool self_cancelled_ = false;
  bool absorbed_ = false;
  bool lost_ = false;
  bool peer_ended_ = false;
  bool took_loss_ = false;  // as the remote error: whoever that is thrown at is told of it
  msg::function_kind kind_ = msg::function_kind::asyncfunc;
  std::size_t buffer_messages_ = stream_buffer_messages;
  std::uint64_t opener_task_ = 0;  // whose block this is
  bool opener_waits_ = false;      // the opener is stopped on news of this dialog
  bool opener_cancels_ = false;    // the opener waits in its own cancel()
  bool draining_ = false;          // only the result is wanted now
  bool discarded_ = false;         // messages, because of that
  sc::cancel_scope scope_;
  sc::parking_lot news_;
  sc::parking_lot senders_;                    // who waits for room at the receiver
  std::vector<sc::cancel_scope*> room_waits_;  // who waits for room on the channel: the dialog's news is not the channel's
  send_credit send_credit_;
  receive_credit receive_credit_;
  std::size_t yield_overhead_bytes_ = 0;  // of its frame; known once the peer counts
  std::uint64_t dropped_ = 0;
  payload_queue yields_;
  msg::bytes started_payload_;
  msg::bytes return_payload_;
  std::exception_ptr remote_error_;
  std::exception_ptr local_error_;
  std::exception_ptr end_of_channel_;
  std::exception_ptr overrun_;  // set when a message was dropped here: what comes after the hole is not delivered
  std::optional<uid> canceller_;
  std::optional<context_state> cancelled_by_;  // of a remote error that is a cancellation
};

}  // namespace detail
}  // namespace tractor
