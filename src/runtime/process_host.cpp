// SPDX-License-Identifier: Apache-2.0

#include "process_host.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <variant>

#include "spawn/pidfd.hpp"

namespace tractor::detail {

// --- stderr ---

stderr_relay::stderr_relay(unique_fd pipe) : pipe_(std::move(pipe)) {
  waiter_.self = this;
  waiter_.ready = [](sc::detail::io_source::waiter& told) noexcept { static_cast<waiter&>(told).self->drain(); };
  if (!pipe_) return;
  source_.attach(pipe_.get());
  source_.reader = &waiter_;
}

stderr_relay::~stderr_relay() { finish(); }

void stderr_relay::drain() noexcept {
  if (!pipe_) return;
  char buffer[4096];
  // Bounded, so that one who writes without a pause does not keep this actor from everything else. More than a full pipe, so that
  // all is read of one who writes no more.
  for (int i = 0; i < stderr_reads_max; ++i) {
    const auto count = retry_eintr([&] { return ::read(pipe_.get(), buffer, sizeof buffer); });
    if (count > 0) {
      take({buffer, static_cast<std::size_t>(count)});
      continue;
    }
    if (count < 0 && errno == EAGAIN) {
      source_.set_drained();
      source_.reader = &waiter_;
      return;
    }
    // The last writer is gone.
    close();
    return;
  }
  try {
    source_.detach();
    source_.attach(pipe_.get());  // tells of what is there already
    source_.reader = &waiter_;
  } catch (const error&) {
    close();
  }
}

void stderr_relay::close() noexcept {
  source_.reader = nullptr;
  source_.detach();
  pipe_.reset();
}

void stderr_relay::take(std::string_view text) {
  tail_.append(text);
  if (tail_.size() > 2 * stderr_tail_bytes) tail_.erase(0, tail_.size() - stderr_tail_bytes);
  line_.append(text);
  auto end = line_.rfind('\n');
  if (end == std::string::npos) {
    if (line_.size() < stderr_line_bytes_max) return;
    end = line_.size() - 1;
  }
  // Whole lines in one write, so that those of several children do not mix.
  static_cast<void>(!::write(STDERR_FILENO, line_.data(), end + 1));
  line_.erase(0, end + 1);
}

void stderr_relay::finish() noexcept {
  drain();
  close();
  if (line_.empty()) return;
  line_ += '\n';
  static_cast<void>(!::write(STDERR_FILENO, line_.data(), line_.size()));
  line_.clear();
}

std::string stderr_relay::tail() const { return tail_.size() > stderr_tail_bytes ? tail_.substr(tail_.size() - stderr_tail_bytes) : tail_; }

// --- one process ---

child_process::child_process(process_host& host, spawn::child_ends ends)
    : host_(host), link_(std::make_unique<sc::socket_stream>(std::move(ends.link))), stderr_(std::move(ends.stderr_read)) {
  reaper_.self = this;
  reaper_.ready = [](sc::detail::io_source::waiter& told) noexcept { static_cast<reap_waiter&>(told).self->try_reap(); };
  host_.children_.push_back(this);
  sc::runner::current()->add_external_wait();
}

child_process::~child_process() {
  TRACTOR_ASSERT(exited_.is_set(), "a child process is given up while it lives");
  pidfd_source_.reader = nullptr;
  pidfd_source_.detach();
  std::erase(host_.children_, this);
}

void child_process::signal(int signo) noexcept {
  if (exited_.is_set()) return;
  if (executed_) {
    executed_->signal(signo);
  } else if (pidfd_) {
    static_cast<void>(spawn::detail::signal_pidfd(pidfd_.get(), signo));  // ESRCH: it is dead, the certificate is on its way
  } else if (signo == SIGKILL) {
    host_.server_.kill(ticket_);
  }
}

void child_process::died(spawn::death_certificate certificate) {
  if (exited_.is_set()) return;
  stderr_.drain();
  certificate_ = std::move(certificate);
  spawned_.set();
  exited_.set();
  sc::runner::current()->remove_external_wait();
}

void child_process::try_reap() noexcept {
  if (auto certificate = executed_->try_reap())
    died(std::move(*certificate));
  else
    pidfd_source_.reader = &reaper_;
}

// --- all of them ---

process_host::process_host(spawn::fork_server_access access) : server_(std::move(access)) {
  reader_.self = writer_.self = this;
  reader_.ready = [](sc::detail::io_source::waiter& told) noexcept { static_cast<server_waiter&>(told).self->read_server(); };
  writer_.ready = [](sc::detail::io_source::waiter& told) noexcept {
    process_host& self = *static_cast<server_waiter&>(told).self;
    self.server_.on_writable();
    if (self.server_.wants_write()) {
      self.server_source_->set_not_writable();
      self.server_source_->writer = &self.writer_;
    }
  };
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

void process_host::watch_server() {
  if (server_source_ && server_source_->attached() && server_source_->fd() == server_.fd()) return;
  unwatch_server();
  server_source_ = std::make_unique<sc::detail::io_source>();
  server_source_->attach(server_.fd());
  server_source_->reader = &reader_;
}

std::unique_ptr<child_process> process_host::start(spawn::start_method method, const spawn::spawn_request& request,
                                                   const std::string& executable) {
  if (method == spawn::start_method::exec) {
    spawn::exec_child executed = spawn::exec_spawn(request, {.executable = executable, .fork_server_requests = server_.requests_fd()});
    auto child = std::make_unique<child_process>(*this, std::move(executed.ends));
    child->pid_ = executed.pid;
    child->executed_.emplace(std::move(executed));
    child->pidfd_source_.attach(child->executed_->pidfd.get());
    child->pidfd_source_.reader = &child->reaper_;
    child->spawned_.set();
    return child;
  }
  auto asked = server_.request(request);
  auto child = std::make_unique<child_process>(*this, std::move(asked.ends));
  child->ticket_ = asked.ticket;
  watch_server();
  if (server_.wants_write() && server_source_->writer == nullptr) {
    server_source_->set_not_writable();
    server_source_->writer = &writer_;
  }
  return child;
}

child_process* process_host::find(spawn::ticket_id ticket) noexcept {
  const auto found = std::find_if(children_.begin(), children_.end(), [&](const child_process* c) { return c->ticket_ == ticket; });
  return found != children_.end() ? *found : nullptr;
}

void process_host::read_server() noexcept {
  std::vector<spawn::fork_server_event> events;
  server_.on_readable(events);
  server_source_->set_drained();
  server_source_->reader = &reader_;
  for (auto& event : events) handle(event);
  if (server_.fd() == server_source_->fd()) return;
  // The server is lost. The source is let go of only when a new server is watched: the reactor is looking at it now.
  server_source_->reader = server_source_->writer = nullptr;
  server_source_->detach();
}

void process_host::handle(spawn::fork_server_event& event) {
  if (auto* spawned = std::get_if<spawn::spawned_event>(&event)) {
    if (child_process* child = find(spawned->ticket)) {
      child->pid_ = spawned->pid;
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
    if (child_process* child = find(exited->ticket)) child->died(std::move(exited->certificate));
  }
}

}  // namespace tractor::detail
