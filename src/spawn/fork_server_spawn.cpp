// SPDX-License-Identifier: Apache-2.0
//
// One request of the fork server: from the message to the running actor.

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <utility>

#include "environment.hpp"
#include "fork_path.hpp"
#include "fork_server.hpp"
#include "payload.hpp"
#include "pidfd.hpp"
#include "program.hpp"
#include "tractor/base/error.hpp"

namespace tractor::spawn::detail {

std::string step_failed(std::string_view step, int error) {
  return "the fork server could not start the actor: " + std::string(step) + ": " + ::strerrordesc_np(error) + " [" + errno_name(error) +
         "]";
}

TRACTOR_FORK_PATH std::optional<birth> fork_server::spawn_child(requester_id id, requester& from, received_message& received) {
  std::uint64_t ticket = 0;
  std::memcpy(&ticket, buffer_.data() + offsetof(request_header, ticket), sizeof(ticket));
  bool world_taken = false;
  if (received.descriptors_cut) {
    refuse(id, from, received, world_taken, EMFILE, step_failed("receiving the descriptors of the request", EMFILE));
    return std::nullopt;
  }
  try {
    spawn_message message = spawn_message::parse(std::span(buffer_).first(static_cast<std::size_t>(received.bytes)), received);
    check_sender(from, received);
    if (from.world_refused && !message.tells_whole_world()) {
      refuse(id, from, received, world_taken, from.world_refused->error, from.world_refused->text);
      return std::nullopt;
    }
    update_world(from, message);
    world_taken = true;
    adopt_world(*from.current);
    children_.reserve_one();

    const pid_t pid = check_syscall(::fork(), "fork");
    if (pid == 0) return become_actor(from, message);
    children_.add(pid, {.ticket = ticket, .born_with = from.current, .requested_by = id});
    announce(id, from, pid, ticket);
  } catch (const os_error& failed) {
    refuse(id, from, received, world_taken, failed.errno_value(), "the fork server could not start the actor: " + failed.message());
  } catch (const std::exception& failed) {
    refuse(id, from, received, world_taken, EINVAL, failed.what());
  }
  return std::nullopt;
}

// Its sender takes what it told of its world for known, and has perhaps sent more requests that build on it.
void fork_server::refuse(requester_id id, requester& from, const received_message& received, bool world_taken, int error,
                         std::string text) {
  request_header header;
  std::memcpy(&header, buffer_.data(), sizeof(header));
  const bool from_its_process = received.sender && received.sender->pid == from.pid;  // else it says nothing of the requester's own
  if (!world_taken && from_its_process && !from.world_refused && (header.has_facts != 0 || header.has_environment != 0))
    from.world_refused = std::make_unique<const refusal>(refusal{error, text});
  const bool world_refused = from_its_process && from.world_refused != nullptr;
  reply(id, from, {.kind = reply_kind::failed, .ticket = header.ticket, .error = error, .world_refused = world_refused ? 1U : 0U}, text,
        {});
}

// The kernel says who sent the message; a process that changed its user must not get a child that runs as the server's.
void fork_server::check_sender(const requester& from, const received_message& received) const {
  if (!received.sender) throw error("the sender of a request is unknown", error_category::protocol);
  if (received.sender->pid != from.pid)
    throw os_error("a request by process " + std::to_string(received.sender->pid) + " over the connection of " + std::to_string(from.pid),
                   EPERM);
  if (received.sender->uid != user_ || received.sender->gid != group_)
    throw os_error("the requester runs as another user or group than the fork server; use the start method exec", EPERM);
}

void fork_server::update_world(requester& from, spawn_message& message) {
  const request_header& header = message.header;
  if (header.has_facts == 0 && header.has_environment == 0 && from.current != nullptr) return;
  auto updated = std::make_unique<world>();
  if (from.current != nullptr) *updated = *from.current;
  if (header.has_facts != 0) {
    std::memcpy(&updated->facts, message.facts.data(), sizeof(updated->facts));
    if (updated->facts.user != facts_.user || updated->facts.group != facts_.group)
      throw os_error("the requester acts as another user or group than the fork server; use the start method exec", EPERM);
    if (header.has_directory != 0) updated->directory = std::make_shared<const unique_fd>(lift(std::move(message.directory)));
  }
  if (header.has_environment != 0) {
    auto environment = std::make_shared<environment_block>();
    environment->packed.resize(message.environment.bytes);
    if (!message.environment.read(std::as_writable_bytes(std::span(environment->packed)))) throw_os_error("reading the environment", errno);
    environment->pointers = environment_pointers(environment->packed);
    environment->pointers.insert(environment->pointers.end() - 1, mark_.data());
    updated->environment = std::move(environment);
  }
  if (!updated->directory || !updated->environment)
    throw error("a first request does not tell its sender's world", error_category::protocol);
  worlds_.push_back(std::move(updated));
  from.current = worlds_.back().get();
  from.world_refused.reset();
  drop_unused_worlds();
}

// Worlds change rarely, so nobody counts their users on the way of every request.
void fork_server::drop_unused_worlds() noexcept {
  std::erase_if(worlds_, [&](const std::unique_ptr<const world>& owned) {
    const world* one = owned.get();
    if (one == adopted_) return false;
    if (std::ranges::any_of(children_.children(), [&](const server_child& child) { return child.born_with == one; })) return false;
    return std::ranges::none_of(requesters_, [&](const auto& entry) { return entry.second.current == one; });
  });
}

// The server takes over what does it no harm, so that the children of one requester after another find it done.
void fork_server::adopt_world(const world& of) {
  if (adopted_ == &of) return;
  if (!of.facts.same_directory(facts_)) {
    check_syscall(::fchdir(of.directory->get()), "fchdir to the requester's working directory");
    facts_.directory_device = of.facts.directory_device;
    facts_.directory_inode = of.facts.directory_inode;
  }
  ::umask(of.facts.umask);
  facts_.umask = of.facts.umask;
  environ = const_cast<char**>(of.environment->pointers.data());
  adopted_ = &of;
}

void fork_server::announce(requester_id id, requester& to, pid_t pid, std::uint64_t ticket) {
  unique_fd pidfd(open_pidfd(pid));
  if (!pidfd) {
    disown(pid, errno);
    return;
  }
  reply(id, to, {.kind = reply_kind::spawned, .ticket = ticket, .pid = pid}, {}, std::move(pidfd));
}

// In the forked child, single-threaded, with all signals blocked and the server's descriptors still open.
// No exception leaves it: whoever catches one further up is the server.
TRACTOR_FORK_PATH birth fork_server::become_actor(const requester& from, spawn_message& message) const noexcept try {
  die_with_parent(pid_);
  const auto place = [](int source, int target, int flags) {
    if (::dup3(source, target, flags) < 0) role_failed("dup3 in a new actor", errno);
  };
  place(message.child_stderr.get(), STDERR_FILENO, 0);  // first: what fails from here on can be told
  if (message.child_stdout) place(message.child_stdout.get(), STDOUT_FILENO, 0);
  place(message.link.get(), actor_link_fd, O_CLOEXEC);  // replaces the root's connection

  birth born;
  born.method = start_method::forkserver;
  born.name = message.name;
  born.requester_pid = from.pid;
  born.boot.resize(message.boot.bytes);
  if (!message.boot.read(born.boot)) role_failed("reading the boot data", errno);
  if (message.overrides.bytes != 0) {
    this_program.environment = new environment_block;
    environment_block& own = *this_program.environment;
    own.packed.resize(message.overrides.bytes);
    if (!message.overrides.read(std::as_writable_bytes(std::span(own.packed)))) role_failed("reading the environment", errno);
    own.pointers = apply_overrides(environ, own.packed);
    environ = own.pointers.data();
  }
  if (const char* step = apply_world(from.current->facts, facts_)) role_failed(step, errno);
  close_inherited(message);

  born.link.reset(actor_link_fd);
  born.fork_server = {unique_fd(server_requests_write_fd), from.current};
  const pid_t self = ::getpid();  // each call of it is one of the system
  set_actor_title(born.name, self);
  write_actor_mark(mark_, pid_, self);
  // Not sigprocmask: it lies in two pages of the C library that nothing else here needs.
  const std::uint64_t none = 0;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof(none));
  return born;
} catch (const std::bad_alloc&) {
  role_failed("setting up a new actor", ENOMEM);
}

TRACTOR_FORK_PATH void fork_server::close_inherited(spawn_message& message) const noexcept {
  message.close_below(first_private_fd_);  // where static initialisers left gaps
  if (first_private_fd_ != first_free_fd) ::close(server_requests_read_fd);
  ::close_range(static_cast<unsigned>(first_private_fd_ == first_free_fd ? server_requests_read_fd : first_private_fd_), ~0U, 0);
}

}  // namespace tractor::spawn::detail
