// SPDX-License-Identifier: Apache-2.0
#include "harness.hpp"

#include "bounds.hpp"
#include "launch.hpp"
#include "report.hpp"
#include "row.hpp"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <system_error>

namespace bench {
namespace {

constexpr std::chrono::seconds floor_time_max{60};
constexpr std::size_t quick_divisor = 10;

struct cpus {
  int first = -1;
  int second = -1;
};

// Of those this process may use, the last two: interrupts tend to be served by the first ones.
cpus choose_cpus(const options& o) {
  if (o.cpu >= 0) return {o.cpu, o.cpu2};
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) throw std::system_error(errno, std::generic_category(), "sched_getaffinity");
  std::vector<int> allowed;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<unsigned>(cpu), &set)) allowed.push_back(cpu);
  }
  const int first = allowed.back();
  return {first, allowed.size() > 1 ? allowed[allowed.size() - 2] : first};
}

class harness {
 public:
  explicit harness(const options& o) : options_(o), cpus_(choose_cpus(o)), exe_(own_executable()) {}

  result measure(const row& r) {
    result out{.id = std::string(r.id), .unit = std::string(r.unit), .figures = {}, .floor_id = {}, .floor_median = {}, .error = {}};
    try {
      if (r.pin == pinning::two_cores && cpus_.first == cpus_.second) throw std::runtime_error("it needs two cpus, and one may be used");
      std::vector<summary> mine, floors;
      const std::size_t passes = options_.quick ? 1 : options_.passes > 0 ? options_.passes : r.passes;
      for (std::size_t i = 0; i < passes; ++i) {
        // Row and floor take turns in going first, so that a machine that slows down or heats up favours neither.
        if (i % 2 == 0) mine.push_back(row_pass(r));
        if (r.floor != nullptr) floors.push_back(floor_pass(r));
        if (i % 2 == 1) mine.push_back(row_pass(r));
      }
      out.figures = combine(mine);
      if (r.floor != nullptr) {
        out.floor_id = r.floor->line;
        out.floor_median = combine(floors).median * r.floor->factor;
      }
    } catch (const std::exception& e) {
      out.error = e.what();
    }
    return out;
  }

  // Every line that the floors printed, also those no row was held against, as rows of their own.
  [[nodiscard]] std::vector<result> floor_rows() const {
    std::vector<result> rows;
    for (const auto& [id, seen] : floor_lines_) {
      rows.push_back(
          {.id = "floor." + id, .unit = seen.unit, .figures = combine(seen.passes), .floor_id = {}, .floor_median = {}, .error = {}});
    }
    return rows;
  }

 private:
  struct seen_line {
    std::string unit;
    std::vector<summary> passes;
  };

  [[nodiscard]] std::size_t scaled(std::size_t n) const { return options_.quick ? std::max<std::size_t>(n / quick_divisor, 1) : n; }

  // A free row runs its floor free too.
  [[nodiscard]] cpus placed(const row& r) const { return r.pin == pinning::free ? cpus{} : cpus_; }

  summary row_pass(const row& r) const {
    const cpus at = placed(r);
    const std::vector<std::string> argv{exe_,
                                        "--run-row",
                                        std::string(r.id),
                                        "--n",
                                        std::to_string(scaled(r.n)),
                                        "--cpus",
                                        std::to_string(at.first) + ',' + std::to_string(at.second)};
    const std::vector<line> lines = run_for_lines(argv, at.first, r.pass_time_max);
    return line_called(r.id, r.unit, lines, "the row").figures;
  }

  summary floor_pass(const row& r) {
    const floor_spec& f = *r.floor;
    const cpus at = placed(r);
    std::vector<std::string> argv{(std::filesystem::path(exe_).parent_path() / "floor" / f.program).string()};
    for (std::string& word : expand(
             f.arguments,
             {{"n", std::to_string(scaled(f.n))}, {"cpu", std::to_string(at.first)}, {"cpu2", std::to_string(at.second)}, {"exe", exe_}})) {
      argv.push_back(std::move(word));
    }
    const std::vector<line> lines = run_for_lines(argv, at.first, floor_time_max);
    for (const line& l : lines) {
      seen_line& s = floor_lines_[l.id];
      s.unit = l.unit;
      s.passes.push_back(l.figures);
    }
    return line_called(f.line, r.unit, lines, "its floor").figures;
  }

  static const line& line_called(std::string_view id, std::string_view unit, const std::vector<line>& lines, const char* who) {
    const auto found = std::find_if(lines.begin(), lines.end(), [&](const line& l) { return l.id == id; });
    if (found == lines.end()) throw std::runtime_error(std::string(who) + " printed no line " + std::string(id));
    if (found->unit != unit) {
      throw std::runtime_error(std::string(who) + " measures in " + found->unit + ", not in " + std::string(unit));
    }
    return *found;
  }

  const options& options_;
  cpus cpus_;
  std::string exe_;
  std::map<std::string, seen_line> floor_lines_;
};

std::vector<const row*> chosen_rows(const options& o) {
  std::vector<const row*> rows = registered_rows();
  std::erase_if(rows, [&](const row* r) { return !matches(r->id, o.filters); });
  if (rows.empty()) throw std::invalid_argument("no row matches; --list prints them all");
  return rows;
}

int list_rows(const std::vector<const row*>& rows) {
  for (const row* r : rows) {
    const bound* b = find_bound(r->id);
    const std::string_view floor = r->floor == nullptr ? "-" : r->floor->line;
    const std::string_view text = b == nullptr ? "" : b->text;
    std::printf("%-34.*s %-6.*s %-28.*s %-22.*s %.*s\n", static_cast<int>(r->id.size()), r->id.data(), static_cast<int>(r->unit.size()),
                r->unit.data(), static_cast<int>(floor.size()), floor.data(), static_cast<int>(text.size()), text.data(),
                static_cast<int>(r->what.size()), r->what.data());
  }
  return EXIT_SUCCESS;
}

// One pass in this process: the line goes to what was standard output, and whatever the row or its actors print to the
// harness's standard error, so that nothing can get between.
int run_row(const options& o) {
  const std::vector<const row*> rows = registered_rows();
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const row* r) { return r->id == o.row_to_run; });
  if (found == rows.end()) throw std::invalid_argument("there is no row " + o.row_to_run);
  const row& r = **found;
  const int output = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (output < 0 || ::dup2(STDERR_FILENO, STDOUT_FILENO) < 0) throw std::system_error(errno, std::generic_category(), "dup2");

  pass p(r.unit, o.n > 0 ? o.n : r.n, o.cpu, o.cpu2);
  r.run(p);
  if (p.samples().empty()) throw std::runtime_error(o.row_to_run + " took no sample");
  const std::string text = format_line({o.row_to_run, std::string(r.unit), summarise(p.samples())});
  if (::write(output, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    throw std::system_error(errno, std::generic_category(), "cannot hand over the figures");
  }
  return EXIT_SUCCESS;
}

int measure_all(const options& o, const std::vector<const row*>& rows) {
  const machine m = describe_machine();
  std::size_t width = 30;
  for (const row* r : rows) width = std::max(width, r->id.size());
  print_header(stdout, m, width);
  harness h(o);
  std::vector<result> results;
  for (const row* r : rows) {
    results.push_back(h.measure(*r));
    print_row(stdout, results.back(), width);
    std::fflush(stdout);
  }
  const bool all_measured = std::all_of(results.begin(), results.end(), [](const result& r) { return r.error.empty(); });
  std::printf("\n");
  for (result& r : h.floor_rows()) {
    print_row(stdout, r, width);
    results.push_back(std::move(r));
  }
  if (!o.json_path.empty()) write_file(o.json_path, to_json(m, results));
  return all_measured ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int harness_main(int argc, char** argv) {
  constexpr int usage_error_status = 2;
  try {
    const options o = parse_options({argv + 1, argv + argc});
    if (o.help) {
      std::puts("tractor_bench [FILTER...] [--list] [--json FILE] [--passes N] [--quick] [--cpus A,B]");
      return EXIT_SUCCESS;
    }
    if (!o.row_to_run.empty()) return run_row(o);
    const std::vector<const row*> rows = chosen_rows(o);
    return o.list ? list_rows(rows) : measure_all(o, rows);
  } catch (const std::invalid_argument& e) {
    std::fprintf(stderr, "tractor_bench: %s\n", e.what());
    return usage_error_status;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "tractor_bench: %s\n", e.what());
    return EXIT_FAILURE;
  }
}

}  // namespace bench
