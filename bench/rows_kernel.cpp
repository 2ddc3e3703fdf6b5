// SPDX-License-Identifier: Apache-2.0
//
// Rows of the kernel alone, in one thread; each sample is a mean over many operations.
#include "floors.hpp"
#include "row.hpp"

#include <tractor/sc/sc.hpp>

#include <unistd.h>

#include <array>
#include <fstream>
#include <optional>
#include <stdexcept>

namespace {

namespace sc = tractor::sc;
using bench::now_ns;
using bench::pass;

constexpr std::size_t operations_a_sample = 10'000;
constexpr std::size_t sleepers = 100'000;

[[gnu::noinline]] sc::task<int> leaf() { co_return 1; }
[[gnu::noinline]] sc::task<> child() { co_return; }

// One sample is `operations` of them; the first is not counted.
template <class Operations>
void measure(pass& p, Operations operations) {
  sc::run([&]() -> sc::task<> {
    co_await operations();
    while (p.wanted()) {
      const double before = now_ns();
      co_await operations();
      p.add_ns((now_ns() - before) / operations_a_sample);
    }
  });
}

void awaits(pass& p) {
  measure(p, []() -> sc::task<int> {
    int sum = 0;
    for (std::size_t i = 0; i < operations_a_sample; ++i) sum += co_await leaf();
    co_return sum;
  });
}

// A second task, ready all the time, makes every checkpoint one that goes through the queue. Both count.
void yields(pass& p) {
  measure(p, []() -> sc::task<> {
    const auto yield_often = []() -> sc::task<> {
      for (std::size_t i = 0; i < operations_a_sample / 2; ++i) co_await sc::checkpoint();
    };
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon(yield_often);
      co_await yield_often();
    });
  });
}

template <std::size_t Children>
void nurseries(pass& p) {
  measure(p, []() -> sc::task<> {
    for (std::size_t done = 0; done < operations_a_sample; done += Children) {
      co_await sc::open_nursery([](sc::nursery& n) {
        for (std::size_t i = 0; i < Children; ++i) n.start_soon(child);
      });
    }
  });
}

// A deadline is made, armed and disarmed around something that is ready.
void deadlines(pass& p) {
  measure(p, []() -> sc::task<> {
    for (std::size_t i = 0; i < operations_a_sample; ++i) co_await sc::move_on_after(std::chrono::seconds(1), [] { return child(); });
  });
}

// Two tasks wake each other in turn, by events of their own: a round trip has two of them.
void events(pass& p) {
  measure(p, []() -> sc::task<> {
    std::array<std::optional<sc::event>, 2> set;
    for (auto& each : set) each.emplace();
    const auto take_turns = [&](std::size_t mine, bool begins) -> sc::task<> {
      if (begins) set[1 - mine]->set();
      for (std::size_t i = 0; i < operations_a_sample; ++i) {
        co_await set[mine]->wait();
        set[mine].emplace();
        set[1 - mine]->set();
      }
    };
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&] { return take_turns(1, false); });
      co_await take_turns(0, true);
    });
  });
}

// One task sends, another receives: both count as one operation.
template <std::size_t Capacity>
void channels(pass& p) {
  measure(p, []() -> sc::task<> {
    auto [send, receive] = sc::open_memory_channel<int>(Capacity);
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> {
        for (std::size_t i = 0; i < operations_a_sample; ++i) co_await send.send(static_cast<int>(i));
      });
      for (std::size_t i = 0; i < operations_a_sample; ++i) static_cast<void>(co_await receive.receive());
    });
  });
}

sc::task<> sleep_below(std::size_t frames) {
  if (frames == 0)
    co_await sc::sleep_forever();
  else
    co_await sleep_below(frames - 1);
}

// Each of `tasks` sleeping tasks, `Frames` awaits below the outermost, or each of those awaits. A pass makes one sample, because the
// memory that the first gave back lies otherwise for the second.
double cancel_ns(std::size_t tasks, std::size_t frames) {
  double before = 0, after = 0;
  sc::run([&]() -> sc::task<> {
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      for (std::size_t i = 0; i < tasks; ++i) n.start_soon([frames]() { return sleep_below(frames); });
      // Twice round the queue: all of them sleep.
      co_await sc::sleep(std::chrono::milliseconds(1));
      before = now_ns();
      n.cancel();
    });
    after = now_ns();
  });
  return after - before;
}
template <std::size_t Tasks>
void cancels(pass& p) {
  while (p.wanted()) p.add_ns(cancel_ns(Tasks, 0) / Tasks);
}
void cancel_levels(pass& p) {
  constexpr std::size_t tasks = sleepers / 10, levels = 10;
  while (p.wanted()) p.add_ns((cancel_ns(tasks, levels) - cancel_ns(tasks, 0)) / (tasks * levels));
}

double resident_bytes() {
  std::size_t total = 0, resident = 0;
  if (!(std::ifstream("/proc/self/statm") >> total >> resident)) throw std::runtime_error("/proc/self/statm cannot be read");
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

void memory(pass& p) {
  sc::run([&]() -> sc::task<> {
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      const double before = resident_bytes();
      for (std::size_t i = 0; i < sleepers; ++i) n.start_soon([]() -> sc::task<> { co_await sc::sleep(std::chrono::hours(1)); });
      co_await sc::sleep(std::chrono::milliseconds(1));
      p.add((resident_bytes() - before) / sleepers);
      n.cancel();
    });
  });
}

constexpr bench::row kernel_rows[] = {
    {
        .id = "kernel.await",
        .unit = "ns",
        .what = "a nested task made, awaited and gone",
        .run = &awaits,
        .n = 50,
        .floor = &bench::floors::kernel_await,
    },
    {
        .id = "kernel.yield",
        .unit = "ns",
        .what = "a checkpoint that lets another task run",
        .run = &yields,
        .n = 50,
        .floor = &bench::floors::kernel_yield,
    },
    {
        .id = "kernel.nursery.one",
        .unit = "ns",
        .what = "a nursery with one child",
        .run = &nurseries<1>,
        .n = 50,
        .floor = &bench::floors::kernel_nursery1,
    },
    {
        .id = "kernel.nursery.hundred",
        .unit = "ns",
        .what = "each child of a nursery of a hundred",
        .run = &nurseries<100>,
        .n = 50,
        .floor = &bench::floors::kernel_nursery100,
    },
    {
        .id = "kernel.cancel.100k",
        .unit = "ns",
        .what = "each of 100,000 sleeping tasks that are cancelled",
        .run = &cancels<sleepers>,
        .n = 3,
        .floor = &bench::floors::kernel_cancel100k,
    },
    {
        .id = "kernel.cancel.10k",
        .unit = "ns",
        .what = "each of 10,000: the same as of 100,000",
        .run = &cancels<sleepers / 10>,
        .n = 10,
        .floor = &bench::floors::kernel_cancel100k,
    },
    {
        .id = "kernel.cancel.level",
        .unit = "ns",
        .what = "each further await between a sleeping task and its cancel",
        .run = &cancel_levels,
        .n = 3,
    },
    {
        .id = "kernel.move_on_after",
        .unit = "ns",
        .what = "a deadline around something that is ready",
        .run = &deadlines,
        .n = 50,
        .floor = &bench::floors::clock_gettime,
    },
    {
        .id = "kernel.event",
        .unit = "ns",
        .what = "two tasks that wake each other by events, there and back",
        .run = &events,
        .n = 50,
        .floor = &bench::floors::kernel_two_yields,
    },
    {
        .id = "kernel.channel.0",
        .unit = "ns",
        .what = "a send and its receive through a memory channel that holds nothing",
        .run = &channels<0>,
        .n = 50,
        .floor = &bench::floors::kernel_two_yields,
    },
    {
        .id = "kernel.channel.64",
        .unit = "ns",
        .what = "a send and its receive through one that holds 64",
        .run = &channels<64>,
        .n = 50,
        .floor = &bench::floors::kernel_yield,
    },
    {
        .id = "kernel.memory",
        .unit = "bytes",
        .what = "resident memory of one of 100,000 sleeping tasks",
        .run = &memory,
        .n = 1,
    },
};

TRACTOR_BENCH_ROWS(kernel_rows);

}  // namespace
