// SPDX-License-Identifier: Apache-2.0
#include "victim.hpp"

#include "endpoints.hpp"
#include "launch.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace bench {

namespace sc = tractor::sc;

namespace {

constexpr int report_fd = 3;
constexpr int boot_bound_ms = 10'000;
constexpr const char* victim_option = "--victim";

[[noreturn]] void fail(const std::string& what) { throw std::system_error(errno, std::generic_category(), what); }

// The children of a process, by pid; a fork server is the one that is no actor.
std::vector<pid_t> children_of(pid_t pid) {
  std::ifstream list("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children");
  std::vector<pid_t> children;
  for (pid_t child = 0; list >> child;) children.push_back(child);
  return children;
}

std::string read_report(int fd) {
  std::string text;
  for (;;) {
    pollfd wait{fd, POLLIN, 0};
    if (::poll(&wait, 1, boot_bound_ms) <= 0) throw std::runtime_error("a tree did not come to stand");
    char buffer[256];
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got <= 0) throw std::runtime_error("a tree ended before it stood");
    text.append(buffer, static_cast<std::size_t>(got));
    if (text.ends_with('\n')) return text;
  }
}

}  // namespace

bool is_victim(int argc, char** argv) { return argc == 3 && std::strcmp(argv[1], victim_option) == 0; }

int victim_main(char** argv) {
  const std::string method = argv[2];
  in_root([&](tractor::actor_nursery& an) -> sc::task<> {
    tractor::actor_options options = worker_options(method);
    options.on_death = tractor::death_policy::ignore;
    const tractor::portal intermediate = co_await an.start_actor("intermediate", std::move(options));
    try {
      co_await intermediate.open_context<&hold_leaves>({method}, [](auto&, const std::vector<int>& pids) -> sc::task<> {
        std::string text;
        for (const int pid : pids) text += std::to_string(pid) + ' ';
        text.back() = '\n';
        if (::write(report_fd, text.data(), text.size()) < 0) fail("write");
        co_await sc::sleep_forever();
      });
    } catch (const tractor::error&) {
      // It was killed; this process is the next.
    }
    co_await sc::sleep_forever();
  });
  return EXIT_SUCCESS;
}

// --- watching ---

watched_process::watched_process(pid_t pid) : pid_(pid), pidfd_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {
  if (pidfd_ < 0) fail("pidfd_open of process " + std::to_string(pid));
}

watched_process::watched_process(watched_process&& other) noexcept : pid_(other.pid_), pidfd_(std::exchange(other.pidfd_, -1)) {}

watched_process::~watched_process() {
  if (pidfd_ >= 0) ::close(pidfd_);
}

void watched_process::kill() const { ::syscall(SYS_pidfd_send_signal, pidfd_, SIGKILL, nullptr, 0); }

void watched_process::await_end(int bound_ms) const {
  pollfd wait{pidfd_, POLLIN, 0};
  const int ready = ::poll(&wait, 1, bound_ms);
  if (ready < 0) fail("poll");
  if (ready == 0)
    throw std::runtime_error("process " + std::to_string(pid_) + " lives on " + std::to_string(bound_ms) + " ms after the kill");
}

// --- the tree ---

victim_tree::victim_tree(const std::string& method) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail("pipe2");
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], report_fd);
  std::string name = "victim", option = victim_option, how = method;
  char* arguments[] = {name.data(), option.data(), how.data(), nullptr};
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, own_executable().c_str(), &actions, nullptr, arguments, environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (error == 0) root.emplace_back(pid);
  try {
    if (error != 0) throw std::system_error(error, std::generic_category(), "posix_spawn");
    std::istringstream report(read_report(ends[0]));
    for (pid_t member = 0; report >> member;) (intermediate.empty() ? intermediate : leaves).emplace_back(member);
    for (const pid_t child : children_of(pid))
      if (child != intermediate.at(0).pid()) fork_server.emplace_back(child);
  } catch (...) {
    ::close(ends[0]);
    if (!root.empty()) {
      root[0].kill();
      ::waitpid(pid, nullptr, 0);
    }
    throw;
  }
  ::close(ends[0]);
}

victim_tree::~victim_tree() {
  for (const auto* members : {&root, &fork_server, &intermediate, &leaves})
    for (const watched_process& member : *members) member.kill();
  ::waitpid(root[0].pid(), nullptr, 0);
}

}  // namespace bench
