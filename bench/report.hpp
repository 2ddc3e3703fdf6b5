// SPDX-License-Identifier: Apache-2.0
//
// The two forms in which results leave the program: the table for people and the JSON file for programs.
#pragma once

#include "statistics.hpp"

#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

struct result {
  std::string id;
  std::string unit;
  summary figures;
  std::string floor_id;  // empty without a floor
  std::optional<double> floor_median;
  std::string error;  // why there are no figures

  // Of the two medians; nothing without a floor.
  [[nodiscard]] std::optional<double> ratio() const;
};

struct machine {
  std::string cpu, kernel, compiler, build, governor, date;
  std::size_t cores = 0;
};

// Of this machine, now; what cannot be read is empty.
[[nodiscard]] machine describe_machine();

// An object with `machine` and `rows`; a row that failed is left out, a figure that is missing is null.
[[nodiscard]] std::string to_json(const machine& m, const std::vector<result>& rows);

// Writes the whole file or throws std::runtime_error and leaves the old one. What is no regular file is written to as it is.
void write_file(const std::string& path, std::string_view text);

void print_header(std::FILE* out, const machine& m, std::size_t id_width);
void print_row(std::FILE* out, const result& r, std::size_t id_width);

// Four significant digits, grouped in thousands: 1,234,567 or 0.1234.
[[nodiscard]] std::string human(double value);

}  // namespace bench
