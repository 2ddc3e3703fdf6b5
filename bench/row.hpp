// SPDX-License-Identifier: Apache-2.0
//
// How a benchmark is written. A row measures one thing in one unit and names the floor it is held against:
//
//     void clock_reading(bench::pass& p) {
//       while (p.wanted()) p.add_ns(cost_of_one_reading());
//     }
//     constexpr bench::row rows[] = {{
//         .id = "libc.clock_gettime", .unit = "ns", .what = "one reading of the monotonic clock", .run = &clock_reading,
//         .n = 200, .floor = &bench::floors::clock_gettime}};
//     TRACTOR_BENCH_ROWS(rows);
//
// in any bench/rows_*.cpp; nothing else has to be told. The harness runs every pass of a row in a process of its own (this
// program, executed again), pinned as the row asks before anything else happens in it, so that a fork server or a thread that
// the row starts inherits the place, and a row that hangs or crashes costs itself only. Passes of the row and of its floor
// alternate. The floors to choose from are in floors.hpp, the bounds in bounds.cpp.
#pragma once

#include <chrono>
#include <cstddef>
#include <iterator>
#include <span>
#include <string_view>
#include <vector>

namespace bench {

// One line of one floor program: `program` is the file beside this executable in floor/, its arguments may contain {n},
// {cpu}, {cpu2} and {exe} (this program), and `line` is the id of the line that counts. Its unit must be the row's.
struct floor_spec {
  std::string_view program;
  std::string_view arguments;
  std::string_view line;
  std::size_t n = 0;  // samples a pass
  double factor = 1;  // the floor is this many times the line: 200 children, each a hello and a reap
};

enum class pinning {
  one_core,   // the process, and all it starts, on one cpu
  two_cores,  // the process on one cpu; the row puts its peer on pass::second_cpu() with pin_to()
  free,       // wherever the scheduler likes
};

class pass {
 public:
  pass(std::string_view unit, std::size_t n, int cpu, int second_cpu);

  // How many samples this pass is to take, and whether there are fewer yet.
  [[nodiscard]] std::size_t n() const { return n_; }
  [[nodiscard]] bool wanted() const { return samples_.size() < n_; }

  // Negative when the row is not pinned.
  [[nodiscard]] int cpu() const { return cpu_; }
  [[nodiscard]] int second_cpu() const { return second_cpu_; }

  // A sample in the row's unit.
  void add(double sample) { samples_.push_back(sample); }
  // A duration, for a row whose unit is ns, us, ms or s.
  void add_ns(double duration_ns);
  // So many in a duration, for a row whose unit is a rate: per second.
  void add_rate(double count, double duration_ns);

  [[nodiscard]] const std::vector<double>& samples() const { return samples_; }

 private:
  std::string_view unit_;
  std::size_t n_;
  int cpu_, second_cpu_;
  std::vector<double> samples_;
};

struct row {
  std::string_view id;
  std::string_view unit;
  std::string_view what;
  // Throws to fail; what it throws is printed and fails the row, not the others.
  void (*run)(pass&) = nullptr;
  std::size_t n = 0;  // samples a pass
  std::size_t passes = 5;
  pinning pin = pinning::one_core;
  const floor_spec* floor = nullptr;
  std::chrono::seconds pass_time_max{60};
};

// Moves the calling thread; throws std::system_error. A negative cpu changes nothing.
void pin_to(int cpu);

// The monotonic clock.
[[nodiscard]] double now_ns();

// All rows of all tables linked into this program, by id.
[[nodiscard]] std::vector<const row*> registered_rows();

using row_table = std::span<const row>;

// A constant record in a linker section of its own: no initialiser runs, which would slow the start of every actor that
// this program executes as.
#define TRACTOR_BENCH_ROWS(table)                                                                                                 \
  static constexpr ::bench::row_table table##_registered{table, std::size(table)};                                                \
  [[gnu::used, gnu::retain, gnu::section("tractor_bench_rows")]] constinit static const ::bench::row_table* const table##_entry = \
      &table##_registered

}  // namespace bench
