// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/socket_stream.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <new>

#include "socket_calls.hpp"
#include "tractor/sc/errors.hpp"

namespace tractor::sc {

socket_stream::socket_stream(unique_fd connected) : fd_(std::move(connected)) { detail::prepare_socket(fd_.get()); }
socket_stream::socket_stream(unique_fd connected, prepared_t) noexcept : fd_(std::move(connected)) {}

socket_stream::~socket_stream() {
  TRACTOR_ASSERT(source_.reader == nullptr && source_.writer == nullptr, "a socket is destroyed while a task waits in it");
  close();
}

void socket_stream::check_open(const char* doing) const {
  if (closed()) throw closed_resource_error(std::string(doing) + ": the stream was closed on this side");
}

void socket_stream::send_eof() {
  check_open("send_eof()");
  if (eof_sent_) return;
  if (source_.writer != nullptr) throw busy_resource_error("send_eof(): a task is sending on this stream");
  if (::shutdown(fd_.get(), SHUT_WR) != 0) {
    const int error = errno;
    if (error == ENOTCONN || error == ECONNRESET) throw broken_resource_error("send_eof(): the peer is gone [" + errno_name(error) + "]");
    throw_os_error("shutdown()", error);
  }
  eof_sent_ = true;
}

void socket_stream::close() noexcept {
  if (!fd_) return;
  detail::io_source::waiter* const reader = std::exchange(source_.reader, nullptr);
  detail::io_source::waiter* const writer = std::exchange(source_.writer, nullptr);
  source_.detach();
  fd_.reset();
  // Both find the stream closed.
  if (reader != nullptr) reader->ready(*reader);
  if (writer != nullptr) writer->ready(*writer);
}

int socket_stream::watch() noexcept {
  if (source_.attached() || runner::current() == nullptr) return 0;
  try {
    source_.attach(fd_.get());
  } catch (const os_error& refused) {
    return refused.errno_value();
  } catch (const std::bad_alloc&) {
    return ENOMEM;
  }
  return 0;
}

io_result socket_stream::try_receive(std::span<std::byte> into) noexcept {
  TRACTOR_ASSERT(!into.empty(), "a receive into nothing cannot be told from the end of the stream");
  if (closed()) return {.errno_value = EBADF};
  if (source_.attached() && !source_.maybe_readable()) return {.errno_value = EAGAIN};
  iovec part{.iov_base = into.data(), .iov_len = into.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  const ssize_t got = retry_eintr([&] { return ::recvmsg(fd_.get(), &message, 0); });
  if (got > 0) {
    const auto bytes = static_cast<std::size_t>(got);
    // More comes with another edge. The end of the stream that came already, and urgent data, are remembered by the source. A read
    // ends early at descriptors or credentials that the peer sent along, which are discarded: that tells nothing of what follows.
    if (bytes < into.size() && (message.msg_flags & MSG_CTRUNC) == 0 && source_.attached()) source_.set_drained();
    return {.bytes = bytes};
  }
  if (got == 0) return {.errno_value = reset_ ? ECONNRESET : 0};
  const int error = errno;
  if (error != EAGAIN) {
    if (error == ECONNRESET) reset_ = true;
    return {.errno_value = error};
  }
  // Joining the reactor reports what arrives from here on and what arrived since the attempt.
  if (const int refused = watch(); refused != 0) return {.errno_value = refused};
  if (source_.attached()) source_.set_drained();
  return {.errno_value = EAGAIN};
}

io_result socket_stream::try_send(std::span<const std::byte> from) noexcept {
  if (closed() || eof_sent_) return {.errno_value = EBADF};
  if (source_.attached() && !source_.maybe_writable()) return {.errno_value = EAGAIN};
  const ssize_t sent = retry_eintr([&] { return ::send(fd_.get(), from.data(), from.size(), MSG_NOSIGNAL); });
  // A short write does not tell that the socket is full (it may be short of memory): the next attempt finds out.
  if (sent >= 0) return {.bytes = static_cast<std::size_t>(sent)};
  const int error = errno;
  if (error != EAGAIN) {
    if (error == ECONNRESET) reset_ = true;
    return {.errno_value = error};
  }
  if (const int refused = watch(); refused != 0) return {.errno_value = refused};
  if (!source_.attached()) return {.errno_value = EAGAIN};
  try {
    source_.set_not_writable();
  } catch (const os_error& refused) {
    return {.errno_value = refused.errno_value()};
  } catch (const std::bad_alloc&) {
    return {.errno_value = ENOMEM};
  }
  return {.errno_value = EAGAIN};
}

void socket_stream::set_reader(detail::io_source::waiter* waiter) noexcept {
  TRACTOR_ASSERT(waiter == nullptr || source_.attached(), "a wait for a socket needs a run and an attempt that would block");
  source_.reader = waiter;
}

void socket_stream::set_writer(detail::io_source::waiter* waiter) {
  TRACTOR_ASSERT(waiter == nullptr || source_.attached(), "a wait for a socket needs a run and an attempt that would block");
  source_.writer = waiter;
}

std::optional<peer_credentials> socket_stream::credentials() const {
  check_open("credentials()");
  int family = 0;
  socklen_t length = sizeof family;
  check_syscall(::getsockopt(fd_.get(), SOL_SOCKET, SO_DOMAIN, &family, &length), "getsockopt(SO_DOMAIN)");
  if (family != AF_UNIX) return std::nullopt;
  ucred found{};
  length = sizeof found;
  check_syscall(::getsockopt(fd_.get(), SOL_SOCKET, SO_PEERCRED, &found, &length), "getsockopt(SO_PEERCRED)");
  return peer_credentials{.pid = found.pid, .uid = found.uid, .gid = found.gid};
}

std::optional<tcp_endpoint> socket_stream::local_endpoint() const {
  check_open("local_endpoint()");
  detail::socket_name name;
  check_syscall(::getsockname(fd_.get(), name.pointer(), &name.length), "getsockname()");
  return detail::to_endpoint(name);
}

void socket_stream::set_keepalive(std::chrono::seconds idle, std::chrono::seconds interval, int probes) {
  check_open("set_keepalive()");
  const auto set = [this](int level, int option, int value) {
    static_cast<void>(::setsockopt(fd_.get(), level, option, &value, sizeof value));
  };
  set(IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(idle.count()));
  set(IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(interval.count()));
  set(IPPROTO_TCP, TCP_KEEPCNT, probes);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
}

std::optional<tcp_endpoint> socket_stream::remote_endpoint() const {
  check_open("remote_endpoint()");
  detail::socket_name name;
  if (::getpeername(fd_.get(), name.pointer(), &name.length) != 0) {
    if (errno == ENOTCONN) return std::nullopt;
    throw_os_error("getpeername()", errno);
  }
  return detail::to_endpoint(name);
}

std::optional<std::string> socket_stream::unix_path() const {
  check_open("unix_path()");
  // Who connected has no name: the path is that of the accepting end.
  for (const auto name_of : {&::getsockname, &::getpeername}) {
    detail::socket_name name;
    if (name_of(fd_.get(), name.pointer(), &name.length) != 0) {
      if (errno == ENOTCONN) continue;
      throw_os_error("unix_path()", errno);
    }
    if (auto path = detail::to_path(name)) return path;
  }
  return std::nullopt;
}

std::pair<std::unique_ptr<socket_stream>, std::unique_ptr<socket_stream>> open_socketpair() {
  int ends[2];
  check_syscall(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), "socketpair()");
  unique_fd first(ends[0]), second(ends[1]);
  auto left = std::make_unique<socket_stream>(std::move(first), prepared);
  return {std::move(left), std::make_unique<socket_stream>(std::move(second), prepared)};
}

}  // namespace tractor::sc
