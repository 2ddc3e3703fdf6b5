// SPDX-License-Identifier: Apache-2.0
//
// The other end of one channel, seen from an actor: its identity, the dialogs that run over the channel, and the message loop
// that serves it.

#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tractor/ipc/address.hpp"
#include "tractor/ipc/channel.hpp"
#include "tractor/ipc/tree_secret.hpp"
#include "tractor/msg/protocol.hpp"
#include "tractor/runtime/detail/cid_table.hpp"
#include "tractor/runtime/detail/dialog.hpp"
#include "tractor/runtime/errors.hpp"
#include "tractor/sc/event.hpp"
#include "tractor/sc/parking_lot.hpp"

namespace tractor {
class actor;
}

namespace tractor::detail {

inline constexpr std::size_t cancel_requests_per_task_max = 64;
inline constexpr std::size_t cid_bytes_max = 256;          // of a request; ours are 36 characters
inline constexpr std::size_t tasks_per_peer_max = 65'536;  // running for one peer at a time; one more is refused

inline constexpr std::size_t handshake_frame_bytes_max = 16 * 1024;             // a frame, until the peer has said who it is
inline constexpr std::size_t answer_bytes_unread_max = std::size_t{16} << 20;   // see peer::answer
inline constexpr std::size_t error_bytes_waiting_max = std::size_t{256} << 20;  // see peer::count_waiting

class incoming_call;

// A request of ours that is answered by one message: a cancel, or a call of the remote runtime.
struct pending_ack {
  sc::event done;
  bool answered = false;
  bool value = false;
  std::function<void()> heard = {};  // called at each answer; must not wait
};

class TRACTOR_API peer : public std::enable_shared_from_this<peer> {
 public:
  peer(actor& self, std::unique_ptr<sc::byte_stream> stream);
  peer(const peer&) = delete;
  peer& operator=(const peer&) = delete;
  ~peer();

  [[nodiscard]] actor& self() const noexcept { return self_; }
  [[nodiscard]] ipc::channel& channel() noexcept { return channel_; }
  [[nodiscard]] const uid& remote_uid() const noexcept { return remote_uid_; }
  [[nodiscard]] const std::optional<msg::aid>& remote_aid() const noexcept { return remote_aid_; }
  // It understands what of an error is not in the reference's message.
  [[nodiscard]] bool takes_error_detail() const noexcept { return takes_error_detail_; }
  // Names the peer before the handshake: what the parent gave its child.
  void expect(const uid& who);
  // Set on the channel from a child to its parent: the one whose end ends the actor.
  void set_is_parent() noexcept { is_parent_ = true; }
  [[nodiscard]] bool is_parent() const noexcept { return is_parent_; }
  // Set on the channel to an actor that this one started.
  void set_is_child() noexcept { is_child_ = true; }
  [[nodiscard]] bool is_child() const noexcept { return is_child_; }
  // What it registers goes with its connection.
  [[nodiscard]] bool keeps_registration() const noexcept { return keeps_registration_; }

  // Sends our identity; to the parent, with where we are reached.
  void send_aid(const std::vector<ipc::address>& addrs = {});
  // Receives the peer's; throws transport_closed when it is something else, or another actor than expected.
  sc::task<> receive_aid();
  // Both, as that end of a connection that somebody else could have made; over TCP with the proof that each knows the tree's secret, where
  // it has one (ipc/tree_secret.hpp). Throws transport_closed when the peer does not know it, or we do not know its.
  sc::task<> shake_hands(ipc::connection_end as, bool over_tcp);
  // Receives and serves messages until the channel ends; then `lost()` is set. Never throws but `cancelled`: whatever goes wrong with
  // a message ends this channel.
  sc::task<> serve();

  // The channel is gone: why. Null while it lives.
  [[nodiscard]] const std::exception_ptr& lost() const noexcept { return lost_; }
  // Ends every dialog with `why`. Idempotent.
  void fail(const std::exception_ptr& why);
  // With this set, serve() leaves failing the dialogs to its owner, who knows better why the peer is gone (a death certificate).
  void set_owner_reports_loss() noexcept { owner_reports_loss_ = true; }
  [[nodiscard]] bool owner_reports_loss() const noexcept { return owner_reports_loss_; }
  // Who learns of the loss. A dialog of ours that is open takes it. It has told of it once lost() was thrown into its block, or out of it.
  // If the block is left otherwise, by an error or a cancel of its own, the dialog has dropped it.
  [[nodiscard]] bool loss_told() const noexcept { return loss_told_; }
  void set_loss_told() noexcept { loss_told_ = true; }
  // A dialog has taken it and is still open.
  [[nodiscard]] bool loss_pending() const noexcept { return loss_takers_ != 0; }
  void take_loss() noexcept { ++loss_takers_; }
  void leave_loss() noexcept;
  // Called once, when the last one that took it has left, if all have dropped it. Must not wait. Without memory for it the process ends.
  void on_loss_dropped(std::function<void()> told) { loss_dropped_hook_ = std::move(told); }
  // Waits for lost(): the channel may have ended some time before it is known why.
  sc::task<> wait_for_loss();

  template <class Encode>
  void send(Encode&& encode) {
    if (lost_) std::rethrow_exception(lost_);
    channel_.send(std::forward<Encode>(encode));
  }
  void close_for_want_of_memory() noexcept;
  // Answers a request of the peer's. One that takes no answers any more does not keep its requests from being done (S-RPC-5): the
  // end of its channel is found where it is received from. One that asks and does not read loses its channel: at most
  // `answer_bytes_unread_max` are queued while it takes nothing. One that reads, however slowly, has the channel's own bound. (Reading
  // less would stop two actors that ask each other.)
  template <class Encode>
  void answer(Encode&& encode) {
    std::size_t bytes = 0;
    try {
      send([&](msg::buffer& out) {
        const std::size_t before = out.size();
        encode(out);
        bytes = out.size() - before;
      });
    } catch (const transport_closed&) {
      return;
    }
    if (channel_.congested()) [[unlikely]]
      count_unread(answer_bytes_unread_, bytes, answer_bytes_unread_max, "answers are queued (answer_bytes_unread_max)");
  }
  // An error that has waited for room, and whose task is cancelled, may go as an answer: those leave the half of `answer_bytes_unread_max`
  // to the answers that cannot be left out.
  [[nodiscard]] bool has_room_for_error(std::size_t bytes) noexcept {
    forget_what_was_taken();
    return answer_bytes_unread_ + bytes <= answer_bytes_unread_max / 2;
  }
  // The same for a task's error that will wait for room: `error_bytes_waiting_max` in all while the peer takes nothing.
  void count_waiting(std::size_t bytes) {
    count_unread(error_bytes_waiting_, bytes, error_bytes_waiting_max, "errors wait for it (error_bytes_waiting_max)");
  }

  void add(dialog& link);
  void remove(dialog& link) noexcept;
  void add(std::string_view cid, pending_ack& ack);
  void remove_ack(std::string_view cid) noexcept;
  // Asks for the end of a task there, or of the whole actor; returns when that is acknowledged (true) or the peer is gone.
  sc::task<bool> request_cancel_task(std::string_view task_cid);
  sc::task<bool> request_cancel_actor();

  [[nodiscard]] bool cancel_called() const noexcept { return cancel_called_; }
  // The actor has said that all its tasks have ended, and is about to go.
  [[nodiscard]] bool cancel_acknowledged() const noexcept { return cancel_acknowledged_; }
  // Called when somebody here asks for the end of that actor. Must outlive the peer's use.
  void on_cancel_called(std::function<void()> told) { cancel_hook_ = std::move(told); }
  // Told when such a request has been answered, or was waited for as long as it may be; not of a peer that is gone.
  void on_cancel_over(std::function<void()> told) { cancel_over_hook_ = std::move(told); }
  void cancel_over() {
    if (!lost_ && cancel_over_hook_) cancel_over_hook_();
  }
  void forget_hooks() noexcept { cancel_hook_ = cancel_over_hook_ = nullptr; }

  // The calls of ours that this peer asked for.
  [[nodiscard]] std::size_t running_calls() const noexcept { return calls_.size(); }
  void cancel_calls(const std::optional<uid>& canceller, std::string_view why);
  void enlist(incoming_call& call);
  void forget(incoming_call& call) noexcept;

 private:
  struct ack_entry {
    dialog* link = nullptr;
    pending_ack* ack = nullptr;
  };
  sc::task<> prove(ipc::connection_end as, const ipc::challenge& own);
  [[noreturn]] void refuse_stranger(const std::string& why);
  static void dispatch(void* self, msg::envelope& message, msg::bytes_view body);
  void on_start(const msg::start& request, msg::bytes_view body);
  bool refused_as_cancelled(const msg::start& request);
  void acknowledge(incoming_call& call, const endpoint& target, const credit_note& credit);
  void on_runtime_request(const msg::start& request, msg::bytes_view body);
  void run(const endpoint& target, const msg::start& request, msg::bytes_view body);
  void refuse(std::string_view cid, const std::exception_ptr& why);
  void on_error_message(msg::error_msg& fields, msg::bytes_view body);
  template <class Message>
  dialog* find(const Message& message);
  void forget_what_was_taken() noexcept;
  void count_unread(std::size_t& unread, std::size_t bytes, std::size_t bytes_max, std::string_view what);

  actor& self_;
  ipc::channel channel_;
  std::optional<msg::aid> remote_aid_;
  uid remote_uid_;
  bool takes_error_detail_ = false;
  bool keeps_registration_ = false;
  bool is_parent_ = false;
  bool is_child_ = false;
  bool owner_reports_loss_ = false;
  bool loss_told_ = false;
  std::size_t loss_takers_ = 0;
  bool cancel_called_ = false;
  bool cancel_acknowledged_ = false;
  std::exception_ptr lost_;
  sc::parking_lot loss_known_;
  std::function<void()> cancel_hook_;
  std::function<void()> cancel_over_hook_;
  std::function<void()> loss_dropped_hook_;
  // Keys point into the dialog, the call or the waiting request, which live longer than their entry.
  cid_table<ack_entry> dialogs_;
  cid_table<incoming_call*> calls_;
  std::size_t answer_bytes_unread_ = 0;  // both since the peer last took anything
  std::size_t error_bytes_waiting_ = 0;
  std::uint64_t taken_before_ = 0;  // what it had taken then
  dialog* recent_ = nullptr;        // the one that a message was last for: a stream finds it without a search
};

}  // namespace tractor::detail
