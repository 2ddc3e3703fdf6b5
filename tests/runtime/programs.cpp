// SPDX-License-Identifier: Apache-2.0

#include "programs.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>

#include "endpoints.hpp"
#include "find_actor_endpoints.hpp"
#include "spawn/pidfd.hpp"
#include "tractor/sc/exception_group.hpp"
#include "tractor/sc/pipe_stream.hpp"
#include "tractor/spawn/death_certificate.hpp"

namespace runtime_test {

std::vector<pid_t> children_of(pid_t pid) {
  const std::string at = "/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children";
  std::ifstream file(at);
  std::vector<pid_t> found;
  for (pid_t child = 0; file >> child;) found.push_back(child);
  return found;
}

namespace {

namespace sc = tractor::sc;
using tractor::actor_nursery;
using tractor::spawn::start_method;

constexpr const char* program_argument = "--run-as-program";
constexpr std::string_view serving = "serving:", daemon = "daemon:";
constexpr auto end_bound = std::chrono::seconds(20);

// --- the trees ---

void say(const std::vector<int>& pids) {
  for (const int pid : pids) std::printf("%d\n", pid);
  std::fflush(stdout);
}

void say_ready() {
  std::puts("ready");
  std::fflush(stdout);
}

// Until the test closes our stdin.
sc::task<> until_released() {
  sc::pipe_stream input(tractor::unique_fd(::dup(STDIN_FILENO)), sc::pipe_direction::receives);
  std::array<std::byte, 1> byte;
  while (co_await input.receive_some(byte) != 0) {
  }
}

// Root, an actor, and one below it that holds another.
sc::task<> chain_tree(start_method method, bool busy) {
  co_await tractor::open_nursery([=](actor_nursery& an) -> sc::task<> {
    auto middle = co_await an.start_actor("middle", {.enable_modules = {"kit"}, .start_method = method});
    say({static_cast<int>(*middle.pid())});
    const auto hold = [](auto&, const std::vector<int>& pids) -> sc::task<> {
      say({pids.back()});
      say_ready();
      co_await until_released();
    };
    const auto cancel_after = [&](auto& ctx, const std::vector<int>& pids) -> sc::task<> {
      co_await hold(ctx, pids);
      co_await ctx.cancel();
    };
    if (busy)
      co_await middle.open_context<&kit::block_below>({"busy", true}, cancel_after);
    else
      co_await middle.open_context<&kit::hold_below>({}, cancel_after);
    co_await an.cancel();
  });
}

// Three idle actors.
sc::task<> idle_tree(start_method method) {
  co_await tractor::open_nursery([=](actor_nursery& an) -> sc::task<> {
    for (int i = 0; i < 3; ++i) {
      auto portal = co_await an.start_actor("idle", {.enable_modules = {"kit"}, .start_method = method});
      say({static_cast<int>(*portal.pid())});
    }
    say_ready();
    co_await until_released();
    co_await an.cancel();
  });
}

// The same with nobody in the nursery's body.
sc::task<> joining_tree(start_method method) {
  co_await tractor::open_nursery([=](actor_nursery& an) -> sc::task<> {
    auto portal = co_await an.start_actor("idle", {.enable_modules = {"kit"}, .start_method = method});
    say({static_cast<int>(*portal.pid())});
    say_ready();
  });
}

// Three run-once actors, in the nursery of a task beside the root's own.
sc::task<> background_tree(start_method method) {
  const auto background = [=](actor_nursery& an) -> sc::task<> {
    for (int i = 0; i < 3; ++i) {
      auto portal = co_await an.run_in_actor<&kit::forever>({.name = "sleeper", .actor = {.start_method = method}});
      say({static_cast<int>(*portal.pid())});
    }
    say_ready();
    co_await until_released();
    co_await an.cancel();
  };
  co_await tractor::open_root_actor([=]() -> sc::task<> {
    co_await sc::open_nursery([=](sc::nursery& n) -> sc::task<> {
      n.start_soon([=] { return tractor::open_nursery(background); });
      co_return;
    });
  });
}

// Sleeps out of reach of every cancel.
sc::task<> sleep_shielded(tractor::context<>& ctx) {
  co_await ctx.started();
  co_await sc::shielded([]() -> sc::task<> { co_await sc::sleep_forever(); });
}
TRACTOR_MODULE(program_trees) { mod.def<&sleep_shielded>("sleep_shielded"); }

// An actor that does that, and still looks at its signals.
sc::task<> shielded_tree(start_method method) {
  co_await tractor::open_nursery([=](actor_nursery& an) -> sc::task<> {
    auto sleeper = co_await an.start_actor("sleeper", {.enable_modules = {"program_trees"}, .start_method = method});
    say({static_cast<int>(*sleeper.pid())});
    co_await sleeper.open_context<&sleep_shielded>({}, [](auto&) -> sc::task<> {
      say_ready();
      co_await sc::sleep_forever();
    });
  });
}

// A root whose cleanup takes until it is released.
sc::task<> lingering_tree(start_method method) {
  co_await tractor::open_nursery([=](actor_nursery& an) -> sc::task<> {
    auto idle = co_await an.start_actor("idle", {.start_method = method});
    say({static_cast<int>(*idle.pid())});
    say_ready();
    co_await sc::shielded(until_released);
  });
}

// An actor that never says who it is, known by the process that appears below this one.
sc::task<> booting_tree() {
  co_await tractor::open_nursery([](actor_nursery& an) -> sc::task<> {
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> {
        co_await an.start_actor("booting", {.start_method = start_method::exec, .environment = {{silent_actor_variable, "1"}}});
      });
      std::vector<pid_t> children;
      while ((children = children_of(::getpid())).empty()) co_await sc::checkpoint();
      say(children);
      say_ready();
    });
  });
}

// What an actor prints, on both its streams.
sc::task<> printing_tree(start_method method) {
  co_await tractor::open_nursery([=](actor_nursery& an) -> sc::task<> {
    std::vector<tractor::portal> portals;
    for (int i = 0; i < 3; ++i)
      portals.push_back(co_await an.start_actor("printer" + std::to_string(i), {.enable_modules = {"kit"}, .start_method = method}));
    say_ready();
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      for (std::size_t i = 0; i < portals.size(); ++i)
        n.start_soon([&, i]() -> sc::task<> {
          for (int line = 0; line < 20; ++line) {
            const std::string text(40, static_cast<char>('a' + i));
            co_await portals[i].run<&kit::print>(text, true);
            co_await portals[i].run<&kit::print>(text + "\n", true);
          }
          co_await portals[i].run<&kit::print>("unfinished", true);
        });
      co_return;
    });
    co_await an.cancel();
  });
}

// A root called `name` and an actor NAME.worker, for others to find.
sc::task<> serving_tree(std::string name, start_method method) {
  const auto serve = [=](actor_nursery& an) -> sc::task<> {
    auto worker = co_await an.start_actor(name + ".worker", {.enable_modules = {"find_actor_test"}, .start_method = method});
    // Other programs find it once it has answered.
    say({co_await worker.run<&find_actor_test::own_pid>()});
    say_ready();
    co_await until_released();
    co_await an.cancel();
  };
  co_await tractor::open_nursery(serve, tractor::root_options{.name = name, .enable_modules = {"find_actor_test"}});
}

// A root that is nothing else. It is up when it is found.
sc::task<> daemon_tree(std::string name) {
  say_ready();
  return tractor::run_daemon({.name = std::move(name), .enable_modules = {"find_actor_test"}});
}

}  // namespace

std::optional<int> run_as_program(int argc, char** argv) {
  if (argc != 4 || std::string_view(argv[1]) != program_argument) return std::nullopt;
  const std::string_view name = argv[2];
  const start_method method = tractor::spawn::parse_start_method(argv[3]);
  return tractor::run(argc, argv, [=]() -> sc::task<> {
    if (name == "chain") return chain_tree(method, false);
    if (name == "busy") return chain_tree(method, true);
    if (name == "idle") return idle_tree(method);
    if (name == "background") return background_tree(method);
    if (name == "joining") return joining_tree(method);
    if (name == "booting") return booting_tree();
    if (name == "printing") return printing_tree(method);
    if (name.starts_with(daemon)) return daemon_tree(std::string(name.substr(daemon.size())));
    if (name == "shielded") return shielded_tree(method);
    if (name == "lingering") return lingering_tree(method);
    if (name.starts_with(serving)) return serving_tree(std::string(name.substr(serving.size())), method);
    throw tractor::usage_error("no tree is called " + std::string(name));
  });
}

// --- the test's side ---

namespace {

bool readable_within_bound(int fd) {
  pollfd wanted{.fd = fd, .events = POLLIN, .revents = 0};
  const auto bound = std::chrono::duration_cast<std::chrono::milliseconds>(end_bound).count();
  return tractor::retry_eintr([&] { return ::poll(&wanted, 1, static_cast<int>(bound)); }) == 1;
}

// A line without its end; nothing at the end of the file.
std::optional<std::string> read_line(int fd) {
  std::string line;
  char c = 0;
  while (readable_within_bound(fd) && tractor::retry_eintr([&] { return ::read(fd, &c, 1); }) == 1) {
    if (c == '\n') return line;
    line += c;
  }
  return std::nullopt;
}

}  // namespace

watched_process::watched_process(pid_t pid) : pid_(pid), pidfd_(tractor::spawn::detail::open_pidfd(pid)) {
  EXPECT_TRUE(pidfd_) << "process " << pid << " is gone already";
}

bool watched_process::ends_within(int bound_ms) const {
  pollfd wanted{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
  return ::poll(&wanted, 1, bound_ms) == 1;
}

void watched_process::stop() const {
  signal(SIGSTOP);
  for (;;) {
    std::ifstream file("/proc/" + std::to_string(pid_) + "/stat");
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    const auto state = text.rfind(") ");  // behind its name
    if (state == std::string::npos || text.at(state + 2) == 'T') return;
    ::poll(nullptr, 0, 1);
  }
}
bool watched_process::gone() const { return ends_within(0); }

bool watched_process::ends() const { return readable_within_bound(pidfd_.get()); }
void watched_process::signal(int number) const { EXPECT_EQ(0, tractor::spawn::detail::signal_pidfd(pidfd_.get(), number)); }

bool watched_process::comes_to_catch(int number, bool wanted) const {
  const auto bound = std::chrono::duration_cast<std::chrono::milliseconds>(end_bound).count();
  for (int waited_ms = 0; waited_ms < bound; ++waited_ms) {
    std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
    std::string word;
    while (status >> word && word != "SigCgt:") continue;
    std::uint64_t caught = 0;
    status >> std::hex >> caught;
    if (status && ((caught >> (number - 1) & 1) != 0) == wanted) return true;
    ::poll(nullptr, 0, 1);
  }
  return false;
}

program::program(const std::string& name, start_method method) {
  int input[2], output[2], errors[2];
  EXPECT_EQ(0, ::pipe2(input, O_CLOEXEC) | ::pipe2(output, O_CLOEXEC) | ::pipe2(errors, O_CLOEXEC));
  tractor::unique_fd child_input(input[0]), child_output(output[1]), child_errors(errors[1]), own_output(output[0]);
  input_.reset(input[1]);
  errors_.reset(errors[0]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, child_input.get(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, child_output.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, child_errors.get(), STDERR_FILENO);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  std::string role(program_argument), tree(name), how(tractor::spawn::to_string(method)), self("runtime_tests");
  const std::array<char*, 5> arguments{self.data(), role.data(), tree.data(), how.data(), nullptr};
  EXPECT_EQ(0, ::posix_spawn(&pid_, "/proc/self/exe", &actions, &attributes, arguments.data(), environ));
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);

  processes_.emplace_back(pid_);
  child_output.reset();  // so that its end is seen should the program die
  for (std::optional<std::string> line; (line = read_line(own_output.get())) && *line != "ready";)
    processes_.emplace_back(std::stoi(*line));
  if (method == start_method::forkserver)
    for (const pid_t child : children_of(pid_)) server_.emplace(child);
}

program::~program() {
  if (!reaped_) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
}

void program::signal_group(int number) const { EXPECT_EQ(0, ::kill(-pid_, number)); }

std::string program::wait() {
  if (!root().ends()) return "still running";
  int status = 0;
  EXPECT_EQ(pid_, ::waitpid(pid_, &status, 0));
  reaped_ = true;
  return tractor::spawn::death_certificate::from_wait_status(pid_, status, {}).text();
}

std::string program::errors() {
  std::string text;
  char buffer[4096];
  while (readable_within_bound(errors_.get())) {
    const auto count = tractor::retry_eintr([&] { return ::read(errors_.get(), buffer, sizeof buffer); });
    if (count <= 0) break;
    text.append(buffer, static_cast<std::size_t>(count));
  }
  return text;
}

}  // namespace runtime_test
