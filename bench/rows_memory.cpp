// SPDX-License-Identifier: Apache-2.0
//
// Rows of the memory of idle actors: of 200 that were started by the fork server and have answered one call.
#include "endpoints.hpp"
#include "floors.hpp"
#include "row.hpp"

#include <fstream>
#include <stdexcept>
#include <string>

namespace {

namespace sc = tractor::sc;
using bench::pass;

double kib_of(int pid, const char* field) {
  std::ifstream rollup("/proc/" + std::to_string(pid) + "/smaps_rollup");
  double kib = 0;
  for (std::string word; rollup >> word;)
    if (word == field && rollup >> kib) return kib;
  throw std::runtime_error("smaps_rollup of " + std::to_string(pid) + " has no " + field);
}

void idle(pass& p, const char* field) {
  bench::in_root([&](tractor::actor_nursery& an) -> sc::task<> {
    std::vector<int> pids;
    while (pids.size() < p.n()) {
      const tractor::portal worker = co_await an.start_actor("worker", bench::worker_options());
      pids.push_back(co_await worker.run<&bench::own_pid>());
    }
    for (const int pid : pids) p.add(kib_of(pid, field));
    co_await an.cancel();
  });
}

void idle_pss(pass& p) { idle(p, "Pss:"); }
void idle_private_dirty(pass& p) { idle(p, "Private_Dirty:"); }

constexpr bench::row memory_rows[] = {
    {
        .id = "memory.idle",
        .unit = "KiB",
        .what = "proportional set size of one of 200 idle actors",
        .run = &idle_pss,
        .n = 200,
        .passes = 3,
        .floor = &bench::floors::memory_pss,
    },
    {
        .id = "memory.idle.private_dirty",
        .unit = "KiB",
        .what = "pages of one of 200 idle actors that are its own",
        .run = &idle_private_dirty,
        .n = 200,
        .passes = 3,
        .floor = &bench::floors::memory_private_dirty,
    },
};

TRACTOR_BENCH_ROWS(memory_rows);

}  // namespace
