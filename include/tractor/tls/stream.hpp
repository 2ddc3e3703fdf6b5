// SPDX-License-Identifier: Apache-2.0
//
// A TLS stream over any byte stream, which it owns.
//
//     tls::stream secured(std::move(transport), context, {.server_name = "example.org"});
//     co_await secured.send_all(request);            // does the handshake first
//     std::size_t n = co_await secured.receive_some(buffer);
//     co_await secured.aclose();                      // tells the peer that this was the end
//
// The contract is byte_stream's, with one task that sends beside one that receives. The handshake is done once, by whichever comes first.
// What the protocol has to send in between (tickets, answers to key updates, alerts) leaves by itself, also while nobody sends: neither
// direction waits for the other.
//
// Ends. A peer's close_notify is the end of the stream, and sending may go on. A transport that ends without one is a
// truncated_error, unless `https_compatible` says that this, too, is an end; to a send that needs the rest of a message of the protocol
// it is one in any case. close() sends close_notify if that can leave at once; aclose() waits until it does. A stream that is destroyed
// without them sends none: what an error or a cancel has interrupted shall not look complete. A failure is final: everything after it
// throws the same error.
//
// Over TCP, a connection that is closed while bytes of the peer lie unread is reset, and the peer may lose what was sent last. aclose()
// therefore goes on reading, and throws away, until the peer ends its side, for at most `aclose_drain_bytes_max` and `aclose_drain_within`.
// A peer that sends more, or later, and close() in any case, can meet with the reset still.
//
// Cancellation. A cancelled receive or handshake loses nothing and may be done again; so does an unwrap, but it has sent close_notify, and
// nothing can be sent any more. A cancelled send_all may have sent a part: records stay whole, so that the stream can still be received
// from and sent on, but what the peer gets has a hole in it, and the ends that follow send no close_notify: the peer shall not take it for
// complete. Cancelled, aclose() closes at once.
//
// Errors are tls_error and its kin (errors.hpp); those of the transport pass through. Of one connection no more is buffered than
// `ciphertext_chunk_bytes` received and `outgoing_bytes_max` to be sent. A peer that sends more than `silent_bytes_max` in a row
// which is not for the application is a tls_error: it could keep a call busy for ever. Not to be destroyed while a task waits in it, in
// aclose(), do_handshake() or unwrap() until that has returned. After a fork it is the child's or the parent's, not both's.

#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tractor/sc/byte_stream.hpp"
#include "tractor/sc/parking_lot.hpp"
#include "tractor/sc/task.hpp"
#include "tractor/tls/certificate.hpp"
#include "tractor/tls/context.hpp"
#include "tractor/tls/errors.hpp"

namespace tractor::tls {

inline constexpr std::size_t record_bytes_max = 16 * 1024;  // of plain text, RFC 8446
// How much is received from the transport at a time.
inline constexpr std::size_t ciphertext_chunk_bytes = 16 * 1024;
// With that much to be sent, which only a peer can bring about that asks and does not listen, receiving pauses.
inline constexpr std::size_t outgoing_bytes_max = 128 * 1024;
// How much of tickets, new keys and the like is taken from a peer, since the handshake or since plain text last went either way; answers to
// update_keys() count. It is more than `outgoing_bytes_max`, of which they may be what a peer like this one has held back.
inline constexpr std::size_t silent_bytes_max = 256 * 1024;

// How much of a peer that has not ended its side aclose() reads, and for how long.
inline constexpr std::size_t aclose_drain_bytes_max = 256 * 1024;
inline constexpr sc::duration aclose_drain_within = std::chrono::seconds(1);

struct stream_options {
  // Of a client: the host name or IP literal that the server's certificate must be for. May be empty with verify::none only.
  std::string server_name = {};
  // A peer that ends the transport without close_notify has ended the stream, as with HTTP, where a message tells its own length.
  bool https_compatible = false;
  // For messages; empty: the server name, or the address of the peer.
  std::string peer_name = {};
};

namespace detail {
class session;
}

class TRACTOR_API stream final : public sc::byte_stream {
 public:
  // A client's or a server's end, as the context says. Throws usage_error without a transport, or without a name to verify.
  stream(std::unique_ptr<sc::byte_stream> transport, const context& with, stream_options options = {});
  ~stream() override;  // no close_notify; the transport is destroyed, too

  // Returns when this side knows that both have agreed. Idempotent; by any number of tasks at a time. A checkpoint. A client of TLS 1.3
  // hears of a server that does not like its certificate only afterwards, from what it receives.
  [[nodiscard]] sc::task<> do_handshake();

  // Sends close_notify, unless a send is under way or was cut off, and closes the transport, whatever happens: cancelled, or when the
  // peer is gone, without having sent it. Waits for the end of the peer's side as long as the bounds above say. Nothing can be sent from
  // the call on. Idempotent. A checkpoint.
  [[nodiscard]] sc::task<> aclose();

  struct unwrapped {
    std::unique_ptr<sc::byte_stream> transport;
    std::vector<std::byte> trailing;  // what was received behind the end of TLS
  };
  // Ends TLS on both sides and gives the transport back, to go on in the clear. This stream is closed then. Throws tls_error when the peer
  // sends anything but its end, or when a send was cut off, closed_resource_error, busy_resource_error. The peer must end its side, too.
  [[nodiscard]] sc::task<unwrapped> unwrap();

  // Has both sides go on with new keys; the next send tells the peer. Of no effect before the handshake is done, after
  // send_eof() and with TLS 1.2.
  void update_keys() noexcept;

  // Sends close_notify: behind the handshake if that is still to be done, and behind the rest of a message of the protocol (a ticket, say)
  // of which a part has been received.
  void send_eof() override;
  void close() noexcept override;
  [[nodiscard]] bool closed() const noexcept override { return closed_; }

  sc::io_result try_receive(std::span<std::byte> into) noexcept override;
  // Bytes count as sent when their record has left. After would_block the same bytes must be sent again, or set_writer(nullptr) called,
  // which gives up the rest of a send of which a part has left: such a stream sends no close_notify.
  sc::io_result try_send(std::span<const std::byte> from) noexcept override;
  void set_reader(sc::detail::io_source::waiter* waiter) noexcept override;
  void set_writer(sc::detail::io_source::waiter* waiter) override;
  [[nodiscard]] std::exception_ptr error_of(const char* doing, int errno_value) const noexcept override;

  // --- what was agreed; nothing before the handshake is done ---
  [[nodiscard]] std::optional<protocol_version> version() const;
  [[nodiscard]] std::string selected_alpn() const;  // empty: none
  // Of a client what it asked for; of a server what the client asked for (SNI).
  [[nodiscard]] std::string server_name() const;
  [[nodiscard]] std::optional<certificate_summary> peer_certificate() const;

  // Not null until unwrap().
  [[nodiscard]] sc::byte_stream* transport() const noexcept { return transport_.get(); }

 private:
  struct transport_waiter : sc::detail::io_source::waiter {
    stream* self = nullptr;
  };
  enum class feed_result : unsigned char { fed, blocked, ended, failed };

  // Each gives EAGAIN with the transport told to wake this stream.
  sc::io_result attempt_handshake() noexcept;
  sc::io_result attempt_receive(std::span<std::byte> into) noexcept;
  sc::io_result attempt_send(std::span<const std::byte> from) noexcept;
  sc::io_result attempt_flush() noexcept;
  sc::io_result attempt_goodbye() noexcept;
  template <class Attempt>
  sc::io_result repeat(Attempt attempt) noexcept;
  // And tells who waits when it has changed anything.
  template <class Attempt>
  sc::io_result operate(Attempt attempt) noexcept;

  [[nodiscard]] feed_result feed() noexcept;
  sc::io_result feed_or_fail() noexcept;
  sc::io_result failed() noexcept;
  sc::io_result cannot_send() noexcept;
  void say_goodbye() noexcept;
  void shut() noexcept;
  bool end_transport() noexcept;
  [[nodiscard]] sc::task<> drain();
  void detach_transport() noexcept;
  void tell_waiters() noexcept;
  void on_transport() noexcept;

  std::unique_ptr<sc::byte_stream> transport_;
  std::unique_ptr<detail::session> session_;
  bool https_compatible_;
  bool handshake_done_ = false;
  bool eof_sent_ = false;
  bool mid_send_ = false;  // the last send was reported in part
  bool cut_off_ = false;   // a send was cancelled in the middle
  bool goodbye_said_ = false;
  bool closed_ = false;
  bool transport_ended_ = false;
  bool in_operation_ = false;  // the transport's news wait until it is over
  bool news_ = false;
  bool progress_ = false;
  std::size_t tellings_ = 0;  // calls of tell_waiters
  int receive_errno_ = 0;     // of the transport, for good
  int send_errno_ = 0;
  std::size_t silent_bytes_ = 0;     // received without plain text, see silent_bytes_max
  std::vector<std::byte> outgoing_;  // is being sent
  std::size_t outgoing_sent_ = 0;
  std::size_t unreported_bytes_ = 0;  // plain text in it that a sender has yet to hear of
  transport_waiter transport_reader_;
  transport_waiter transport_writer_;
  sc::detail::io_source::waiter* reader_ = nullptr;
  sc::detail::io_source::waiter* writer_ = nullptr;
  sc::parking_lot changed_;  // do_handshake, aclose
};

}  // namespace tractor::tls
