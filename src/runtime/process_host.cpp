// SPDX-License-Identifier: Apache-2.0

#include "process_host.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "spawn/pidfd.hpp"

namespace tractor::detail {

// --- one process ---

child_process::child_process(process_host& host, spawn::child_ends ends, std::string name)
    : host_(host),
      link_(std::make_unique<sc::socket_stream>(std::move(ends.link))),
      stderr_(std::move(ends.stderr_read), host.stderr_),
      name_(std::move(name)) {
  reaper_.self = bound_.self = this;
  reaper_.ready = [](sc::detail::io_source::waiter& told) noexcept { static_cast<reap_waiter&>(told).self->end_told(); };
  bound_.fire = [](sc::detail::timer& due) noexcept { static_cast<bound_timer&>(due).self->out_of_time(); };
  set_pid(-1);
}

child_process::~child_process() {
  TRACTOR_ASSERT(!begun_ || exited_.is_set(), "a child process is given up while it lives");
  pidfd_source_.reader = nullptr;
  pidfd_source_.detach();
  if (bound_.armed()) sc::runner::current()->disarm(bound_);
  std::erase(host_.children_, this);
}

// A forked one may write before this process has heard its pid.
void child_process::set_pid(pid_t pid) {
  pid_ = pid;
  if (!host_.attributes_output_) return;
  std::string who = name_;
  std::ranges::replace_if(who, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, '?');
  stderr_.set_who(pid < 0 ? who + ": " : who + '[' + std::to_string(pid) + "]: ");
}

void child_process::begin() {
  host_.children_.push_back(this);
  sc::runner::current()->add_external_wait();
  begun_ = true;
}

bool child_process::signal(int signo) noexcept {
  if (exited_.is_set()) return true;
  if (signo == SIGKILL && !bound_.armed()) arm_bound(killed_process_bound);
  const unique_fd& pidfd = executed_ ? executed_->pidfd : pidfd_;
  if (pidfd && (spawn::detail::signal_pidfd(pidfd.get(), signo) == 0 || errno != EPERM)) return true;  // ESRCH: dead, and soon told
  if (!executed_ && signo == SIGKILL) {
    host_.kill_by_server(ticket_);  // what does not exist yet; and what this process, but not the server, has lost the right to
    return true;
  }
  if (!pidfd) return true;
  if (!std::exchange(out_of_reach_, true))
    host_.stderr_.say("tractor: actor process %d is of a user whom this process may not signal [EPERM]: its connection is ended instead\n",
                      static_cast<int>(pid_));
  return false;
}

// The server takes its messages in order: the order to kill comes right after the request.
void child_process::abandon(std::string why) {
  if (exited_.is_set()) return;
  signal(SIGKILL);
  failure_ = std::move(why);
  died(spawn::death_certificate::lost(pid_, failure_));
}

void child_process::died(spawn::death_certificate certificate) {
  if (exited_.is_set()) return;
  if (bound_.armed()) sc::runner::current()->disarm(bound_);
  stderr_.drain();
  certificate_ = std::move(certificate);
  spawned_.set();
  exited_.set();
  if (exit_hook_) exit_hook_();
  sc::runner::current()->remove_external_wait();
}

// The fork server is gone, and with it most often this process. One that changed its user or group lives on, because that takes the order
// to die with the parent back; so it is killed, and waited for.
void child_process::lost(spawn::death_certificate certificate) noexcept {
  if (exited_.is_set() || lost_) return;
  if (!pidfd_) return died(std::move(certificate));
  static_cast<void>(spawn::detail::signal_pidfd(pidfd_.get(), SIGKILL));
  lost_ = std::move(certificate);
  try {
    pidfd_source_.attach(pidfd_.get());
    pidfd_source_.reader = &reaper_;
    if (!bound_.armed()) arm_bound(killed_process_bound);
  } catch (const std::exception&) {
    out_of_time();
  }
}

void child_process::end_told() noexcept {
  if (lost_)
    died(std::move(*lost_));
  else if (auto certificate = executed_->try_reap())
    died(std::move(*certificate));
  else
    pidfd_source_.reader = &reaper_;
}

void child_process::arm_bound(sc::duration bound) {
  sc::runner& run = *sc::runner::current();
  bound_.at = run.now() + bound;
  run.arm(bound_);
}

// Waiting longer would hold the nursery, and perhaps for ever. Nothing more can be done than was done.
void child_process::out_of_time() noexcept {
  if (lost_) {
    host_.stderr_.say("tractor: process %d was sent SIGKILL when the fork server was lost, and its end was not seen\n",
                      static_cast<int>(pid_));
    died(std::move(*lost_));
    return;
  }
  if (pid_ < 0) {
    failure_ = "the fork server does not answer; it is busy or stopped, and will kill the process when it goes on";
    failure_errno_ = ETIMEDOUT;
    host_.stderr_.say("tractor: %s\n", failure_.c_str());
    died(spawn::death_certificate::lost(-1, failure_));
    return;
  }
  if (executed_) {
    const char* const why = out_of_reach_ ? "cannot be killed, and is left running" : "was killed, and its end was not seen";
    host_.stderr_.say("tractor: actor process %d %s\n", static_cast<int>(pid_), why);
    died(spawn::death_certificate::lost(pid_, why));
    return;
  }
  host_.stderr_.say("tractor: process %d was sent SIGKILL, and the fork server does not say how it ended\n", static_cast<int>(pid_));
  died(spawn::death_certificate::lost(pid_, "killed, and the fork server does not say how it ended"));
}

// --- all of them ---

process_host::process_host(spawn::fork_server_access access) : server_(std::move(access)) {
  reader_.self = writer_.self = this;
  reader_.ready = [](sc::detail::io_source::waiter& told) noexcept { static_cast<server_waiter&>(told).self->server_ready(false); };
  writer_.ready = [](sc::detail::io_source::waiter& told) noexcept { static_cast<server_waiter&>(told).self->server_ready(true); };
}

process_host::~process_host() {
  TRACTOR_ASSERT(children_.empty(), "an actor ends while processes it started are alive");
  unwatch_server();
}

void process_host::unwatch_server() noexcept {
  if (!server_source_) return;
  server_source_->reader = server_source_->writer = nullptr;
  server_source_.reset();
}

// The client's descriptor changes when it has introduced itself, and when the server is lost; whether something waits for room changes in
// any call. So this follows each of them.
void process_host::watch_server() {
  if (server_source_ && server_source_->fd() != server_.fd()) unwatch_server();
  if (server_.fd() < 0) return;
  if (!server_source_) {
    auto source = std::make_unique<sc::detail::io_source>();
    source->attach(server_.fd());
    server_source_ = std::move(source);
  }
  server_source_->reader = &reader_;
  if (!server_.wants_write()) {
    server_source_->writer = nullptr;
  } else if (server_source_->writer == nullptr) {
    server_source_->set_not_writable();
    server_source_->writer = &writer_;
  }
}

std::unique_ptr<child_process> process_host::start(spawn::start_method method, const spawn::spawn_request& request,
                                                   const std::string& executable) {
  if (children_.size() == children_.capacity()) children_.reserve(std::max<std::size_t>(16, 2 * children_.size()));  // for `begin`
  return method == spawn::start_method::exec ? start_executed(request, executable) : start_forked(request);
}

std::unique_ptr<child_process> process_host::start_executed(const spawn::spawn_request& request, const std::string& executable) {
  spawn::exec_child executed = spawn::exec_spawn(request, {.executable = executable, .fork_server_requests = server_.requests_fd()});
  try {
    auto child = std::make_unique<child_process>(*this, std::move(executed.ends), std::string(request.name));
    child->pidfd_source_.attach(executed.pidfd.get());
    child->pidfd_source_.reader = &child->reaper_;
    child->set_pid(executed.pid);
    child->executed_.emplace(std::move(executed));
    child->spawned_.set();
    child->begin();
    return child;
  } catch (...) {
    executed.abandon();
    throw;
  }
}

std::unique_ptr<child_process> process_host::start_forked(const spawn::spawn_request& request) {
  server_.start();
  watch_server();
  auto asked = server_.request(request);
  try {
    auto child = std::make_unique<child_process>(*this, std::move(asked.ends), std::string(request.name));
    child->ticket_ = asked.ticket;
    watch_server();
    child->begin();
    return child;
  } catch (...) {
    kill_by_server(asked.ticket);
    throw;
  }
}

void process_host::say_refused(const char* why) noexcept {
  if (!std::exchange(refusal_said_, true))
    stderr_.say("tractor: %s; it is executed instead, as from now on every actor that the fork server refuses to make\n", why);
}

void process_host::signal(pid_t pid, int signo) noexcept {
  const auto found = std::ranges::find_if(children_, [&](const child_process* child) { return child->pid() == pid; });
  if (found != children_.end()) (*found)->signal(signo);
}

child_process* process_host::find(spawn::ticket_id ticket) noexcept {
  const auto found = std::find_if(children_.begin(), children_.end(), [&](const child_process* c) { return c->ticket_ == ticket; });
  return found != children_.end() ? *found : nullptr;
}

void process_host::server_ready(bool writable) noexcept {
  std::vector<spawn::fork_server_event> events;
  if (writable) {
    server_.on_writable(events);
  } else {
    server_source_->set_drained();
    server_.on_readable(events);
  }
  follow_server(events);
}

void process_host::kill_by_server(spawn::ticket_id ticket) noexcept {
  server_.kill(ticket);
  std::vector<spawn::fork_server_event> events;
  follow_server(events);
}

void process_host::follow_server(std::vector<spawn::fork_server_event>& events) noexcept {
  try {
    watch_server();
  } catch (const error& failed) {
    unwatch_server();
    server_.abandon(std::string("the fork server cannot be listened to: ") + failed.what(), events);
  }
  for (auto& event : events) handle(event);
}

void process_host::handle(spawn::fork_server_event& event) {
  if (auto* spawned = std::get_if<spawn::spawned_event>(&event)) {
    if (child_process* child = find(spawned->ticket)) {
      child->set_pid(spawned->pid);
      child->pidfd_ = std::move(spawned->pidfd);
      child->spawned_.set();
    }
  } else if (auto* failed = std::get_if<spawn::failed_event>(&event)) {
    if (child_process* child = find(failed->ticket)) {
      child->failure_ = failed->text;
      child->failure_errno_ = failed->errno_value;
      child->died(spawn::death_certificate::lost(-1, failed->text));
    }
  } else if (auto* exited = std::get_if<spawn::exited_event>(&event)) {
    child_process* const child = find(exited->ticket);
    if (child == nullptr) return;
    if (exited->certificate.kind == spawn::death_kind::lost)
      child->lost(std::move(exited->certificate));
    else
      child->died(std::move(exited->certificate));
  }
}

}  // namespace tractor::detail
