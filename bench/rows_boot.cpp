// SPDX-License-Identifier: Apache-2.0
//
// Rows of starting and ending actors.
#include "endpoints.hpp"
#include "floors.hpp"
#include "row.hpp"

namespace {

namespace sc = tractor::sc;
using bench::nothing;
using bench::now_ns;
using bench::pass;
using bench::worker_options;

constexpr std::size_t many_actors = 200;

void add_times(pass& p, const std::vector<double>& times, std::size_t skipped) {
  for (std::size_t i = skipped; i < times.size() && p.wanted(); ++i) p.add_ns(times[i]);
}

// As the floor does: a tenth more than wanted, and the first ones are not counted, for the first forks copy the server's pages.
std::size_t warm_ups(const pass& p) { return p.n() / 10 + 1; }

void boot(pass& p, const char* method) {
  bench::in_root([&](tractor::actor_nursery&) -> sc::task<> {
    add_times(p, co_await bench::boot_times(method, static_cast<int>(p.n() + warm_ups(p))), warm_ups(p));
  });
}

void nested_boot(pass& p, const char* method) {
  bench::in_root([&](tractor::actor_nursery& an) -> sc::task<> {
    const tractor::portal outer = co_await an.start_actor("outer", worker_options(method));
    add_times(p, co_await outer.run<&bench::boot_times>(method, static_cast<int>(p.n() + warm_ups(p))), warm_ups(p));
    co_await outer.cancel_actor();
  });
}

void boot_forkserver(pass& p) { boot(p, "forkserver"); }
void boot_forkserver_nested(pass& p) { nested_boot(p, "forkserver"); }
void boot_exec(pass& p) { boot(p, "exec"); }
void boot_exec_nested(pass& p) { nested_boot(p, "exec"); }

void boot_forkserver_nested_first(pass& p) {
  bench::in_root([&](tractor::actor_nursery&) -> sc::task<> {
    for (std::size_t i = 0; p.wanted(); ++i) {
      std::vector<double> times;
      co_await tractor::open_nursery([&](tractor::actor_nursery& an) -> sc::task<> {
        const tractor::portal outer = co_await an.start_actor("outer", worker_options());
        times = co_await outer.run<&bench::boot_times>("forkserver", 1);
        co_await outer.cancel_actor();
      });
      if (i >= warm_ups(p)) add_times(p, times, 0);
    }
  });
}

// Started one after another; each called once where `called`. What is timed is up to the caller.
sc::task<> start_many(tractor::actor_nursery& an, std::size_t count, bool called) {
  for (std::size_t i = 0; i < count; ++i) {
    const tractor::portal worker = co_await an.start_actor("worker", worker_options());
    if (called) co_await worker.run<&nothing>();
  }
}

// From before the first start, or from the cancel, until the last process is reaped.
sc::task<double> time_of_tree(std::size_t count, bool from_start) {
  double since = 0;
  co_await tractor::open_nursery([&](tractor::actor_nursery& an) -> sc::task<> {
    if (from_start) since = now_ns();
    co_await start_many(an, count, from_start);
    if (!from_start) since = now_ns();
    co_await an.cancel();
  });
  co_return now_ns() - since;
}

void trees(pass& p, std::size_t count, bool from_start) {
  bench::in_root([&](tractor::actor_nursery&) -> sc::task<> {
    for (std::size_t i = 0; i < warm_ups(p); ++i) co_await time_of_tree(count, from_start);
    while (p.wanted()) p.add_ns(co_await time_of_tree(count, from_start));
  });
}

void tree_200(pass& p) { trees(p, many_actors, true); }
void reap_one(pass& p) { trees(p, 1, false); }
void reap_200(pass& p) { trees(p, many_actors, false); }

constexpr bench::row boot_rows[] = {
    {
        .id = "boot.forkserver",
        .unit = "us",
        .what = "start_actor to the first answered call",
        .run = &boot_forkserver,
        .n = 200,
        .floor = &bench::floors::forkserver_hello,
    },
    {
        .id = "boot.forkserver.nested",
        .unit = "us",
        .what = "the same, asked for by an actor",
        .run = &boot_forkserver_nested,
        .n = 200,
        .floor = &bench::floors::forkserver_hello,
    },
    {
        .id = "boot.forkserver.nested_first",
        .unit = "us",
        .what = "the same, asked for by an actor that never started one",
        .run = &boot_forkserver_nested_first,
        .n = 100,
        .floor = &bench::floors::forkserver_hello,
    },
    {
        .id = "boot.exec",
        .unit = "us",
        .what = "start_actor by exec to the first answered call",
        .run = &boot_exec,
        .n = 50,
        .floor = &bench::floors::exec_hello,
    },
    {
        .id = "boot.exec.nested",
        .unit = "us",
        .what = "the same, asked for by an actor started by exec",
        .run = &boot_exec_nested,
        .n = 50,
        .floor = &bench::floors::exec_hello,
    },
    {
        .id = "tree.200",
        .unit = "us",
        .what = "200 actors started one after another, each called once, all cancelled and reaped",
        .run = &tree_200,
        .n = 5,
        .floor = &bench::floors::forkserver_tree200,
    },
    {
        .id = "reap.one",
        .unit = "us",
        .what = "an idle actor, from cancel to reaped",
        .run = &reap_one,
        .n = 200,
        .floor = &bench::floors::forkserver_reap,
    },
    {
        .id = "reap.200",
        .unit = "us",
        .what = "200 idle actors, from cancel to all reaped",
        .run = &reap_200,
        .n = 5,
        .floor = &bench::floors::forkserver_reap200,
    },
};

TRACTOR_BENCH_ROWS(boot_rows);

}  // namespace
