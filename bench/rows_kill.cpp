// SPDX-License-Identifier: Apache-2.0
//
// Rows of kill -9: how soon the parent of a worker is told, and how long what descends from a killed process survives it.
#include "endpoints.hpp"
#include "row.hpp"
#include "victim.hpp"

#include <csignal>
#include <stdexcept>

namespace {

namespace sc = tractor::sc;
using bench::now_ns;
using bench::pass;

constexpr int death_bound_ms = 30'000;  // where a row fails instead of measuring

// From the kill of a worker with an open context to the error in the block that opened it.
void kill_worker(pass& p) {
  bench::in_root([&](tractor::actor_nursery& an) -> sc::task<> {
    while (p.wanted()) {
      tractor::actor_options options = bench::worker_options();
      options.on_death = tractor::death_policy::ignore;
      const tractor::portal worker = co_await an.start_actor("worker", std::move(options));
      double killed = 0, raised = 0;
      try {
        co_await worker.open_context<&bench::wait_for_ever>({}, [&](auto&, int pid) -> sc::task<> {
          killed = now_ns();
          ::kill(pid, SIGKILL);
          co_await sc::sleep_forever();
        });
      } catch (const tractor::actor_died&) {
        raised = now_ns();
      }
      if (raised == 0) throw std::runtime_error("the end of a killed worker was no actor_died");
      p.add_ns(raised - killed);
    }
  });
}

using members = std::vector<bench::watched_process>;

void await_all(std::initializer_list<const members*> groups) {
  for (const members* group : groups)
    for (const bench::watched_process& member : *group) member.await_end(death_bound_ms);
}

// From the kill of one process of a fresh tree to the end of everything below it.
void kill_in_trees(pass& p, const char* method, members bench::victim_tree::* target, bool all_below) {
  while (p.wanted()) {
    bench::victim_tree tree(method);
    if (tree.leaves.size() != 2 || (tree.*target).size() != 1) throw std::runtime_error("a tree does not have its members");
    const double killed = now_ns();
    (tree.*target)[0].kill();
    if (all_below)
      await_all({&tree.intermediate, &tree.leaves});
    else
      await_all({&tree.leaves});
    if (target == &bench::victim_tree::root) await_all({&tree.fork_server});
    p.add_ns(now_ns() - killed);
  }
}

void kill_root_forkserver(pass& p) { kill_in_trees(p, "forkserver", &bench::victim_tree::root, true); }
void kill_root_exec(pass& p) { kill_in_trees(p, "exec", &bench::victim_tree::root, true); }
void kill_intermediate_forkserver(pass& p) { kill_in_trees(p, "forkserver", &bench::victim_tree::intermediate, false); }
void kill_intermediate_exec(pass& p) { kill_in_trees(p, "exec", &bench::victim_tree::intermediate, false); }
void kill_fork_server(pass& p) { kill_in_trees(p, "forkserver", &bench::victim_tree::fork_server, true); }

constexpr bench::row kill_row(std::string_view id, std::string_view what, void (*run)(pass&)) {
  return {.id = id, .unit = "ms", .what = what, .run = run, .n = 20, .pin = bench::pinning::free};
}

constexpr bench::row kill_rows[] = {
    kill_row("kill.worker", "kill -9 of a worker with an open context, until its parent's error is raised", &kill_worker),
    kill_row("kill.root.forkserver", "kill -9 of the root, until all that descends from it is gone", &kill_root_forkserver),
    kill_row("kill.root.exec", "the same, actors started by exec", &kill_root_exec),
    kill_row("kill.intermediate.forkserver", "kill -9 of an actor, until the two below it are gone", &kill_intermediate_forkserver),
    kill_row("kill.intermediate.exec", "the same, actors started by exec", &kill_intermediate_exec),
    kill_row("kill.forkserver", "kill -9 of the fork server, until all actors are gone", &kill_fork_server),
};

TRACTOR_BENCH_ROWS(kill_rows);

}  // namespace
