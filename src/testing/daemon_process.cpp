// SPDX-License-Identifier: Apache-2.0

#include "tractor/testing/daemon_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <utility>

#include "processes.hpp"
#include "tractor/base/error.hpp"
#include "tractor/base/fd.hpp"
#include "tractor/ipc/runtime_directory.hpp"
#include "tractor/ipc/socket_file.hpp"
#include "tractor/runtime/root.hpp"
#include "tractor/sc/cancel_scope.hpp"
#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/run.hpp"
#include "tractor/testing/check_failed.hpp"

namespace tractor::testing {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t shown_output_bytes_max = 4000;  // of what a daemon wrote that did not become ready: the end

std::string make_daemon_directory() {
  const char* const set = std::getenv("TMPDIR");
  std::string path = std::string(set != nullptr && *set == '/' ? set : "/tmp") + "/tractor-daemon-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) throw os_error("mkdtemp(" + path + ")", errno);
  return path;
}

std::string_view name_of_variable(std::string_view variable) { return variable.substr(0, variable.find('=')); }

// This process's environment with those in place of the ones that have their names.
std::vector<std::string> environment_with(const std::vector<std::string>& changes) {
  std::vector<std::string> all;
  for (char** at = ::environ; *at != nullptr; ++at)
    if (std::ranges::find(changes, name_of_variable(*at), name_of_variable) == changes.end()) all.emplace_back(*at);
  all.insert(all.end(), changes.begin(), changes.end());
  return all;
}

std::string end_of(const std::string& text) {
  return text.size() <= shown_output_bytes_max ? text : "…" + text.substr(text.size() - shown_output_bytes_max);
}

}  // namespace

struct daemon_process::state {
  explicit state(daemon_options given)
      : options(std::move(given)), directory(make_daemon_directory()), socket_directory(ipc::runtime_directory_path()) {
    if (options.ready_file.empty()) options.ready_file = directory + "/ready";
  }
  state(const state&) = delete;
  state& operator=(const state&) = delete;
  ~state() {
    const bool killed = child && !child->poll();
    child.reset();  // a process that lives would make files in it
    if (killed) remove_sockets();
    std::error_code ignored;
    fs::remove_all(directory, ignored);
  }

  // Those of a root that was killed.
  void remove_sockets() const noexcept { ipc::sweep_sockets_of_dead(socket_directory, ipc::registry_sweep::swept); }

  [[nodiscard]] std::string output_file() const { return directory + "/stdout"; }
  [[nodiscard]] std::string error_file() const { return directory + "/stderr"; }
  [[noreturn]] void fail(const std::string& what, std::source_location where) const {
    const std::string said = detail::file_contents(error_file());
    throw check_failed("the daemon " + options.arguments.front() + " (pid " + std::to_string(child->pid()) + ") " + what +
                           (said.empty() ? "; it wrote nothing to stderr" : "; its stderr:\n" + end_of(said)),
                       where);
  }

  daemon_options options;
  const std::string directory;
  const std::string socket_directory;
  std::optional<sc::child_process> child;
};

daemon_options daemon_of_modules(std::string name, std::vector<std::string> modules) {
  std::string variable = std::string(daemon_variable) + '=' + name;
  for (const auto& module : modules) variable += '\n' + module;
  return {.arguments = {fs::read_symlink("/proc/self/exe").string()}, .environment = {std::move(variable)}};
}

daemon_process::daemon_process(daemon_options options) : state_(std::make_unique<state>(std::move(options))) {
  const daemon_options& wanted = state_->options;
  std::vector<std::string> changes = wanted.environment;
  changes.push_back(std::string(ready_file_variable) + '=' + wanted.ready_file);
  // What an earlier one made says nothing of this one.
  if (::unlink(wanted.ready_file.c_str()) != 0 && errno != ENOENT) throw os_error("unlink(" + wanted.ready_file + ")", errno);
  state_->child.emplace(sc::process_options{.arguments = wanted.arguments,
                                            .environment = environment_with(changes),
                                            .working_directory = wanted.working_directory,
                                            .output = sc::stdio::file,
                                            .error = sc::stdio::file,
                                            .output_file = state_->output_file(),
                                            .error_file = state_->error_file()});
}

daemon_process::~daemon_process() = default;

sc::task<> daemon_process::ready(std::source_location where) {
  sc::child_process& child = *state_->child;
  bool is_ready = false;
  static_cast<void>(co_await sc::move_on_after(state_->options.ready_bound, [&]() -> sc::task<> {
    while (!child.poll() && !is_ready) {
      is_ready = ::access(state_->options.ready_file.c_str(), F_OK) == 0;
      if (!is_ready) co_await sc::sleep(daemon_ready_pause);
    }
  }));
  if (const auto& ended = child.poll()) state_->fail(sc::to_string(*ended) + (is_ready ? "" : " before it was ready"), where);
  if (!is_ready)
    state_->fail(
        "was not ready within " + std::to_string(state_->options.ready_bound.count()) + " ms: there is no " + state_->options.ready_file,
        where);
}

void daemon_process::ready_sync(std::source_location where) {
  sc::run([&] { return ready(where); });
}

sc::task<sc::process_status> daemon_process::stop() {
  sc::child_process& child = *state_->child;
  co_await sc::shielded([&]() -> sc::task<> {
    const auto wait = [&]() -> sc::task<> { static_cast<void>(co_await child.wait()); };
    for (int sent = 0; sent < daemon_interrupts_max && !child.poll(); ++sent) {
      child.kill(SIGINT);
      static_cast<void>(co_await sc::move_on_after(state_->options.stop_pause, wait));
    }
    if (!child.poll()) child.kill(SIGKILL);
    co_await wait();
    if (child.poll()->signal == SIGKILL) state_->remove_sockets();
  });
  co_return *child.poll();
}

sc::process_status daemon_process::stop_sync() {
  return sc::run([&] { return stop(); });
}

pid_t daemon_process::pid() const noexcept { return state_->child->pid(); }
std::string daemon_process::output() const { return detail::file_contents(state_->output_file()); }
std::string daemon_process::error_output() const { return detail::file_contents(state_->error_file()); }

void tell_ready() {
  const char* const path = std::getenv(ready_file_variable);
  if (path == nullptr || *path == '\0') return;
  const unique_fd file(::open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!file) throw os_error("open(" + std::string(path) + ")", errno);
}

std::optional<int> detail::run_as_daemon() {
  const char* const set = std::getenv(daemon_variable);
  if (set == nullptr) return std::nullopt;
  root_options options;
  std::string_view rest = set;
  const auto next = [&] {
    const auto end = std::min(rest.find('\n'), rest.size());
    std::string word(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return word;
  };
  options.name = next();
  while (!rest.empty()) options.enable_modules.push_back(next());
  ::unsetenv(daemon_variable);  // who is started from here is none
  const auto serve = []() -> sc::task<> {
    tell_ready();
    co_await sc::sleep_forever();
  };
  return tractor::detail::run_main([&]() -> sc::task<int> {
    co_await open_root_actor(serve, std::move(options));
    co_return 0;
  });
}

}  // namespace tractor::testing
