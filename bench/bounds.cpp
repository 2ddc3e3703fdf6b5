// SPDX-License-Identifier: Apache-2.0
#include "bounds.hpp"

#include <algorithm>

namespace bench {
namespace {

// A row whose floor could not be measured meets no ratio.
template <int Percent>
bool ratio_at_most(const outcome& o) {
  return o.ratio && *o.ratio * 100 <= Percent;
}

template <int Percent>
bool ratio_at_least(const outcome& o) {
  return o.ratio && *o.ratio * 100 >= Percent;
}

// Of a row that counts in times something else.
template <int Percent>
bool times_at_most(const outcome& o) {
  return o.figures.median * 100 <= Percent;
}

template <int Value>
bool median_at_most(const outcome& o) {
  return o.figures.median <= Value;
}

template <int Value>
bool median_at_least(const outcome& o) {
  return o.figures.median >= Value;
}

template <int Milliseconds>
bool worst_at_most(const outcome& o) {
  return o.figures.max <= Milliseconds;
}

constexpr bound table[] = {
    {"boot.forkserver", "<= 2 x floor", &ratio_at_most<200>},
    {"boot.forkserver.nested", "<= 2 x floor", &ratio_at_most<200>},
    {"boot.forkserver.nested_first", "<= 3 x floor", &ratio_at_most<300>},
    {"boot.exec", "<= 1.5 x floor", &ratio_at_most<150>},
    {"tree.200", "<= 2 x floor", &ratio_at_most<200>},
    {"find.connected.calls", "<= 1.2 times", &times_at_most<120>},
    {"find.unconnected.calls", "<= 3 times", &times_at_most<300>},
    {"registry.10k.times", "<= 1.1 times", &times_at_most<110>},
    {"boot.forkserver.registered", "<= 1.1 times", &times_at_most<110>},
    {"ps.500", "<= 100 ms", &median_at_most<100>},
    {"ps.500.stopped", "<= 100 ms", &median_at_most<100>},
    {"log.suppressed", "<= 2 ns", &median_at_most<2>},
    {"rpc.uds.same_core", "<= 2 x floor", &ratio_at_most<200>},
    {"rpc.uds.beside_python_pipe", "below Python's Pipe", &ratio_at_most<100>},
    {"context.uds.same_core", "<= 6 x floor", &ratio_at_most<600>},
    {"error.uds.same_core", "<= 60 us", &median_at_most<60>},
    {"stream.pingpong.uds.same_core", "<= 1.6 x floor", &ratio_at_most<160>},
    {"stream.small.uds", ">= 4000000 msg/s", &median_at_least<4'000'000>},
    {"stream.64k.uds", ">= 0.6 x floor", &ratio_at_least<60>},
    {"stream.sleeper.reader", "<= 8 MiB", &median_at_most<8>},
    {"stream.sleeper.writer", "<= 8 MiB", &median_at_most<8>},
    {"stream.sleeper.calls", "<= 2 times", &median_at_most<2>},
    {"memory.idle", "<= 250 KiB PSS", &median_at_most<250>},
    {"memory.idle.private_dirty", "<= 150 KiB", &median_at_most<150>},
    {"kill.worker", "<= 5 ms, worst 50 ms", [](const outcome& o) { return median_at_most<5>(o) && worst_at_most<50>(o); }},
    {"kill.root.forkserver", "worst 1000 ms", &worst_at_most<1000>},
    {"kill.root.exec", "worst 1000 ms", &worst_at_most<1000>},
    {"kill.intermediate.forkserver", "worst 1000 ms", &worst_at_most<1000>},
    {"kill.intermediate.exec", "worst 1000 ms", &worst_at_most<1000>},
    {"kill.forkserver", "worst 1000 ms", &worst_at_most<1000>},
    {"kernel.await", "<= 1.2 x floor", &ratio_at_most<120>},
    {"kernel.yield", "<= 2.4 x floor", &ratio_at_most<240>},
    {"kernel.nursery.one", "<= 45 ns", &median_at_most<45>},
    {"kernel.nursery.hundred", "<= 22 ns", &median_at_most<22>},
    {"kernel.move_on_after", "<= 45 ns", &median_at_most<45>},
    {"kernel.event", "<= 35 ns", &median_at_most<35>},
    {"kernel.channel.0", "<= 30 ns", &median_at_most<30>},
    {"kernel.channel.64", "<= 15 ns", &median_at_most<15>},
    {"kernel.cancel.100k", "<= 1500 ns", &median_at_most<1500>},
    {"kernel.cancel.level", "<= 1300 ns", &median_at_most<1300>},
    {"kernel.memory", "<= 340 bytes", &median_at_most<340>},
    {"kernel.pingpong", "<= 1.1 x floor", &ratio_at_most<110>},
    {"kernel.pingpong.asio", "<= 1.4 x floor", &ratio_at_most<140>},
};

}  // namespace

std::span<const bound> all_bounds() { return table; }

const bound* find_bound(std::string_view id) {
  const auto* found = std::find_if(std::begin(table), std::end(table), [&](const bound& b) { return b.id == id; });
  return found == std::end(table) ? nullptr : found;
}

}  // namespace bench
