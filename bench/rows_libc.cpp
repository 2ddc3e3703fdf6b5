// SPDX-License-Identifier: Apache-2.0
//
// Rows that need libc only. They hold the harness against itself, for their ratios must come out at about one, and say what
// kind of machine the other figures come from: an empty system call differs threefold between hosts, and with it whatever
// enters the kernel.
#include "floors.hpp"
#include "row.hpp"

#include <sys/syscall.h>
#include <unistd.h>

namespace {

constexpr int calls_a_sample = 1000;

template <class Call>
void mean_cost(bench::pass& p, Call call) {
  while (p.wanted()) {
    const double before = bench::now_ns();
    for (int i = 0; i < calls_a_sample; ++i) call();
    p.add_ns((bench::now_ns() - before) / calls_a_sample);
  }
}

void clock_reading(bench::pass& p) {
  mean_cost(p, [] { static_cast<void>(bench::now_ns()); });
}

void empty_syscall(bench::pass& p) {
  mean_cost(p, [] { ::syscall(SYS_getppid); });
}

constexpr bench::row libc_rows[] = {
    {
        .id = "libc.clock_gettime",
        .unit = "ns",
        .what = "one reading of the monotonic clock",
        .run = &clock_reading,
        .n = 20,
        .floor = &bench::floors::clock_gettime,
    },
    {
        .id = "libc.empty_syscall",
        .unit = "ns",
        .what = "one system call that does nothing",
        .run = &empty_syscall,
        .n = 20,
        .floor = &bench::floors::empty_syscall,
    },
};

TRACTOR_BENCH_ROWS(libc_rows);

}  // namespace
