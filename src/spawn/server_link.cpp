// SPDX-License-Identifier: Apache-2.0

#include "server_link.hpp"

#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <utility>

#include "child_channel.hpp"
#include "launch.hpp"
#include "pidfd.hpp"
#include "program.hpp"
#include "tractor/base/error.hpp"

namespace tractor::spawn::detail {

namespace {

struct message_pair {
  unique_fd ours, servers;
};

// The server's end asks the kernel for the sender of each message. That is set before the first one: later would be too late.
message_pair make_message_pair() {
  int ends[2];
  check_syscall(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), "socketpair for the fork server");
  message_pair made{unique_fd(ends[0]), unique_fd(ends[1])};
  const int on = 1;
  check_syscall(::setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), "setsockopt(SO_PASSCRED)");
  return made;
}

}  // namespace

bool means_gone(int error) noexcept { return error == EPIPE || error == ECONNRESET || error == ECONNREFUSED; }

server_link server_link::launch_server(const std::string& executable) {
  message_pair connection = make_message_pair();
  message_pair requests = make_message_pair();
  const unique_fd null_device_fd(check_syscall(::open(null_device, O_RDWR | O_CLOEXEC), "open(/dev/null)"));
  const std::array<inherited_descriptor, 6> descriptors{
      {{null_device_fd.get(), STDIN_FILENO},
       {null_device_fd.get(), STDOUT_FILENO},
       {is_inherited(STDERR_FILENO) ? STDERR_FILENO : null_device_fd.get(), STDERR_FILENO},
       {connection.servers.get(), server_root_fd},
       {requests.ours.get(), server_requests_write_fd},
       {requests.servers.get(), server_requests_read_fd}}};
  server_link link;
  link.server_pid_ = launch({.executable = executable,
                             .role = fork_server_role,
                             .title = "_tractor_forkserver[" + std::to_string(::getpid()) + "]",
                             .environment = environ,
                             .descriptors = descriptors,
                             .all_signals_blocked = true});
  link.server_pidfd_.reset(open_pidfd(link.server_pid_));
  if (!link.server_pidfd_) {
    const int error = errno;
    ::kill(link.server_pid_, SIGKILL);
    retry_eintr([&] { return ::waitpid(link.server_pid_, nullptr, 0); });
    throw_os_error("pidfd_open of the fork server", error);
  }
  link.socket_ = std::move(connection.ours);
  link.own_requests_ = std::move(requests.ours);
  link.requests_ = link.own_requests_.get();
  return link;
}

std::optional<server_link> server_link::introduce(int requests) {
  message_pair connection = make_message_pair();
  server_link link;
  link.socket_ = std::move(connection.ours);
  link.requests_ = requests;
  link.introduction_ = std::move(connection.servers);
  const int error = link.flush();
  if (means_gone(error)) return std::nullopt;
  if (error != 0 && error != EAGAIN) throw_os_error("introducing this actor to the fork server", error);
  return link;
}

int server_link::send(std::span<iovec> parts, std::span<const int> descriptors) noexcept {
  if (!queue_.empty()) return EAGAIN;
  return send_message(socket_.get(), parts, descriptors) < 0 ? errno : 0;
}

void server_link::queue(std::string bytes, std::vector<unique_fd> descriptors, std::uint64_t asks_for) {
  queue_.push_back({std::move(bytes), std::move(descriptors), asks_for});
}

int server_link::flush() noexcept {
  if (introduction_) {
    request_header header{.kind = request_kind::introduce};
    iovec part{&header, sizeof(header)};
    const int descriptor = introduction_.get();
    if (send_message(requests_, std::span(&part, 1), std::span(&descriptor, 1)) < 0) return errno;
    introduction_.reset();
  }
  while (!queue_.empty()) {
    queued_message& next = queue_.front();
    iovec part{next.bytes.data(), next.bytes.size()};
    std::array<int, message_descriptors_max> descriptors{};
    for (std::size_t i = 0; i < next.descriptors.size(); ++i) descriptors[i] = next.descriptors[i].get();
    if (send_message(socket_.get(), std::span(&part, 1), std::span(descriptors).first(next.descriptors.size())) < 0) return errno;
    queue_.pop_front();
  }
  return 0;
}

bool server_link::is_queued(std::uint64_t ticket) const noexcept {
  return std::ranges::any_of(queue_, [&](const queued_message& message) { return message.asks_for == ticket; });
}

std::vector<std::uint64_t> server_link::take_requests() {
  std::vector<std::uint64_t> tickets;
  for (const queued_message& message : queue_)
    if (message.asks_for != 0) tickets.push_back(message.asks_for);
  std::erase_if(queue_, [](const queued_message& message) { return message.asks_for != 0; });
  return tickets;
}

received_message server_link::receive(std::span<std::byte> buffer) noexcept { return receive_message(socket_.get(), buffer); }

void server_link::shut_down() noexcept {
  ::shutdown(socket_.get(), SHUT_RDWR);  // reaches the server even where a forked copy of this process holds the socket
  queue_.clear();
  introduction_.reset();
}

std::string server_link::reap_server(int bound_ms) noexcept {
  if (server_pid_ < 0) return {};
  pollfd ended{.fd = server_pidfd_.get(), .events = POLLIN, .revents = 0};
  const pid_t pid = std::exchange(server_pid_, -1);
  if (retry_eintr([&] { return ::poll(&ended, 1, bound_ms); }) != 1) {
    signal_pidfd(server_pidfd_.get(), SIGKILL);
    if (retry_eintr([&] { return ::poll(&ended, 1, killed_bound_ms); }) != 1) return "killed, but not gone yet";
  }
  int wait_status = 0;
  const pid_t reaped = retry_eintr([&] { return ::waitpid(pid, &wait_status, 0); });
  if (reaped != pid) return "end unknown";
  return death_certificate::from_wait_status(pid, wait_status, {}).text();
}

}  // namespace tractor::spawn::detail
