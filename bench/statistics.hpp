// SPDX-License-Identifier: Apache-2.0
//
// What a set of samples comes to, and the one line of text that carries it from a measured program to the harness:
//
//     id unit median p99 n max
//
// The line is what every floor program and every row of the benchmarks prints on its standard output. Header only and
// without dependencies, because the floor programs link to nothing but libc and libstdc++.
#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

struct summary {
  double median = 0;
  double p99 = 0;
  double max = 0;
  std::size_t n = 0;
};

struct line {
  std::string id;
  std::string unit;
  summary figures;
};

// The middle value; of an even number the mean of the two in the middle. NaN of nothing.
[[nodiscard]] double median(std::vector<double> samples);

// Nearest rank: the smallest sample that is not below 99 % of all. The maximum when there are fewer than 100.
[[nodiscard]] double p99(std::vector<double> samples);

[[nodiscard]] summary summarise(const std::vector<double>& samples);

// Several passes as one: the median of the medians and of the 99th percentiles, the largest maximum, all samples counted.
[[nodiscard]] summary combine(const std::vector<summary>& passes);

[[nodiscard]] std::string format_line(const line& l);

// Nothing unless the text is exactly one such line (the maximum may be missing) with finite figures.
[[nodiscard]] std::optional<line> parse_line(std::string_view text);

// ---------------------------------------------------------------------------------------------------------------------

inline double median(std::vector<double> samples) {
  if (samples.empty()) return std::nan("");
  const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
  std::nth_element(samples.begin(), middle, samples.end());
  if (samples.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(samples.begin(), middle)) / 2;
}

inline double p99(std::vector<double> samples) {
  if (samples.empty()) return std::nan("");
  const std::size_t rank = (samples.size() * 99 + 99) / 100;
  const auto place = samples.begin() + static_cast<std::ptrdiff_t>(rank - 1);
  std::nth_element(samples.begin(), place, samples.end());
  return *place;
}

inline summary summarise(const std::vector<double>& samples) {
  const auto largest = std::max_element(samples.begin(), samples.end());
  return {median(samples), p99(samples), largest == samples.end() ? std::nan("") : *largest, samples.size()};
}

inline summary combine(const std::vector<summary>& passes) {
  std::vector<double> medians, tails, largest;
  std::size_t n = 0;
  for (const summary& s : passes) {
    medians.push_back(s.median);
    tails.push_back(s.p99);
    largest.push_back(s.max);
    n += s.n;
  }
  return {median(medians), median(tails), summarise(largest).max, n};
}

inline std::string format_line(const line& l) {
  char figures[160];
  std::snprintf(figures, sizeof figures, " %.6g %.6g %zu %.6g\n", l.figures.median, l.figures.p99, l.figures.n, l.figures.max);
  return l.id + ' ' + l.unit + figures;
}

inline std::optional<line> parse_line(std::string_view text) {
  std::vector<std::string_view> words;
  for (std::size_t at = 0; (at = text.find_first_not_of(" \t\r\n", at)) != text.npos;) {
    const std::size_t end = std::min(text.find_first_of(" \t\r\n", at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end;
  }
  if (words.size() < 5 || words.size() > 6) return std::nullopt;
  const auto number = [](std::string_view word, auto& out) {
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), out);
    return error == std::errc{} && end == word.data() + word.size() && std::isfinite(static_cast<double>(out));
  };
  line l{std::string(words[0]), std::string(words[1]), {}};
  summary& s = l.figures;
  if (!number(words[2], s.median) || !number(words[3], s.p99) || !number(words[4], s.n)) return std::nullopt;
  s.max = s.p99;
  if (words.size() == 6 && !number(words[5], s.max)) return std::nullopt;
  return l;
}

}  // namespace bench
