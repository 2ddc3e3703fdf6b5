// SPDX-License-Identifier: Apache-2.0
//
// Rows of an actor that does not keep up: 1 GiB is pushed at a reader that sleeps. What that costs both sides in memory, and another
// dialog over the same channel in time. And of an error that crosses over.
#include "endpoints.hpp"
#include "floors.hpp"
#include "row.hpp"

#include <unistd.h>

#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>

namespace {

namespace sc = tractor::sc;
using bench::now_ns;
using bench::pass;

constexpr std::size_t push_bytes = std::size_t{1} << 30, message_bytes = 16 * 1024;

double resident_mib(int pid) {
  std::ifstream statm("/proc/" + std::to_string(pid) + "/statm");
  double total = 0, resident = 0;
  if (!(statm >> total >> resident)) throw std::runtime_error("/proc/" + std::to_string(pid) + "/statm cannot be read");
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20);
}

// Pushes at `worker`, which sleeps; runs `body` when the push has come to a stand.
sc::task<> beside_a_full_stream(const tractor::portal& worker, std::function<sc::task<>()> body) {
  co_await worker.open_context<&bench::sleep_on_stream>({}, [&](auto& ctx) -> sc::task<> {
    co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
      co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
        std::size_t sent = 0;
        n.start_soon([&]() -> sc::task<> {
          const tractor::msg::bytes message(message_bytes, std::byte{'x'});
          for (; sent < push_bytes; sent += message_bytes) co_await stream.send(message);
        });
        for (std::size_t before = ~std::size_t{0}; before != sent;) {
          before = sent;
          co_await sc::sleep(std::chrono::milliseconds(100));
        }
        if (sent >= push_bytes) throw std::runtime_error("nothing held the sender up");
        co_await body();
        n.scope().cancel("measured");
      });
    });
    co_await ctx.cancel();
  });
}

void memory(pass& p, bool of_the_reader) {
  while (p.wanted()) {
    bench::in_root([&](tractor::actor_nursery& an) -> sc::task<> {
      const tractor::portal worker = co_await an.start_actor("worker", bench::worker_options());
      const int pid = of_the_reader ? co_await worker.run<&bench::own_pid>() : ::getpid();
      const double before = resident_mib(pid);
      co_await beside_a_full_stream(worker, [&]() -> sc::task<> {
        p.add(resident_mib(pid) - before);
        co_return;
      });
      co_await an.cancel();
    });
  }
}
void reader_memory(pass& p) { memory(p, true); }
void writer_memory(pass& p) { memory(p, false); }

sc::task<double> ns_a_call(const tractor::portal& worker) {
  constexpr int calls = 500;
  const double before = now_ns();
  for (int i = 0; i < calls; ++i)
    if (co_await worker.run<&bench::same_number>(i) != i) throw std::runtime_error("a number came back as another");
  co_return (now_ns() - before) / calls;
}

void calls_beside(pass& p) {
  bench::in_root([&](tractor::actor_nursery& an) -> sc::task<> {
    const tractor::portal worker = co_await an.start_actor("worker", bench::worker_options());
    static_cast<void>(co_await ns_a_call(worker));
    while (p.wanted()) {
      const double alone = co_await ns_a_call(worker);
      co_await beside_a_full_stream(worker, [&]() -> sc::task<> { p.add(co_await ns_a_call(worker) / alone); });
    }
    co_await an.cancel();
  });
}

void remote_errors(pass& p) {
  bench::in_root([&](tractor::actor_nursery& an) -> sc::task<> {
    const tractor::portal worker = co_await an.start_actor("worker", bench::worker_options());
    for (std::size_t i = 0; p.wanted(); ++i) {
      bool caught = false;
      const double before = now_ns();
      try {
        co_await worker.run<&bench::fail>();
      } catch (const tractor::remote_actor_error&) {
        caught = true;
      }
      if (!caught) throw std::runtime_error("no error came");
      if (i >= 100) p.add_ns(now_ns() - before);
    }
    co_await an.cancel();
  });
}

constexpr bench::row flow_rows[] = {
    {
        .id = "stream.sleeper.reader",
        .unit = "MiB",
        .what = "what a reader that sleeps grows by when 1 GiB is pushed at it",
        .run = &reader_memory,
        .n = 3,
        .passes = 3,
    },
    {
        .id = "stream.sleeper.writer",
        .unit = "MiB",
        .what = "what the writer grows by meanwhile",
        .run = &writer_memory,
        .n = 3,
        .passes = 3,
    },
    {
        .id = "stream.sleeper.calls",
        .unit = "times",
        .what = "a call beside that stream, of one without it",
        .run = &calls_beside,
        .n = 5,
    },
    {
        .id = "error.uds.same_core",
        .unit = "us",
        .what = "an error raised there and caught here",
        .run = &remote_errors,
        .n = 2000,
        .floor = &bench::floors::pingpong_uds_same_core,
    },
};

TRACTOR_BENCH_ROWS(flow_rows);

}  // namespace
