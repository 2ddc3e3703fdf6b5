// SPDX-License-Identifier: Apache-2.0
//
// We are processes: one actor a core, and a root that crashes on purpose.
//
//     we_are_processes [--overlapped]
//
// Each actor hands back its name and pid through its context and would then sleep for ever. When all have reported the root fails. Its
// nursery takes every actor down before the error leaves it, so that the end of main finds no process, not even a zombie. The exit
// status is 1, for the error. The actors are started one after another, or with --overlapped all at once.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
#include <tractor/base/cpus.hpp>
#include <tractor/tractor.hpp>
#include <vector>

namespace sc = tractor::sc;

namespace {

struct introduction {
  std::string name;
  int pid;
};

sc::task<> introduce_and_sleep(tractor::context<introduction>& ctx) {
  co_await ctx.started(introduction{tractor::current_actor().name(), ::getpid()});
  co_await sc::sleep_forever();
}

TRACTOR_MODULE(fleet) { mod.def<&introduce_and_sleep>("introduce_and_sleep"); }

// Starts the whole fleet and crashes when all have reported. Leaves their pids in `pids`.
sc::task<> crash_with_a_fleet(bool overlapped, std::vector<pid_t>& pids) {
  const unsigned count = tractor::usable_cpus();
  std::printf("root: pid %d, starting %u actors %s\n", ::getpid(), count, overlapped ? "overlapped" : "one after another");
  co_await tractor::open_nursery([&](tractor::actor_nursery& an) -> sc::task<> {
    co_await sc::open_nursery([&](sc::nursery& tasks) -> sc::task<> {
      // Says that the actor is there, then stays in its context until the nursery is cancelled.
      const auto crew = [&](sc::task_status<> reported, std::string name) -> sc::task<> {
        const auto begin = sc::current_time();
        const auto portal = co_await an.start_actor(name, {.enable_modules = {"fleet"}});
        co_await portal.open_context<&introduce_and_sleep>({}, [&](auto&, introduction who) -> sc::task<> {
          const std::chrono::duration<double, std::micro> took = sc::current_time() - begin;
          std::printf("%s: pid %d, started in %.0f us\n", who.name.c_str(), who.pid, took.count());
          pids.push_back(who.pid);
          reported.started();
          co_await sc::sleep_forever();
        });
      };
      co_await sc::open_nursery([&](sc::nursery& starters) -> sc::task<> {
        for (unsigned i = 0; i < count; ++i) {
          const auto start_one = [&, i]() -> sc::task<> { co_await tasks.start(crew, "actor_" + std::to_string(i)); };
          if (overlapped)
            starters.start_soon(start_one);
          else
            co_await start_one();
        }
      });
      throw std::runtime_error("self-destructed: the root crashed on purpose");
    });
  });
}

// Nothing that this program started exists any more, not even as a zombie.
bool no_process_is_left(const std::vector<pid_t>& pids) {
  const bool no_child = ::waitpid(-1, nullptr, WNOHANG | __WALL) == -1 && errno == ECHILD;
  return no_child && std::ranges::all_of(pids, [](pid_t pid) { return ::kill(pid, 0) == -1 && errno == ESRCH; });
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<pid_t> pids;
  const int status =
      tractor::run(argc, argv, [&] { return crash_with_a_fleet(argc > 1 && std::strcmp(argv[1], "--overlapped") == 0, pids); });
  std::fflush(stdout);
  if (status == 0 || pids.empty() || !no_process_is_left(pids)) {
    std::fputs("we_are_processes: something went wrong: no crash, or a process is left\n", stderr);
    return 2;
  }
  std::puts("Zombies contained");
  return status;
}
