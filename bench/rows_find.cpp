// SPDX-License-Identifier: Apache-2.0
//
// Rows of finding actors by name, and of what every program pays for being found: registration, and log statements that are not shown.
#include "endpoints.hpp"
#include "floors.hpp"
#include "row.hpp"
#include "statistics.hpp"

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <tractor/runtime/detail/directory.hpp>

namespace {

namespace sc = tractor::sc;
using bench::now_ns;
using bench::pass;
using bench::worker_options;

void add_times(pass& p, const std::vector<double>& times, std::size_t skipped) {
  for (std::size_t i = skipped; i < times.size() && p.wanted(); ++i) p.add_ns(times[i]);
}

constexpr std::size_t uncounted = 100;

// From an actor, whose registrar is its parent, another one that it has no connection to.
void find_unconnected(pass& p) {
  bench::in_root([&](tractor::actor_nursery& an) -> sc::task<> {
    const tractor::portal finder = co_await an.start_actor("finder", worker_options());
    co_await an.start_actor("target", worker_options());
    add_times(p, co_await finder.run<&bench::find_times>("target", static_cast<int>(p.n() + uncounted)), uncounted);
    co_await an.cancel();
  });
}

// From the root, one that it has started, and a call of it.
void find_connected(pass& p) {
  bench::in_root([&](tractor::actor_nursery& an) -> sc::task<> {
    co_await an.start_actor("target", worker_options());
    for (std::size_t i = 0; p.wanted(); ++i) {
      const double before = now_ns();
      co_await tractor::find_actor("target", [&](std::optional<tractor::portal> found) -> sc::task<> {
        if (!found || co_await found->run<&bench::same_number>(7) != 7) throw std::runtime_error("the actor was not found");
      });
      if (i >= uncounted) p.add_ns(now_ns() - before);
    }
    co_await an.cancel();
  });
}

// A lookup that connects to nobody, in a registry with so many more entries.
template <int Entries>
void registry_with(pass& p) {
  bench::in_root([&](tractor::actor_nursery& an) -> sc::task<> {
    auto& table = tractor::current_actor().directory().table();
    for (int i = 0; i < Entries; ++i) {
      const std::string name = "filler." + std::to_string(i);
      table.add({.name = name, .uuid = name + ".uuid"}, tractor::ipc::uds_address{.dir = "/nowhere", .file = name}, &table);
    }
    const tractor::portal finder = co_await an.start_actor("finder", worker_options());
    co_await an.start_actor("target", worker_options());
    add_times(p, co_await finder.run<&bench::query_times>("target", static_cast<int>(p.n() + uncounted)), uncounted);
    co_await an.cancel();
  });
}

// In a tree that nobody finds: no registry, no control sockets.
void boot_alone(pass& p) {
  const std::size_t warm_ups = p.n() / 10 + 1;
  sc::run([&]() -> sc::task<> {
    co_await tractor::open_nursery(
        [&](tractor::actor_nursery&) -> sc::task<> {
          add_times(p, co_await bench::boot_times("forkserver", static_cast<int>(p.n() + warm_ups)), warm_ups);
        },
        tractor::root_options{.registry_addrs = std::vector<tractor::ipc::address>(), .control_socket = false});
  });
}

// --- as so many times something else, measured by turns in the same run ---

constexpr int rounds_of_calls = 200;

sc::task<double> call_time(const tractor::portal& there) {
  std::vector<double> times;
  for (int i = 0; i < rounds_of_calls; ++i) {
    const double before = now_ns();
    if (co_await there.run<&bench::same_number>(7) != 7) throw std::runtime_error("a wrong answer");
    times.push_back(now_ns() - before);
  }
  co_return bench::median(std::move(times));
}

void connected_in_calls(pass& p) {
  bench::in_root([&](tractor::actor_nursery& an) -> sc::task<> {
    const tractor::portal target = co_await an.start_actor("target", worker_options());
    co_await call_time(target);
    while (p.wanted()) {
      const double call = co_await call_time(target);
      std::vector<double> times;
      for (int i = 0; i < rounds_of_calls; ++i) {
        const double before = now_ns();
        co_await tractor::find_actor("target", [&](std::optional<tractor::portal> found) -> sc::task<> {
          if (!found || co_await found->run<&bench::same_number>(7) != 7) throw std::runtime_error("the actor was not found");
        });
        times.push_back(now_ns() - before);
      }
      p.add(bench::median(std::move(times)) / call);
    }
    co_await an.cancel();
  });
}

void unconnected_in_calls(pass& p) {
  bench::in_root([&](tractor::actor_nursery& an) -> sc::task<> {
    const tractor::portal finder = co_await an.start_actor("finder", worker_options());
    co_await an.start_actor("target", worker_options());
    co_await finder.run<&bench::find_times>("target", rounds_of_calls);
    while (p.wanted()) {
      const double call = co_await call_time(finder);
      p.add(bench::median(co_await finder.run<&bench::find_times>("target", rounds_of_calls)) / call);
    }
    co_await an.cancel();
  });
}

// Ten entries more, and then ten thousand, and so on by turns.
void many_in_few(pass& p) {
  bench::in_root([&](tractor::actor_nursery& an) -> sc::task<> {
    auto& table = tractor::current_actor().directory().table();
    const auto fill = [&](int from, int to) {
      for (int i = from; i < to; ++i) {
        const std::string name = "filler." + std::to_string(i);
        table.add({.name = name, .uuid = name + ".uuid"}, tractor::ipc::uds_address{.dir = "/nowhere", .file = name}, &table);
      }
    };
    const tractor::portal finder = co_await an.start_actor("finder", worker_options());
    co_await an.start_actor("target", worker_options());
    const auto ask = [&]() -> sc::task<double> {
      co_return bench::median(co_await finder.run<&bench::query_times>("target", 10 * rounds_of_calls));
    };
    co_await ask();
    while (p.wanted()) {
      fill(0, 10);
      const double few = co_await ask();
      fill(10, 10'000);
      const double many = co_await ask();
      table.remove_owned_by(&table);
      p.add(many / few);
    }
    co_await an.cancel();
  });
}

sc::task<double> boot_time(int count, std::optional<tractor::root_options> root) {
  double found = 0;
  co_await tractor::open_nursery(
      [&](tractor::actor_nursery&) -> sc::task<> {
        co_await bench::boot_times("forkserver", count / 10 + 1);
        found = bench::median(co_await bench::boot_times("forkserver", count));
      },
      std::move(root));
  co_return found;
}

// A start in a tree whose actors are found, of one in a tree of which nobody knows; and of one that has the sockets, and no registry.
template <bool OfSockets>
void found_in_alone(pass& p) {
  constexpr int starts = 100;
  while (p.wanted()) {
    double found = 0, alone = 0;
    sc::run([&]() -> sc::task<> { found = co_await boot_time(starts, tractor::root_options{}); });
    sc::run([&]() -> sc::task<> {
      alone = co_await boot_time(
          starts, tractor::root_options{.registry_addrs = std::vector<tractor::ipc::address>(), .control_socket = OfSockets});
    });
    p.add(found / alone);
  }
}

constinit tractor::logger quiet("bench.quiet");
constexpr int statements_a_sample = 100'000;

void suppressed(pass& p) {
  while (p.wanted()) {
    const double before = now_ns();
    for (int i = 0; i < statements_a_sample; ++i) quiet.debug("number ", i);
    p.add_ns((now_ns() - before) / statements_a_sample);
  }
}

constexpr bench::row find_rows[] = {
    {
        .id = "find.connected",
        .unit = "us",
        .what = "find_actor of one that is connected, and a call of it",
        .run = &find_connected,
        .n = 3000,
        .floor = &bench::floors::pingpong_uds_same_core,
    },
    {
        .id = "find.unconnected",
        .unit = "us",
        .what = "find_actor of one that is not, by a registrar that is, and the end of the connection",
        .run = &find_unconnected,
        .n = 2000,
        .floor = &bench::floors::connect_uds_same_core,
    },
    {
        .id = "registry.10",
        .unit = "us",
        .what = "query_actor, of a registrar with 10 entries more",
        .run = &registry_with<10>,
        .n = 3000,
        .floor = &bench::floors::pingpong_uds_same_core,
    },
    {
        .id = "registry.10k",
        .unit = "us",
        .what = "query_actor, of a registrar with 10,000 entries more",
        .run = &registry_with<10'000>,
        .n = 3000,
        .floor = &bench::floors::pingpong_uds_same_core,
    },
    {
        .id = "boot.forkserver.alone",
        .unit = "us",
        .what = "start_actor to the first answered call, in a tree without registry and control sockets",
        .run = &boot_alone,
        .n = 200,
        .floor = &bench::floors::forkserver_hello,
    },
    {
        .id = "find.connected.calls",
        .unit = "times",
        .what = "find_actor of one that is connected, and a call of it, of a call",
        .run = &connected_in_calls,
        .n = 20,
    },
    {
        .id = "find.unconnected.calls",
        .unit = "times",
        .what = "find_actor of one that is not, of a call",
        .run = &unconnected_in_calls,
        .n = 20,
    },
    {
        .id = "registry.10k.times",
        .unit = "times",
        .what = "query_actor of a registrar with 10,000 entries more, of one with 10",
        .run = &many_in_few,
        .n = 5,
    },
    {
        .id = "boot.forkserver.registered",
        .unit = "times",
        .what = "a start where actors are registered, of one where they have control sockets only",
        .run = &found_in_alone<true>,
        .n = 5,
    },
    {
        .id = "boot.forkserver.found",
        .unit = "times",
        .what = "a start where actors are registered and have control sockets, of one without both",
        .run = &found_in_alone<false>,
        .n = 5,
    },
    {
        .id = "log.suppressed",
        .unit = "ns",
        .what = "a log statement that is not shown",
        .run = &suppressed,
        .n = 50,
        .floor = &bench::floors::empty_syscall,
    },
};

TRACTOR_BENCH_ROWS(find_rows);

}  // namespace
