// SPDX-License-Identifier: Apache-2.0

#include "fork_server.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "descendants.hpp"
#include "fork_path.hpp"
#include "pidfd.hpp"
#include "program.hpp"
#include "quick_end.hpp"
#include "tractor/base/error.hpp"

namespace tractor::spawn::detail {

namespace {

constexpr std::uint32_t root_requester = 1;
constexpr int root_death_max_ms = 1000;  // from the end of its connection on
constexpr int events_per_wait = 16;

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr std::size_t threads_expected = 2;  // the sanitizer has one of its own, which survives fork
#else
constexpr std::size_t threads_expected = 1;
#endif
#else
constexpr std::size_t threads_expected = 1;
#endif

void check_single_threaded() {
  if (count_own_threads() <= threads_expected) return;
  constexpr std::string_view why = "the fork server has threads that were started before main began; use the start method exec";
  reply_header header{.kind = reply_kind::useless, .error = ENOSYS, .text_bytes = why.size()};
  std::array<iovec, 2> parts{iovec{&header, sizeof(header)}, iovec{const_cast<char*>(why.data()), why.size()}};
  if (send_message(server_root_fd, parts, {}) < 0) role_failed(why.data(), 0);
  ::_exit(role_failed_status);
}

bool is_message_socket(int fd) noexcept {
  int type = 0;
  socklen_t bytes = sizeof(type);
  return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &bytes) == 0 && type == SOCK_SEQPACKET;
}

// Who executed this process: the kernel noted it when the connection was made.
pid_t root_of(int connection) noexcept {
  ucred peer{};
  socklen_t bytes = sizeof(peer);
  if (::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0) role_failed("getsockopt(SO_PEERCRED)", errno);
  return peer.pid;
}

void raise_descriptor_limit(std::uint64_t wanted) noexcept {
  rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
  limit.rlim_cur = std::min<rlim_t>(wanted, limit.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &limit);  // a better limit is welcome, not needed
}

void run_prewarm() {
  if (this_program.prewarm == nullptr) return;
  const int before = highest_descriptor();
  this_program.prewarm();
  if (highest_descriptor() != before) role_failed("the prewarm hook left a descriptor open in the fork server", 0);
  check_single_threaded();
}

}  // namespace

fork_server::fork_server(actor_mark& mark)
    : first_private_fd_(std::max(first_free_fd, highest_descriptor() + 1)),
      pid_(::getpid()),
      root_pid_(root_of(server_root_fd)),
      user_(::getuid()),
      group_(::getgid()),
      mark_(mark) {
  write_actor_mark(mark_, pid_, pid_);
  for (const int fd : {server_root_fd, server_requests_write_fd, server_requests_read_fd})
    if (!is_message_socket(fd) || ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) role_failed("executed as a fork server, but not by tractor", 0);
  sigset_t all, death;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);  // nothing but SIGKILL ends the server before its root: not the terminal's ^C either
  if (::getppid() != root_pid_) ::_exit(0);
  check_single_threaded();
  check_syscall(::prctl(PR_SET_CHILD_SUBREAPER, 1), "prctl(PR_SET_CHILD_SUBREAPER)");
  check_syscall(::chdir("/"), "chdir(/)");  // keeps no file system busy
  raise_descriptor_limit(descriptors_max);
  run_prewarm();
  std::fflush(nullptr);  // what static initialisers wrote must not be written again by every child

  epoll_ = lift(unique_fd(check_syscall(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")));
  ::sigemptyset(&death);
  ::sigaddset(&death, SIGCHLD);
  signals_ = lift(unique_fd(check_syscall(::signalfd(-1, &death, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd")));
  requests_ = unique_fd(server_requests_read_fd);
  watch(signals_.get(), event_key(event_source::signals));
  watch(requests_.get(), event_key(event_source::requests));
  facts_ = capture_world_facts();
  add_requester(unique_fd(server_root_fd), root_pid_, true, nullptr);
}

// Above every descriptor that a child keeps.
unique_fd fork_server::lift(unique_fd fd) const {
  if (fd.get() >= first_private_fd_) return fd;
  return unique_fd(check_syscall(::fcntl(fd.get(), F_DUPFD_CLOEXEC, first_private_fd_), "fcntl(F_DUPFD_CLOEXEC)"));
}

void fork_server::watch(int fd, std::uint64_t what) {
  epoll_event event{.events = EPOLLIN, .data = {.u64 = what}};
  check_syscall(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

void fork_server::add_requester(unique_fd socket, pid_t pid, bool watch_process, const world* current) {
  const requester_id id = ++last_requester_;
  requester added{.socket = std::move(socket), .pid = pid, .pidfd = {}, .current = current, .backlog = {}};
  if (watch_process) {
    added.pidfd = lift(unique_fd(check_syscall(open_pidfd(pid), "pidfd_open of a requester")));
    watch(added.pidfd.get(), event_key(event_source::requester_process, id));
  }
  watch(added.socket.get(), event_key(event_source::requester_socket, id));
  requesters_.emplace(id, std::move(added));
}

TRACTOR_FORK_PATH std::optional<birth> fork_server::serve() {
  for (;;) {
    std::array<epoll_event, events_per_wait> events;
    const int ready =
        retry_eintr([&] { return ::epoll_wait(epoll_.get(), events.data(), events_per_wait, sweep_due_ ? sweep_pause_ms : -1); });
    if (ready < 0) role_failed("epoll_wait in the fork server", errno);
    for (int i = 0; i < ready; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      const auto id = static_cast<requester_id>(event.data.u64);
      switch (static_cast<event_source>(event.data.u64 >> 32)) {
        case event_source::requests: accept_introduction(); break;
        case event_source::signals: reap(); break;
        case event_source::requester_process: end_requester(id); break;
        case event_source::requester_socket:
          if (std::optional<birth> born = serve_requester(id, event.events)) return born;
          break;
      }
    }
    if (sweep_due_ && (ready == 0 || ++sweep_wakeups_ > sweep_wakeups_max)) {
      sweep_wakeups_ = 0;
      sweep_due_ = false;
      if (kill_orphans()) sweep_due_ = true;
      if (!sweep_due_ && std::exchange(sockets_due_, false)) sweep_sockets(ipc::registry_sweep::spared);
    }
  }
}

// An actor that cannot be served finds its connection closed.
void fork_server::accept_introduction() {
  received_message received = receive_message(requests_.get(), buffer_);
  if (received.bytes != static_cast<ssize_t>(sizeof(request_header)) || received.descriptor_count != 1 || !received.sender) return;
  request_header header;
  std::copy_n(buffer_.begin(), sizeof(header), reinterpret_cast<std::byte*>(&header));
  if (header.magic != fork_server_magic || header.kind != request_kind::introduce) return;
  try {
    unique_fd socket = lift(std::move(received.descriptors[0]));
    if (!is_message_socket(socket.get())) return;
    if (server_child* known = children_.find(received.sender->pid)) {
      known->introduced = true;
      add_requester(std::move(socket), received.sender->pid, false, known->born_with);
    } else {
      add_requester(std::move(socket), received.sender->pid, true, nullptr);
    }
  } catch (const std::exception&) {
    return;
  }
}

TRACTOR_FORK_PATH std::optional<birth> fork_server::serve_requester(requester_id id, std::uint32_t events) {
  const auto found = requesters_.find(id);
  if (found == requesters_.end()) return std::nullopt;  // ended by an event of the same round
  requester& from = found->second;
  if ((events & EPOLLHUP) != 0) {
    end_requester(id);
    return std::nullopt;
  }
  if ((events & EPOLLOUT) != 0) flush_backlog(id, from);
  if ((events & EPOLLIN) == 0 || !from.backlog.empty()) return std::nullopt;

  received_message received = receive_message(from.socket.get(), buffer_);
  if (received.bytes < 0 && (errno == EAGAIN || errno == ECONNRESET)) return std::nullopt;
  if (received.bytes < static_cast<ssize_t>(sizeof(request_header))) {
    end_requester(id);
    return std::nullopt;
  }
  request_header header;
  std::copy_n(buffer_.begin(), sizeof(header), reinterpret_cast<std::byte*>(&header));
  if (header.magic != fork_server_magic) {
    end_requester(id);
  } else if (header.kind == request_kind::kill) {
    kill_child_of(id, header.ticket);
  } else if (header.kind == request_kind::spawn) {
    return spawn_child(id, from, received);
  }
  return std::nullopt;
}

// Kills what the requester asked for, and what that asked for in turn: the children of a killed child need not wait for its end.
void fork_server::end_requester(requester_id first) {
  if (first == root_requester) end_tree();
  std::vector<requester_id> ending{first};
  while (!ending.empty()) {
    const requester_id id = ending.back();
    ending.pop_back();
    const auto found = requesters_.find(id);
    if (found == requesters_.end()) continue;
    // A just forked child may still hold the socket, and a descriptor that is merely closed would then stay in the epoll set.
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second.socket.get(), nullptr);
    if (found->second.pidfd) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second.pidfd.get(), nullptr);
    requesters_.erase(found);
    for (std::size_t i = 0; i < children_.pids().size(); ++i) {
      const pid_t pid = children_.pids()[i];
      if (children_.children()[i].requested_by != id) continue;
      ::kill(pid, SIGKILL);
      if (!children_.children()[i].introduced) continue;
      for (const auto& [other, requester] : requesters_)
        if (requester.pid == pid) ending.push_back(other);
    }
  }
}

void fork_server::kill_child_of(requester_id id, std::uint64_t ticket) {
  for (std::size_t i = 0; i < children_.pids().size(); ++i) {
    const server_child& child = children_.children()[i];
    if (child.requested_by == id && child.ticket == ticket) ::kill(children_.pids()[i], SIGKILL);
  }
}

void fork_server::reap() {
  signalfd_siginfo drained;  // one is enough: SIGCHLD does not queue
  static_cast<void>(retry_eintr([&] { return ::read(signals_.get(), &drained, sizeof(drained)); }));
  while ((!children_.empty() || !killed_orphans_.empty()) && bury_one()) {
  }
}

// False when nobody else has ended.
bool fork_server::bury_one() {
  int wait_status = 0;
  rusage usage;
  const pid_t pid = retry_eintr([&] { return ::wait4(-1, &wait_status, WNOHANG, &usage); });
  if (pid <= 0) return false;
  bury(pid, wait_status, resource_usage::from_rusage(usage));
  return true;
}

void fork_server::bury(pid_t pid, int wait_status, const resource_usage& usage) {
  sweep_due_ = true;                          // whatever the process had started belongs to this one now
  if (wait_status != 0) sockets_due_ = true;  // and it may have left a socket file
  const server_child* found = children_.find(pid);
  if (found == nullptr) return;  // an orphan
  const server_child dead = *found;
  children_.remove(pid);
  if (const auto to = requesters_.find(dead.requested_by); to != requesters_.end()) {
    if (dead.abandoned != 0)
      reply_failed(to->first, to->second, dead.ticket, dead.abandoned, step_failed(handing_over, dead.abandoned));
    else
      reply(to->first, to->second,
            {.kind = reply_kind::exited, .ticket = dead.ticket, .pid = pid, .wait_status = wait_status, .usage = usage}, {}, {});
  }
  if (!dead.introduced) return;
  std::vector<requester_id> ended;
  for (const auto& [id, requester] : requesters_)
    if (requester.pid == pid) ended.push_back(id);
  for (const requester_id id : ended) end_requester(id);
}

// True when some were killed: their own children are ours as soon as they are dead, perhaps before that is told. One that was killed
// before and takes its time is not counted; its death will be told.
bool fork_server::kill_orphans() {
  while (bury_one()) {  // orphans that ended while no child was left to wait for
  }
  std::vector<pid_t> killed;
  bool found = false;
  for (const pid_t pid : list_children()) {
    if (children_.find(pid) != nullptr || may_live(pid) || ::kill(pid, SIGKILL) != 0) continue;
    if (std::ranges::find(killed_orphans_, pid) == killed_orphans_.end()) found = true;
    killed.push_back(pid);
  }
  killed_orphans_ = std::move(killed);
  return found;
}

// Whether an actor lives that started this process, or that may have. The mark says which; without one (a program that was given another
// environment) it may be any that was there before. An actor that is younger than the process has the pid of one that is gone.
bool fork_server::may_live(pid_t orphan) {
  const std::uint64_t born = start_time(orphan);
  const auto was_there = [&](pid_t actor) { return start_time(actor) <= born; };
  if (const std::optional<pid_t> actor = marked_actor(orphan, pid_)) return children_.find(*actor) != nullptr && was_there(*actor);
  return std::ranges::any_of(children_.pids(), was_there);
}

// Of actors that had no time to remove them, and, at the end of the tree, of its root, which may not have been waited for.
void fork_server::sweep_sockets(ipc::registry_sweep registry) noexcept {
  try {
    std::vector<pid_t> dead;
    if (registry == ipc::registry_sweep::swept) {
      dead.push_back(root_pid_);
      // One that ends in good order has removed its own before, and waits for this process. Of one that was killed, the connection may end
      // some time before the listeners do.
      if (const unique_fd root{open_pidfd(root_pid_)}; root && ipc::has_socket_file(socket_dir_, root_pid_)) {
        pollfd death{.fd = root.get(), .events = POLLIN, .revents = 0};
        ::poll(&death, 1, root_death_max_ms);
      }
    }
    ipc::sweep_sockets_of_dead(socket_dir_, registry, dead);
  } catch (const std::bad_alloc&) {
    // They stay.
  }
}

void fork_server::end_tree() {
  for (;;) {
    for (const pid_t pid : children_.pids()) ::kill(pid, SIGKILL);
    children_.clear();  // from here on all children are alike, and the kernel has the list
    for (const pid_t pid : list_children()) ::kill(pid, SIGKILL);
    pid_t reaped;
    do {
      reaped = retry_eintr([] { return ::waitpid(-1, nullptr, WNOHANG); });
    } while (reaped > 0);
    if (reaped < 0) {  // ECHILD: nothing is left
      sweep_sockets(ipc::registry_sweep::swept);
      std::exit(0);
    }
    pollfd deaths{.fd = signals_.get(), .events = POLLIN, .revents = 0};
    ::poll(&deaths, 1, sweep_pause_ms);  // not longer: the list may have missed one while another ended
    signalfd_siginfo drained;
    static_cast<void>(retry_eintr([&] { return ::read(signals_.get(), &drained, sizeof(drained)); }));
  }
}

TRACTOR_FORK_PATH void run_fork_server() noexcept {
  // In this frame, because a forked actor writes to its page anyhow.
  actor_mark mark;
  try {
    this_program.server = new fork_server(mark);
    end_quickly_at_exit();
  } catch (const std::exception& failed) {
    role_failed(failed.what(), 0);
  }
  std::optional<birth> born = this_program.server->serve();
  std::exit(this_program.entry(std::move(*born)));
}

}  // namespace tractor::spawn::detail
