// SPDX-License-Identifier: Apache-2.0

#include "tractor/spawn/fork_server_client.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "child_channel.hpp"
#include "environment.hpp"
#include "fork_server_protocol.hpp"
#include "payload.hpp"
#include "pidfd.hpp"
#include "server_link.hpp"
#include "tractor/base/error.hpp"
#include "world_tracker.hpp"

namespace tractor::spawn {

namespace {

// How long a server that closed its connection may take to be gone; it is killed then.
constexpr int lost_server_bound_ms = 100;
constexpr const char* lost_text = "lost with the fork server";

// One request as parts to be sent together: bytes that live elsewhere, and descriptors.
class outgoing_request {
 public:
  detail::request_header header;

  void add_bytes(const void* bytes, std::size_t count) {
    if (count != 0) parts_[part_count_++] = {const_cast<void*>(bytes), count};
  }
  void add_field(detail::request_field& field, const char* name, std::span<const std::byte> bytes) {
    field.bytes = static_cast<std::uint32_t>(bytes.size());
    if (bytes.size() <= detail::inline_bytes_max) return add_bytes(bytes.data(), bytes.size());
    field.in_file = 1;
    files_[file_count_] = detail::make_memory_file(name, std::span(&bytes, 1));
    add_descriptor(files_[file_count_++].get());
  }
  void add_descriptor(int fd) { descriptors_[descriptor_count_++] = fd; }

  int send(detail::server_link& link) {
    parts_[0] = {&header, sizeof(header)};
    return link.send(std::span(parts_).first(part_count_), descriptors());
  }

  void queue(detail::server_link& link, ticket_id asks_for) const {
    std::string bytes(reinterpret_cast<const char*>(&header), sizeof(header));
    for (const iovec& part : std::span(parts_).subspan(1, part_count_ - 1))
      bytes.append(static_cast<const char*>(part.iov_base), part.iov_len);
    std::vector<unique_fd> copies;
    for (const int fd : descriptors()) copies.emplace_back(check_syscall(::fcntl(fd, F_DUPFD_CLOEXEC, 0), "fcntl(F_DUPFD_CLOEXEC)"));
    link.queue(std::move(bytes), std::move(copies), asks_for);
  }

 private:
  [[nodiscard]] std::span<const int> descriptors() const { return std::span(descriptors_).first(descriptor_count_); }

  std::array<iovec, 6> parts_{};
  std::size_t part_count_ = 1;  // the header is the first
  std::array<int, detail::message_descriptors_max> descriptors_{};
  std::size_t descriptor_count_ = 0;
  std::array<unique_fd, 3> files_;
  std::size_t file_count_ = 0;
};

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

}  // namespace

class fork_server_client::connection {
 public:
  connection(detail::server_link link, const detail::world* born_with) : link(std::move(link)), tracker(born_with) {}

  void send_request(ticket_id ticket, const spawn_request& what, const detail::child_channel& channel);
  void send_or_queue(outgoing_request& message, ticket_id ticket);
  void send_kill(ticket_id ticket);
  void handle(detail::received_message& received, std::vector<fork_server_event>& events);
  [[nodiscard]] std::string text_of(const detail::reply_header& header, const detail::received_message& received) const;
  void report_loss(const std::string& how, std::vector<fork_server_event>& events) const;
  // Sends what waits. An errno where the connection is of no use any more.
  [[nodiscard]] int flush(std::vector<fork_server_event>& events);
  [[nodiscard]] bool awaits_an_answer() const;

  struct open_ticket {
    pid_t pid = -1;  // until it is spawned
    bool killed = false;
    std::string unusable{};  // why nobody will be told of the child that was spawned: it is being killed
  };

  detail::server_link link;
  detail::world_tracker tracker;
  std::unordered_map<ticket_id, open_ticket> open_tickets;
  std::string useless_because;
  std::array<std::byte, sizeof(detail::reply_header) + detail::reply_text_bytes_max> buffer;
};

void fork_server_client::connection::send_request(ticket_id ticket, const spawn_request& what, const detail::child_channel& channel) {
  detail::world_changes changes = tracker.look();
  if (changes.environment.size() > environment_bytes_max)
    throw usage_error("the environment of this process has " + std::to_string(changes.environment.size()) +
                      " bytes, the most that an actor is given is " + std::to_string(environment_bytes_max) + " (environment_bytes_max)");
  const std::string overrides = detail::pack_overrides(what.environment);
  outgoing_request message;
  message.header.ticket = ticket;
  message.add_descriptor(channel.child_link.get());
  message.add_descriptor(channel.child_stderr.get());
  if (detail::is_inherited(STDOUT_FILENO)) {
    message.header.has_stdout = 1;
    message.add_descriptor(STDOUT_FILENO);
  }
  message.header.has_directory = static_cast<bool>(changes.directory);
  if (changes.directory) message.add_descriptor(changes.directory.get());
  message.header.has_facts = changes.facts_changed;
  if (changes.facts_changed) message.add_bytes(&changes.facts, sizeof(changes.facts));
  message.header.name_bytes = static_cast<std::uint32_t>(what.name.size());
  message.add_bytes(what.name.data(), what.name.size());
  message.header.has_environment = changes.environment_changed;
  message.add_field(message.header.environment, "tractor-environment", bytes_of(changes.environment));
  message.add_field(message.header.overrides, "tractor-environment", bytes_of(overrides));
  message.add_field(message.header.boot, "tractor-boot", what.boot);

  open_tickets.emplace(ticket, open_ticket{});
  try {
    send_or_queue(message, ticket);
  } catch (...) {
    open_tickets.erase(ticket);
    throw;
  }
  tracker.commit(std::move(changes));
}

void fork_server_client::connection::send_or_queue(outgoing_request& message, ticket_id ticket) {
  const int error = message.send(link);
  if (error == EAGAIN) {
    if (link.queued() >= queued_requests_max)
      throw tractor::error(
          "the fork server has not taken the last " + std::to_string(queued_requests_max) + " requests (queued_requests_max)",
          error_category::overloaded);
    message.queue(link, ticket);
  } else if (error != 0 && !detail::means_gone(error)) {  // of a server that is gone the next read tells
    throw os_error("sending a request to the fork server", error);
  }
}

void fork_server_client::connection::send_kill(ticket_id ticket) {
  outgoing_request message;
  message.header.kind = detail::request_kind::kill;
  message.header.ticket = ticket;
  if (const int error = message.send(link); error != 0 && !detail::means_gone(error)) message.queue(link, 0);
}

int fork_server_client::connection::flush(std::vector<fork_server_event>& events) {
  const int error = link.flush();
  if (error == 0 || error == EAGAIN) return 0;
  if (link.introducing()) return error;
  if (detail::means_gone(error)) {
    link.drop_queue();  // the next read tells
    return 0;
  }
  // The system has no room for it now. Where an answer is still to come, that makes some, and all is tried again then. Otherwise
  // nothing would ever announce the room; and what comes later in the queue may build on the world that the first one tells.
  if (awaits_an_answer()) return 0;
  for (const ticket_id ticket : link.take_requests()) {
    open_tickets.erase(ticket);
    events.emplace_back(
        failed_event{.ticket = ticket, .errno_value = error, .text = os_error("sending a request to the fork server", error).message()});
  }
  tracker.forget();
  return 0;
}

bool fork_server_client::connection::awaits_an_answer() const {
  return std::ranges::any_of(open_tickets, [&](const auto& entry) { return entry.second.pid < 0 && !link.is_queued(entry.first); });
}

void fork_server_client::connection::handle(detail::received_message& received, std::vector<fork_server_event>& events) {
  detail::reply_header header;
  TRACTOR_ASSERT(received.bytes >= static_cast<ssize_t>(sizeof(header)), "a message of the fork server is too short");
  std::memcpy(&header, buffer.data(), sizeof(header));
  TRACTOR_ASSERT(header.magic == detail::fork_server_magic, "the fork server is another version of tractor");
  if (header.kind == detail::reply_kind::useless) {
    useless_because = text_of(header, received);
    return;
  }
  const auto ticket = open_tickets.find(header.ticket);
  if (ticket == open_tickets.end()) return;  // of another process: a copy of this one that asked over this connection
  switch (header.kind) {
    case detail::reply_kind::spawned:
      ticket->second.pid = header.pid;
      if (received.descriptor_count != 1) {
        ticket->second.unusable = "receiving the pidfd of a new actor: no descriptors left [EMFILE]";
        send_kill(header.ticket);
        return;  // told when it is gone
      }
      if (ticket->second.killed) detail::signal_pidfd(received.descriptors[0].get(), SIGKILL);  // sooner than the server reads it
      events.emplace_back(spawned_event{.ticket = header.ticket, .pid = header.pid, .pidfd = std::move(received.descriptors[0])});
      return;
    case detail::reply_kind::failed:
      open_tickets.erase(ticket);
      if (header.world_refused != 0) tracker.forget();
      events.emplace_back(failed_event{.ticket = header.ticket, .errno_value = header.error, .text = text_of(header, received)});
      return;
    case detail::reply_kind::exited: {
      std::string unusable = std::move(ticket->second.unusable);
      open_tickets.erase(ticket);
      if (!unusable.empty()) {
        events.emplace_back(failed_event{.ticket = header.ticket, .errno_value = EMFILE, .text = std::move(unusable)});
        return;
      }
      events.emplace_back(exited_event{.ticket = header.ticket,
                                       .certificate = death_certificate::from_wait_status(header.pid, header.wait_status, header.usage)});
      return;
    }
    case detail::reply_kind::useless: return;  // seen above
  }
}

std::string fork_server_client::connection::text_of(const detail::reply_header& header, const detail::received_message& received) const {
  const std::size_t bytes = std::min<std::size_t>(header.text_bytes, static_cast<std::size_t>(received.bytes) - sizeof(header));
  return {reinterpret_cast<const char*>(buffer.data()) + sizeof(header), bytes};
}

void fork_server_client::connection::report_loss(const std::string& how, std::vector<fork_server_event>& events) const {
  for (const auto& [ticket, child] : open_tickets) {
    if (!child.unusable.empty())
      events.emplace_back(failed_event{.ticket = ticket, .errno_value = EMFILE, .text = child.unusable});
    else if (!useless_because.empty())
      events.emplace_back(failed_event{.ticket = ticket, .errno_value = ENOSYS, .text = useless_because});
    else if (child.pid < 0)
      events.emplace_back(failed_event{.ticket = ticket, .errno_value = ECONNRESET, .text = how + " before it answered"});
    else
      events.emplace_back(exited_event{.ticket = ticket, .certificate = death_certificate::lost(child.pid, lost_text)});
  }
  events.emplace_back(server_lost_event{.text = how});
}

fork_server_client::fork_server_client(fork_server_access access, fork_server_options options)
    : access_(std::move(access)), options_(std::move(options)), owner_pid_(::getpid()) {}

fork_server_client::~fork_server_client() { close(); }

void fork_server_client::start() {
  if (connection_) return;
  require_child_entry();
  if (!useless_because_.empty()) throw os_error(useless_because_, ENOSYS);
  if (access_.requests) {
    if (auto link = detail::server_link::introduce(access_.requests.get())) {
      connection_ = std::make_unique<connection>(std::move(*link), access_.born_with);
      return;
    }
    access_.requests.reset();  // its server is gone, and this process is not: an exec'd actor, which makes one of its own
  }
  connection_ = std::make_unique<connection>(detail::server_link::launch_server(options_.executable), nullptr);
}

bool fork_server_client::started() const noexcept { return connection_ != nullptr; }
int fork_server_client::fd() const noexcept { return connection_ ? connection_->link.fd() : -1; }
bool fork_server_client::wants_write() const noexcept { return connection_ && connection_->link.wants_write(); }
int fork_server_client::requests_fd() const noexcept { return connection_ ? connection_->link.requests_fd() : -1; }
pid_t fork_server_client::server_pid() const noexcept { return connection_ ? connection_->link.server_pid() : -1; }

fork_server_client::requested fork_server_client::request(const spawn_request& what) {
  what.check();
  start();
  detail::child_channel channel = detail::open_child_channel();
  const ticket_id ticket = ++last_ticket_;
  connection_->send_request(ticket, what, channel);
  return {.ticket = ticket, .ends = std::move(channel.requester)};
}

void fork_server_client::kill(ticket_id ticket) {
  if (!connection_) return;
  const auto found = connection_->open_tickets.find(ticket);
  if (found == connection_->open_tickets.end()) return;
  if (std::exchange(found->second.killed, true)) return;
  connection_->send_kill(ticket);
}

void fork_server_client::on_readable(std::vector<fork_server_event>& events) {
  while (connection_) {  // bounded: at most two messages for each open ticket
    detail::received_message received = connection_->link.receive(connection_->buffer);
    if (received.bytes > 0) {
      connection_->handle(received, events);
      continue;
    }
    if (received.bytes < 0 && errno == ECONNRESET) continue;  // it died with requests unread; what it had sent is still to come
    if (received.bytes < 0 && errno == EAGAIN) break;
    lose("the fork server closed the connection", events);
  }
  // An answer is a sign of room: that it was refused for anything else than a full socket, no event would tell.
  if (connection_ && connection_->link.wants_write()) on_writable(events);
}

void fork_server_client::on_writable(std::vector<fork_server_event>& events) {
  if (!connection_) return;
  const int error = connection_->flush(events);
  // Nothing was started over a connection that the server never heard of: no child is lost with it.
  if (error != 0) lose("this actor could not introduce itself to the fork server [" + std::string(errno_name(error)) + "]", events);
}

void fork_server_client::lose(const std::string& how, std::vector<fork_server_event>& events) {
  const std::unique_ptr<connection> lost = std::move(connection_);
  const std::string end = lost->link.reap_server(lost_server_bound_ms);
  useless_because_ = lost->useless_because;
  lost->report_loss(end.empty() ? how : "the fork server died (" + end + ")", events);
}

void fork_server_client::abandon(const std::string& why, std::vector<fork_server_event>& events) {
  if (!connection_) return;
  connection_->link.shut_down();
  const std::unique_ptr<connection> given_up = std::move(connection_);
  given_up->link.reap_server(closing_bound_ms);
  given_up->report_loss(why, events);
}

void fork_server_client::close() noexcept {
  if (!connection_) return;
  if (::getpid() == owner_pid_) {
    connection_->link.shut_down();
    connection_->link.reap_server(closing_bound_ms);
  }
  connection_.reset();
}

}  // namespace tractor::spawn
