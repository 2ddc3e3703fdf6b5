// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/socket_listener.hpp"

#include <netinet/tcp.h>
#include <sys/stat.h>

#include <algorithm>

#include "socket_calls.hpp"
#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/errors.hpp"

namespace tractor::sc {

namespace {

// Until the source's reader is told: by the reactor, or by close().
class readable_awaiter : public detail::leaf_wait {
 public:
  explicit readable_awaiter(detail::io_source& source) noexcept : source_(source) {}
  readable_awaiter(const readable_awaiter&) = delete;
  readable_awaiter& operator=(const readable_awaiter&) = delete;
  ~readable_awaiter() = default;

  bool await_ready() { return refuse_if_cancelled(); }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> here) noexcept {
    waiter_.self = this;
    waiter_.ready = [](detail::io_source::waiter& told) noexcept { static_cast<waiter&>(told).self->wake(); };
    source_.reader = &waiter_;
    park(here, waits);
  }
  void await_resume() { throw_if_cancelled(); }

 private:
  struct waiter : detail::io_source::waiter {
    readable_awaiter* self = nullptr;
  };
  static bool abort_wait(detail::suspension& self) noexcept {
    static_cast<readable_awaiter&>(self).source_.reader = nullptr;
    return true;
  }
  static constexpr detail::wait_kind waits{"accept", &abort_wait};
  detail::io_source& source_;
  waiter waiter_;
};

class busy_guard {
 public:
  explicit busy_guard(bool& busy) : busy_(busy) {
    if (busy_) throw busy_resource_error("accept(): another task is accepting on this listener");
    busy_ = true;
  }
  busy_guard(const busy_guard&) = delete;
  busy_guard& operator=(const busy_guard&) = delete;
  ~busy_guard() { busy_ = false; }

 private:
  bool& busy_;
};

// A socket file that nobody listens on.
bool is_stale(const std::string& path, const detail::socket_name& name) {
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0 || !S_ISSOCK(found.st_mode)) return false;
  const unique_fd probe = detail::open_socket(AF_UNIX);
  return ::connect(probe.get(), name.pointer(), name.length) != 0 && errno == ECONNREFUSED;
}

}  // namespace

socket_listener::socket_listener(unique_fd listening) : fd_(std::move(listening)) { detail::prepare_socket(fd_.get()); }
socket_listener::socket_listener(unique_fd listening, prepared_t) noexcept : fd_(std::move(listening)) {}

socket_listener::~socket_listener() {
  TRACTOR_ASSERT(!accepting_, "a listener is destroyed while a task accepts on it");
  close();
}

task<std::unique_ptr<socket_stream>> socket_listener::accept() {
  const busy_guard guard(accepting_);
  // The only cancel point when a connection waits already: once it is taken, nothing can lose it.
  co_await checkpoint();
  for (;;) {
    if (closed()) throw closed_resource_error("accept(): the listener was closed on this side");
    unique_fd connection(::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (connection) {
      back_off_ = back_off_first;
      co_return std::make_unique<socket_stream>(std::move(connection), prepared);
    }
    const int error = errno;
    switch (detail::classify_accept_error(error)) {
      case detail::accept_failure::would_block:
        if (!source_.attached()) source_.attach(fd_.get());
        source_.set_drained();
        co_await readable_awaiter(source_);
        break;
      case detail::accept_failure::connection_lost: co_await checkpoint(); break;
      case detail::accept_failure::out_of_resources: co_await wait_for_resources(); break;
      case detail::accept_failure::fatal: throw_os_error("accept()", error);
    }
  }
}

task<std::unique_ptr<byte_stream>> socket_listener::accept_stream() { co_return co_await accept(); }

// Readiness cannot tell when descriptors are free again, and the connection that waits keeps the listener readable.
task<> socket_listener::wait_for_resources() {
  ++back_offs_;
  const duration pause = back_off_;
  back_off_ = std::min<duration>(back_off_ * 2, back_off_max);
  static_cast<void>(co_await move_on_after(pause, [this]() -> task<> { co_await closed_.wait(); }));
}

void socket_listener::close() noexcept {
  if (!fd_) return;
  detail::io_source::waiter* const reader = std::exchange(source_.reader, nullptr);
  source_.detach();
  // Before the socket: while that is open, nobody else's file can have the number of ours.
  remove_file();
  fd_.reset();
  closed_.set();
  if (reader != nullptr) reader->ready(*reader);
}

bool socket_listener::listens() const noexcept {
  int listening = 0;
  socklen_t length = sizeof listening;
  return fd_ && ::getsockopt(fd_.get(), SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) == 0 && listening != 0;
}

std::optional<tcp_endpoint> socket_listener::local_endpoint() const {
  if (closed()) throw closed_resource_error("local_endpoint(): the listener was closed on this side");
  detail::socket_name name;
  check_syscall(::getsockname(fd_.get(), name.pointer(), &name.length), "getsockname()");
  return detail::to_endpoint(name);
}

void socket_listener::own_file(std::string path) {
  path_ = std::move(path);
  struct stat made{};
  if (::lstat(path_.c_str(), &made) != 0) throw_os_error("listen_unix(" + path_ + "): the socket file is gone again", errno);
  file_device_ = made.st_dev;
  file_inode_ = made.st_ino;
  file_owner_ = ::getpid();
}

void socket_listener::remove_file() noexcept {
  if (file_owner_ == 0 || file_owner_ != ::getpid()) return;
  struct stat found{};
  if (::lstat(path_.c_str(), &found) != 0) return;  // somebody removed it: that is all right (S-UDS-6)
  if (found.st_dev == file_device_ && found.st_ino == file_inode_) static_cast<void>(::unlink(path_.c_str()));
}

std::unique_ptr<socket_listener> listen_unix(std::string path, unix_listen_options options) {
  const detail::socket_name name = detail::unix_name("listen_unix", path);
  auto listener = std::make_unique<socket_listener>(detail::open_socket(AF_UNIX), prepared);
  // The mode of the socket becomes the mode of the file, without a moment at which others could connect.
  check_syscall(::fchmod(listener->fd(), S_IRUSR | S_IWUSR), "fchmod() of a socket");
  int error = ::bind(listener->fd(), name.pointer(), name.length) == 0 ? 0 : errno;
  if (error == EADDRINUSE && options.replace_stale && is_stale(path, name) && ::unlink(path.c_str()) == 0)
    error = ::bind(listener->fd(), name.pointer(), name.length) == 0 ? 0 : errno;
  if (error != 0) throw_os_error("listen_unix(" + path + ")", error);
  listener->own_file(std::move(path));
  check_syscall(::listen(listener->fd(), listen_backlog), "listen()");
  return listener;
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): as its sibling connect_tcp, which keeps it
std::unique_ptr<socket_listener> listen_tcp(std::string host, std::uint16_t port) {
  const detail::socket_name name = detail::tcp_name("listen_tcp", host, port);
  unique_fd fd = detail::open_socket(name.family());
  detail::set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, "SO_REUSEADDR");
  if (name.family() == AF_INET6) detail::set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, "IPV6_V6ONLY");
  detail::set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, "TCP_NODELAY");  // the accepted sockets inherit it
  if (::bind(fd.get(), name.pointer(), name.length) != 0 || ::listen(fd.get(), listen_backlog) != 0)
    throw_os_error("listen_tcp(" + detail::to_text(host, port) + ")", errno);
  return std::make_unique<socket_listener>(std::move(fd), prepared);
}

}  // namespace tractor::sc
