// SPDX-License-Identifier: Apache-2.0
//
// Rows of the kernel alone, in one thread; each sample is a mean over many operations.
#include "floors.hpp"
#include "row.hpp"

#include <tractor/sc/sc.hpp>

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

void cancels(pass& p) {
  sc::run([&]() -> sc::task<> {
    while (p.wanted()) {
      double before = 0;
      co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
        for (std::size_t i = 0; i < sleepers; ++i) n.start_soon([]() -> sc::task<> { co_await sc::sleep_forever(); });
        // Twice round the queue: all of them sleep.
        co_await sc::sleep(std::chrono::milliseconds(1));
        before = now_ns();
        n.cancel();
      });
      p.add_ns((now_ns() - before) / sleepers);
    }
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
        .id = "kernel.nursery1",
        .unit = "ns",
        .what = "a nursery with one child",
        .run = &nurseries<1>,
        .n = 50,
        .floor = &bench::floors::kernel_nursery1,
    },
    {
        .id = "kernel.nursery100",
        .unit = "ns",
        .what = "each child of a nursery of a hundred",
        .run = &nurseries<100>,
        .n = 50,
        .floor = &bench::floors::kernel_nursery100,
    },
    {
        .id = "kernel.cancel100k",
        .unit = "ns",
        .what = "each of 100,000 sleeping tasks that are cancelled",
        .run = &cancels,
        .n = 3,
        .floor = &bench::floors::kernel_cancel100k,
    },
};

TRACTOR_BENCH_ROWS(kernel_rows);

}  // namespace
