// SPDX-License-Identifier: Apache-2.0
//
// Between tasks, a session and a transport. Nothing waits here: each attempt goes as far as the transport lets it, leaves word with the
// transport, and is made again when that has news.
//
// A memory transport calls back from within our own calls of it. Such news are noted and looked at when the operation under way is over,
// so no attempt ever runs inside another one.

#include "tractor/tls/stream.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "session.hpp"
#include "tractor/sc/cancel_scope.hpp"
#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/errors.hpp"
#include "tractor/sc/socket_stream.hpp"

namespace tractor::tls {

namespace {

constexpr sc::io_result done{};
constexpr sc::io_result would_block{.errno_value = EAGAIN};
// Stands for the session's failure, which error_of() knows.
constexpr sc::io_result session_failed{.errno_value = EPROTO};

std::string peer_of(const sc::byte_stream& transport, const stream_options& options) {
  if (!options.peer_name.empty()) return options.peer_name;
  if (!options.server_name.empty()) return options.server_name;
  if (const auto* const socket = dynamic_cast<const sc::socket_stream*>(&transport); socket != nullptr && !socket->closed())
    if (const auto at = socket->remote_endpoint()) return at->host + " port " + std::to_string(at->port);
  return "the peer";
}

[[noreturn]] void throw_closed(const char* doing) {
  throw sc::closed_resource_error(std::string(doing) + ": the stream was closed on this side");
}

}  // namespace

stream::stream(std::unique_ptr<sc::byte_stream> transport, const context& with, stream_options options)
    : transport_(std::move(transport)), https_compatible_(options.https_compatible) {
  if (transport_ == nullptr) throw usage_error("tls::stream: there is no transport");
  std::string peer = peer_of(*transport_, options);
  session_ = std::make_unique<detail::session>(with, std::move(options.server_name), std::move(peer));
  for (transport_waiter* each : {&transport_reader_, &transport_writer_}) {
    each->self = this;
    each->ready = [](sc::detail::io_source::waiter& told) noexcept { static_cast<transport_waiter&>(told).self->on_transport(); };
  }
}

stream::~stream() {
  TRACTOR_ASSERT(reader_ == nullptr && writer_ == nullptr && changed_.empty(), "a TLS stream is destroyed while a task waits in it");
  if (closed_) return;
  // Not close(): whoever unwinds, out of an error or a cancel, has not said that this was all. The transport is left to its own end, which
  // for another TLS stream is none in good order either.
  closed_ = true;
  detach_transport();
}

// --- news of the transport ---

void stream::on_transport() noexcept {
  if (in_operation_) {
    news_ = true;
    return;
  }
  static_cast<void>(repeat([this] { return attempt_flush(); }));
  tell_waiters();
}

// Until it neither blocks nor has missed news: a transport tells of them once.
template <class Attempt>
sc::io_result stream::repeat(Attempt attempt) noexcept {
  TRACTOR_ASSERT(!in_operation_, "operations of a TLS stream are not nested");
  in_operation_ = true;
  const auto heed_news = [this] {
    if (!std::exchange(news_, false)) return false;
    progress_ = true;
    static_cast<void>(attempt_flush());
    return true;
  };
  sc::io_result result = attempt();
  while (result.would_block() && heed_news()) result = attempt();
  while (heed_news()) continue;
  in_operation_ = false;
  return result;
}

template <class Attempt>
sc::io_result stream::operate(Attempt attempt) noexcept {
  for (;;) {
    const sc::io_result result = repeat(attempt);
    if (!progress_) return result;
    const std::size_t before = tellings_;
    tell_waiters();
    // Who was told made attempts of its own, and these may have taken the transport's news, or made progress for this one, before the
    // caller could say that it waits. Each round needs progress of another one's.
    if (!result.would_block() || tellings_ == before + 1) return result;
  }
}

// Whoever waits tries again. It may have waited for the other one's doing: both of them make the handshake.
void stream::tell_waiters() noexcept {
  progress_ = false;
  ++tellings_;
  changed_.unpark_all();
  if (auto* const told = std::exchange(reader_, nullptr)) told->ready(*told);
  if (auto* const told = std::exchange(writer_, nullptr)) told->ready(*told);
}

// --- attempts ---

sc::io_result stream::attempt_flush() noexcept {
  if (send_errno_ != 0) return cannot_send();
  for (;;) {
    if (outgoing_sent_ == outgoing_.size()) {
      outgoing_sent_ = 0;
      outgoing_.resize(session_->output_bytes());
      if (outgoing_.empty()) return done;
      session_->take(outgoing_);
    }
    // What was offered once stays as it is until it has left: a lockstep transport counts on that.
    const sc::io_result sent = transport_->try_send(std::span(outgoing_).subspan(outgoing_sent_));
    if (sent.would_block()) {
      transport_->set_writer(&transport_writer_);
      return would_block;
    }
    if (sent.errno_value != 0) {
      send_errno_ = sent.errno_value;
      progress_ = true;
      return cannot_send();
    }
    outgoing_sent_ += sent.bytes;
    if (outgoing_sent_ == outgoing_.size()) progress_ = true;
  }
}

// Nobody will hear what there was to say, nor what the protocol finds to say later.
sc::io_result stream::cannot_send() noexcept {
  outgoing_.clear();
  outgoing_sent_ = 0;
  session_->drop_output();
  return {.errno_value = send_errno_};
}

stream::feed_result stream::feed() noexcept {
  if (receive_errno_ != 0) return feed_result::failed;
  if (transport_ended_) return feed_result::ended;
  std::array<std::byte, ciphertext_chunk_bytes> chunk;
  const sc::io_result got = transport_->try_receive(chunk);
  if (got.would_block()) {
    transport_->set_reader(&transport_reader_);
    return feed_result::blocked;
  }
  progress_ = true;
  if (got.errno_value != 0) {
    receive_errno_ = got.errno_value;
    return feed_result::failed;
  }
  transport_ended_ = got.bytes == 0;
  if (transport_ended_) return feed_result::ended;
  session_->put(std::span(chunk).first(got.bytes));
  silent_bytes_ += got.bytes;
  if (eof_sent_) say_goodbye();  // which may have waited for this
  return feed_result::fed;
}

// Whoever calls this again and again has an end of it: with silent_bytes_max, or when plain text comes or goes.
sc::io_result stream::feed_or_fail() noexcept {
  if (silent_bytes_ > silent_bytes_max) {
    session_->fail_silent(silent_bytes_max);
    return failed();
  }
  switch (feed()) {
    case feed_result::fed: return done;
    // Nothing will be answered to what cannot be sent.
    case feed_result::blocked: return !handshake_done_ && send_errno_ != 0 ? sc::io_result{.errno_value = send_errno_} : would_block;
    case feed_result::failed: return {.errno_value = receive_errno_};
    case feed_result::ended: break;
  }
  if (https_compatible_ && handshake_done_) return done;
  session_->fail_truncated();
  return failed();
}

sc::io_result stream::failed() noexcept {
  progress_ = true;
  static_cast<void>(attempt_flush());  // an alert tells the peer why
  return session_failed;
}

sc::io_result stream::attempt_handshake() noexcept {
  while (!handshake_done_) {
    const detail::outcome outcome = session_->handshake();
    if (outcome == detail::outcome::failed) return failed();
    if (outcome == detail::outcome::done) {
      handshake_done_ = true;
      silent_bytes_ = 0;
      progress_ = true;
      if (eof_sent_) say_goodbye();
    }
    // A peer that takes nothing more may have said why.
    static_cast<void>(attempt_flush());
    if (outcome == detail::outcome::wants_input)
      if (const sc::io_result fed = feed_or_fail(); fed.errno_value != 0) return fed;
  }
  return done;
}

sc::io_result stream::attempt_receive(std::span<std::byte> into) noexcept {
  if (const sc::io_result agreed = attempt_handshake(); agreed.errno_value != 0) return agreed;
  for (;;) {
    std::size_t bytes = 0;
    const detail::outcome outcome = session_->read(into, bytes);
    if (outcome == detail::outcome::failed) return failed();
    if (session_->output_bytes() > 0) static_cast<void>(attempt_flush());
    if (outcome == detail::outcome::done) {
      silent_bytes_ = 0;
      return {.bytes = bytes};
    }
    if (outcome == detail::outcome::ended) return done;
    // With a failed sender there is nothing to hold back.
    if (send_errno_ == 0 && outgoing_.size() - outgoing_sent_ + session_->output_bytes() > outgoing_bytes_max) return would_block;
    if (const sc::io_result fed = feed_or_fail(); fed.errno_value != 0) return fed;
    if (transport_ended_) return done;
  }
}

sc::io_result stream::attempt_send(std::span<const std::byte> from) noexcept {
  if (const sc::io_result agreed = attempt_handshake(); agreed.errno_value != 0) return agreed;
  if (session_->failure()) return session_failed;
  // Whatever is on its way goes first, one's own last record among it.
  if (const sc::io_result flushed = attempt_flush(); flushed.errno_value != 0) return flushed;
  while (unreported_bytes_ == 0) {
    const detail::outcome outcome = session_->write(from.first(std::min(from.size(), record_bytes_max)), unreported_bytes_);
    if (outcome == detail::outcome::failed) return failed();
    if (outcome == detail::outcome::done) {
      silent_bytes_ = 0;
      if (const sc::io_result flushed = attempt_flush(); flushed.errno_value != 0) return flushed;
      continue;
    }
    // In the middle of a message of the protocol that came in several records the rest of it comes first.
    if (const sc::io_result fed = feed_or_fail(); fed.errno_value != 0) return fed;
    if (transport_ended_) {  // the end for a receiver, if https_compatible, but not for a sender that needs the rest
      session_->fail_truncated();
      return failed();
    }
  }
  return {.bytes = std::exchange(unreported_bytes_, 0)};
}

// Until close_notify, if it can be said, and all before it has left.
sc::io_result stream::attempt_goodbye() noexcept {
  for (;;) {
    say_goodbye();
    if (const sc::io_result flushed = attempt_flush(); flushed.errno_value != 0) return flushed;
    if (goodbye_said_ || !handshake_done_ || cut_off_) return done;
    if (session_->failure()) return session_failed;
    // The peer is in the middle of a message of the protocol.
    if (const sc::io_result fed = feed_or_fail(); fed.errno_value != 0) return fed;
    if (transport_ended_) return done;
  }
}

// --- the stream ---

sc::io_result stream::try_receive(std::span<std::byte> into) noexcept {
  TRACTOR_ASSERT(!into.empty(), "a receive into nothing cannot be told from the end of the stream");
  if (closed_) return {.errno_value = EBADF};
  return operate([&] { return attempt_receive(into); });
}

sc::io_result stream::try_send(std::span<const std::byte> from) noexcept {
  if (closed_ || eof_sent_) return {.errno_value = EBADF};
  if (from.empty()) return done;
  const sc::io_result sent = operate([&] { return attempt_send(from); });
  if (sent.errno_value == 0) mid_send_ = sent.bytes < from.size();
  return sent;
}

void stream::set_reader(sc::detail::io_source::waiter* waiter) noexcept { reader_ = waiter; }

void stream::set_writer(sc::detail::io_source::waiter* waiter) {
  writer_ = waiter;
  if (waiter != nullptr) return;
  const bool unheard_of = std::exchange(unreported_bytes_, 0) > 0, rest_missing = std::exchange(mid_send_, false);
  if (unheard_of || rest_missing) cut_off_ = true;
}

std::exception_ptr stream::error_of(const char* doing, int errno_value) const noexcept {
  if (errno_value == session_failed.errno_value && session_->failure()) return session_->failure();
  return closed_ ? byte_stream::error_of(doing, errno_value) : transport_->error_of(doing, errno_value);
}

void stream::update_keys() noexcept {
  if (handshake_done_ && !closed_ && !eof_sent_) session_->update_keys();
}

void stream::say_goodbye() noexcept {
  if (handshake_done_ && !cut_off_ && !goodbye_said_) goodbye_said_ = session_->say_goodbye();
}

void stream::send_eof() {
  if (closed_) throw_closed("send_eof()");
  if (eof_sent_) return;
  if (writer_ != nullptr) throw sc::busy_resource_error("send_eof(): a task is sending on this stream");
  eof_sent_ = true;
  say_goodbye();
  static_cast<void>(operate([this] { return attempt_flush(); }));
}

void stream::close() noexcept {
  if (closed_) return;
  if (writer_ == nullptr) {
    say_goodbye();
    static_cast<void>(repeat([this] { return attempt_flush(); }));
  }
  shut();
}

void stream::shut() noexcept {
  if (closed_) return;
  closed_ = true;
  detach_transport();
  transport_->close();
  tell_waiters();
}

void stream::detach_transport() noexcept {
  transport_->set_reader(nullptr);
  transport_->set_writer(nullptr);
}

// --- what tasks wait in ---

sc::task<> stream::do_handshake() {
  co_await sc::checkpoint();
  for (;;) {
    if (closed_) throw_closed("do_handshake()");
    // What it still has to say leaves by itself: a peer that does not receive, or another task's bytes behind it, hold nobody up here.
    const sc::io_result agreed = operate([this] { return attempt_handshake(); });
    if (!agreed.would_block()) {
      if (session_->failure()) std::rethrow_exception(session_->failure());
      if (agreed.errno_value != 0) std::rethrow_exception(error_of("do_handshake()", agreed.errno_value));
      co_return;
    }
    co_await changed_.park("do_handshake");
  }
}

sc::task<> stream::aclose() {
  struct closer {
    stream& self;
    ~closer() { self.shut(); }
  } const closes_always{*this};
  co_await sc::checkpoint();
  if (closed_ || writer_ != nullptr) co_return;
  eof_sent_ = true;
  for (;;) {
    const sc::io_result said = operate([this] { return attempt_goodbye(); });
    if (said.errno_value == 0) break;
    if (!said.would_block()) co_return;
    co_await changed_.park("aclose");
    if (closed_) co_return;
  }
  if (!handshake_done_ || session_->failure() || !end_transport()) co_return;
  static_cast<void>(co_await sc::move_on_after(aclose_drain_within, [this] { return drain(); }));
}

bool stream::end_transport() noexcept {
  try {
    transport_->set_writer(nullptr);  // everything has left
    transport_->send_eof();
  } catch (...) {
    return false;  // it is broken, and will be closed
  }
  return true;
}

sc::task<> stream::drain() {
  std::array<std::byte, 4096> unwanted;
  for (std::size_t drained = 0; !closed_ && drained < aclose_drain_bytes_max;) {
    const sc::io_result got = operate([&] { return attempt_receive(unwanted); });
    if (got.would_block()) {
      co_await changed_.park("aclose");
      continue;
    }
    if (got.errno_value != 0 || got.bytes == 0) co_return;
    drained += got.bytes;
  }
}

sc::task<stream::unwrapped> stream::unwrap() {
  co_await do_handshake();
  if (cut_off_)
    throw tls_error("unwrap(): a cancelled send has left a hole, so this stream has no end in good order", error_category::failed);
  send_eof();
  for (;;) {
    if (closed_) throw_closed("unwrap()");
    const sc::io_result said = operate([this] { return attempt_goodbye(); });
    if (!said.would_block()) {
      if (said.errno_value != 0) std::rethrow_exception(error_of("unwrap()", said.errno_value));
      break;
    }
    co_await changed_.park("unwrap");
  }
  std::array<std::byte, 1> more;
  if (co_await receive_some(more) > 0) throw tls_error("unwrap(): the peer goes on sending, where it should end TLS");
  if (closed_) throw_closed("unwrap()");  // by another task, when the end was there and this one had yet to go on
  detach_transport();
  closed_ = true;
  unwrapped result{.transport = std::move(transport_), .trailing = session_->unread_input()};
  tell_waiters();
  co_return result;
}

// --- what was agreed ---

std::optional<protocol_version> stream::version() const { return session_->version(); }
std::string stream::selected_alpn() const { return session_->selected_alpn(); }
std::string stream::server_name() const { return session_->server_name(); }
std::optional<certificate_summary> stream::peer_certificate() const { return session_->peer_certificate(); }

}  // namespace tractor::tls
