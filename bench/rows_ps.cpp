// SPDX-License-Identifier: Apache-2.0
//
// Rows of `tractor ps` beside many actors: the command as somebody runs it, from its start to its end.
#include "endpoints.hpp"
#include "launch.hpp"
#include "row.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <tractor/sc/run_process.hpp>

namespace {

namespace sc = tractor::sc;
using bench::now_ns;
using bench::pass;

constexpr std::size_t listed_actors = 500;     // and their root
constexpr std::size_t busy_by_chance_max = 5;  // who gets no processor in time is listed as busy, and that is right

// In which nobody else's actors are seen.
class own_runtime_directory {
 public:
  own_runtime_directory() {
    std::string name = (std::filesystem::temp_directory_path() / "tractor-bench-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::system_error(errno, std::generic_category(), "mkdtemp " + name);
    path_ = name;
    ::setenv("XDG_RUNTIME_DIR", path_.c_str(), 1);
    ::unsetenv("TRACTOR_REGISTRY");
  }
  ~own_runtime_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  own_runtime_directory(const own_runtime_directory&) = delete;
  own_runtime_directory& operator=(const own_runtime_directory&) = delete;

 private:
  std::filesystem::path path_;
};

// Parents need about three descriptors for each actor, and what is usual is 1024.
void allow_many_descriptors() {
  constexpr rlim_t needed = 4 * listed_actors;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= needed) return;
  limit.rlim_cur = needed;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0)
    throw std::system_error(errno, std::generic_category(), "a limit of " + std::to_string(needed) + " descriptors is not to be had");
}

// They go on when this is gone.
class stopped_processes {
 public:
  explicit stopped_processes(std::vector<pid_t> pids) : pids_(std::move(pids)) { signal_all(SIGSTOP); }
  ~stopped_processes() { signal_all(SIGCONT); }
  stopped_processes(const stopped_processes&) = delete;
  stopped_processes& operator=(const stopped_processes&) = delete;

 private:
  void signal_all(int number) const {
    for (const pid_t pid : pids_) ::kill(pid, number);
  }

  std::vector<pid_t> pids_;
};

std::string command_path() {
  const auto path = std::filesystem::path(bench::own_executable()).parent_path().parent_path() / "tractor";
  if (!std::filesystem::exists(path)) throw std::runtime_error("the command is not built: there is no " + path.string());
  return path.string();
}

std::size_t times_in(std::string_view text, std::string_view part) {
  std::size_t times = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++times;
  return times;
}

// This process goes on meanwhile: it is the root, and is asked too.
sc::task<double> time_of_ps(const std::string& command, std::size_t busy_actors) {
  const double before = now_ns();
  const auto done = co_await sc::run_process({.arguments = {command, "ps"}});
  const double took = now_ns() - before;
  const std::size_t lines = times_in(done.out, "\n"), busy = times_in(done.out, " busy ");
  constexpr std::size_t heading_and_root = 2;
  if (lines != listed_actors + heading_and_root || busy < busy_actors || busy > busy_actors + busy_by_chance_max)
    throw std::runtime_error("tractor ps printed " + std::to_string(lines) + " lines, with " + std::to_string(busy) + " busy actors");
  co_return took;
}

void list_many(pass& p, bool are_stopped) {
  const std::string command = command_path();
  allow_many_descriptors();
  const own_runtime_directory directory;
  bench::in_root([&](tractor::actor_nursery& an) -> sc::task<> {
    std::vector<pid_t> pids;
    while (pids.size() < listed_actors) {
      const tractor::portal worker = co_await an.start_actor("worker", bench::worker_options());
      pids.push_back(static_cast<pid_t>(*worker.pid()));
    }
    {
      const std::size_t busy = are_stopped ? pids.size() : 0;
      const stopped_processes stopped(are_stopped ? std::move(pids) : std::vector<pid_t>());
      co_await time_of_ps(command, busy);  // a first one is not counted: it reads the program from the disk
      while (p.wanted()) p.add_ns(co_await time_of_ps(command, busy));
    }
    co_await an.cancel();
  });
}

void list_live(pass& p) { list_many(p, false); }
void list_stopped(pass& p) { list_many(p, true); }

constexpr bench::row ps_rows[] = {
    {
        .id = "ps.500",
        .unit = "ms",
        .what = "tractor ps beside 500 idle actors and their root",
        .run = &list_live,
        .n = 20,
        .pin = bench::pinning::free,
    },
    {
        .id = "ps.500.stopped",
        .unit = "ms",
        .what = "the same where those 500 are stopped, and answer nobody",
        .run = &list_stopped,
        .n = 20,
        .pin = bench::pinning::free,
    },
};

TRACTOR_BENCH_ROWS(ps_rows);

}  // namespace
