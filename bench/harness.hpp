// SPDX-License-Identifier: Apache-2.0
//
// The program `tractor_bench`: measures the rows that match a filter, each next to its floor, and reports them.
//
//     tractor_bench [FILTER...] [--list] [--json FILE] [--passes N] [--quick] [--cpus A,B]
//
// A filter is a piece of an id, or a pattern with * and ?. Exit status: 0 when every chosen row was measured, whatever its
// bounds; 1 when one could not be; 2 for a command line that makes no sense.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bench {

struct options {
  std::vector<std::string> filters;
  std::string json_path;
  std::string row_to_run;  // this process is one pass of that row
  std::size_t n = 0;       // samples of that pass
  std::size_t passes = 0;  // 0: as each row says
  bool quick = false;      // a tenth of the samples, one pass: whether it works, not how fast
  bool list = false;
  bool help = false;
  int cpu = -1;
  int cpu2 = -1;
};

// Throws std::invalid_argument with a sentence.
[[nodiscard]] options parse_options(const std::vector<std::string_view>& arguments);

[[nodiscard]] bool matches(std::string_view id, const std::vector<std::string>& filters);

// `{name}` replaced, the text split at blanks (a value with a blank in it stays one word).
struct placeholder {
  std::string_view name;
  std::string value;
};
[[nodiscard]] std::vector<std::string> expand(std::string_view arguments, const std::vector<placeholder>& values);

[[nodiscard]] int harness_main(int argc, char** argv);

}  // namespace bench
