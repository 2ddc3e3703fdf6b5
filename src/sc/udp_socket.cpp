// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/udp_socket.hpp"

#include <utility>

#include "socket_calls.hpp"
#include "source_wait.hpp"
#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/errors.hpp"

namespace tractor::sc {

namespace {

unique_fd open_datagram_socket(address_family family) {
  if (family == address_family::any) throw usage_error("udp_socket: a socket is for IPv4 or for IPv6, not for any family");
  const int number = family == address_family::ipv4 ? AF_INET : AF_INET6;
  unique_fd fd(check_syscall(::socket(number, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket(SOCK_DGRAM)"));
  if (number == AF_INET6) detail::set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, "IPV6_V6ONLY");
  return fd;
}

std::string call_text(const char* doing, const ip_endpoint& address) {
  return std::string(doing) + "(" + detail::to_text(address.host, address.port) + ")";
}

class receiving_guard {
 public:
  explicit receiving_guard(bool& receiving) : receiving_(receiving) {
    if (receiving_) throw busy_resource_error("receive_from(): another task is receiving from this socket");
    receiving_ = true;
  }
  receiving_guard(const receiving_guard&) = delete;
  receiving_guard& operator=(const receiving_guard&) = delete;
  ~receiving_guard() { receiving_ = false; }

 private:
  bool& receiving_;
};

[[noreturn]] void throw_send_error(std::string doing, std::size_t bytes, int error) {
  if (error == EMSGSIZE) doing += ": a datagram of " + std::to_string(bytes) + " bytes";
  throw_os_error(std::move(doing), error);
}

}  // namespace

udp_socket::udp_socket(address_family family) : fd_(open_datagram_socket(family)) {}

udp_socket::~udp_socket() {
  TRACTOR_ASSERT(!receiving_ && !sending_.locked(), "a UDP socket is destroyed while a task sends or receives");
  close();
}

void udp_socket::check_open(const char* doing) const {
  if (closed()) throw closed_resource_error(std::string(doing) + ": the socket was closed on this side");
}

void udp_socket::bind(const ip_endpoint& local) {
  check_open("bind()");
  const detail::socket_name name = detail::tcp_name("bind", local.host, local.port);
  if (::bind(fd_.get(), name.pointer(), name.length) != 0) throw_os_error(call_text("bind", local), errno);
}

void udp_socket::connect(const ip_endpoint& peer) {
  check_open("connect()");
  const detail::socket_name name = detail::tcp_name("connect", peer.host, peer.port);
  if (::connect(fd_.get(), name.pointer(), name.length) != 0) throw_os_error(call_text("connect", peer), errno);
}

void udp_socket::close() noexcept {
  if (!fd_) return;
  detail::io_source::waiter* const reader = std::exchange(source_.reader, nullptr);
  detail::io_source::waiter* const writer = std::exchange(source_.writer, nullptr);
  source_.detach();
  fd_.reset();
  // Both find the socket closed.
  if (reader != nullptr) reader->ready(*reader);
  if (writer != nullptr) writer->ready(*writer);
}

ip_endpoint udp_socket::local_endpoint() const {
  check_open("local_endpoint()");
  detail::socket_name name;
  check_syscall(::getsockname(fd_.get(), name.pointer(), &name.length), "getsockname()");
  return detail::to_endpoint(name).value();
}

std::optional<ip_endpoint> udp_socket::remote_endpoint() const {
  check_open("remote_endpoint()");
  detail::socket_name name;
  if (::getpeername(fd_.get(), name.pointer(), &name.length) == 0) return detail::to_endpoint(name);
  if (errno != ENOTCONN) throw_os_error("getpeername()", errno);
  return std::nullopt;
}

// --- datagrams ---

task<> udp_socket::send_to(std::span<const std::byte> datagram, ip_endpoint to) {
  const detail::socket_name name = detail::tcp_name("send_to", to.host, to.port);
  co_await send_datagram(datagram, name.pointer(), name.length, call_text("send_to", to));
}

task<> udp_socket::send(std::span<const std::byte> datagram) { return send_datagram(datagram, nullptr, 0, "send()"); }

task<> udp_socket::send_datagram(std::span<const std::byte> datagram, const void* name, unsigned name_bytes, std::string doing) {
  // The only cancel point while there is room.
  const auto turn = co_await sending_.hold();
  for (;;) {
    check_open(doing.c_str());
    const ssize_t sent = retry_eintr([&] {
      return ::sendto(fd_.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL, static_cast<const sockaddr*>(name), name_bytes);
    });
    if (sent >= 0) co_return;
    if (errno != EAGAIN) throw_send_error(std::move(doing), datagram.size(), errno);
    if (!source_.attached()) source_.attach(fd_.get());
    source_.set_not_writable();
    co_await detail::source_wait(source_.writer, "send_to");
  }
}

task<received_datagram> udp_socket::receive_from(std::span<std::byte> into) {
  const receiving_guard guard(receiving_);
  co_await checkpoint();
  for (;;) {
    check_open("receive_from()");
    if (!source_.attached() || source_.maybe_readable()) {
      detail::socket_name from;
      iovec part{.iov_base = into.data(), .iov_len = into.size()};
      msghdr message{};
      message.msg_name = from.pointer();
      message.msg_namelen = from.length;
      message.msg_iov = &part;
      message.msg_iovlen = 1;
      const ssize_t got = retry_eintr([&] { return ::recvmsg(fd_.get(), &message, 0); });
      if (got >= 0)
        co_return received_datagram{.bytes = static_cast<std::size_t>(got),
                                    .from = detail::to_endpoint(from).value(),
                                    .truncated = (message.msg_flags & MSG_TRUNC) != 0};
      if (errno != EAGAIN) throw_os_error("receive_from()", errno);
    }
    // Joining the reactor reports what arrives from here on and what arrived since the attempt.
    if (!source_.attached()) source_.attach(fd_.get());
    source_.set_drained();
    co_await detail::source_wait(source_.reader, "receive_from");
  }
}

}  // namespace tractor::sc
