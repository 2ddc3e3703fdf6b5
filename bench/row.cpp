// SPDX-License-Identifier: Apache-2.0
#include "row.hpp"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <stdexcept>
#include <string>
#include <system_error>

// Made by the linker when at least one table exists; weak, so that a program without rows links too.
extern "C" {
[[gnu::weak, gnu::visibility("hidden")]] extern const bench::row_table* const __start_tractor_bench_rows[];
[[gnu::weak, gnu::visibility("hidden")]] extern const bench::row_table* const __stop_tractor_bench_rows[];
}

namespace bench {

pass::pass(std::string_view unit, std::size_t n, int cpu, int second_cpu) : unit_(unit), n_(n), cpu_(cpu), second_cpu_(second_cpu) {
  samples_.reserve(n);
}

void pass::add_ns(double duration_ns) {
  const double scale = unit_ == "ns" ? 1 : unit_ == "us" ? 1e3 : unit_ == "ms" ? 1e6 : unit_ == "s" ? 1e9 : 0;
  if (scale == 0) throw std::logic_error("a duration was added to a row in " + std::string(unit_));
  samples_.push_back(duration_ns / scale);
}

void pass::add_rate(double count, double duration_ns) {
  if (!unit_.ends_with("/s")) throw std::logic_error("a rate was added to a row in " + std::string(unit_));
  samples_.push_back(count / (duration_ns / 1e9));
}

void pin_to(int cpu) {
  if (cpu < 0) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  if (::sched_setaffinity(0, sizeof set, &set) != 0) {
    throw std::system_error(errno, std::generic_category(), "cannot pin to cpu " + std::to_string(cpu));
  }
}

double now_ns() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

std::vector<const row*> registered_rows() {
  std::vector<const row*> rows;
  for (const row_table* const* entry = __start_tractor_bench_rows; entry != __stop_tractor_bench_rows; ++entry) {
    for (const row& r : **entry) rows.push_back(&r);
  }
  std::sort(rows.begin(), rows.end(), [](const row* a, const row* b) { return a->id < b->id; });
  const auto same_id = [](const row* a, const row* b) { return a->id == b->id; };
  if (const auto twice = std::adjacent_find(rows.begin(), rows.end(), same_id); twice != rows.end()) {
    throw std::logic_error("two rows are called " + std::string((*twice)->id));
  }
  return rows;
}

}  // namespace bench
