// SPDX-License-Identifier: Apache-2.0
#include "bench/statistics.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace {

TEST(bench_statistics, median_of_odd_count_is_the_middle_sample) { EXPECT_EQ(bench::median({9, 1, 5}), 5); }

TEST(bench_statistics, median_of_even_count_is_the_mean_of_the_middle_two) { EXPECT_EQ(bench::median({9, 1, 5, 3}), 4); }

TEST(bench_statistics, median_ignores_how_far_an_outlier_lies_out) { EXPECT_EQ(bench::median({1, 2, 1e12}), 2); }

TEST(bench_statistics, p99_is_the_nearest_rank) {
  std::vector<double> thousand(1000);
  std::iota(thousand.begin(), thousand.end(), 1);

  EXPECT_EQ(bench::p99(thousand), 990);
  EXPECT_EQ(bench::p99({thousand.begin(), thousand.begin() + 100}), 99);
  EXPECT_EQ(bench::p99({thousand.begin(), thousand.begin() + 99}), 99);
  EXPECT_EQ(bench::p99({7}), 7);
}

TEST(bench_statistics, nothing_has_no_figures) {
  const bench::summary s = bench::summarise({});

  EXPECT_TRUE(std::isnan(s.median));
  EXPECT_TRUE(std::isnan(s.p99));
  EXPECT_TRUE(std::isnan(s.max));
  EXPECT_EQ(s.n, 0U);
}

TEST(bench_statistics, combine_takes_medians_of_passes_and_the_largest_maximum) {
  const bench::summary s = bench::combine({{1, 10, 100, 5}, {3, 30, 50, 5}, {2, 20, 60, 5}});

  EXPECT_EQ(s.median, 2);
  EXPECT_EQ(s.p99, 20);
  EXPECT_EQ(s.max, 100);
  EXPECT_EQ(s.n, 15U);
}

TEST(bench_statistics, line_survives_formatting_and_parsing) {
  const auto parsed = bench::parse_line(bench::format_line({"stream.small.uds", "msg/s", {1.5e7, 0.125, 2e7, 12}}));

  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->id, "stream.small.uds");
  EXPECT_EQ(parsed->unit, "msg/s");
  EXPECT_EQ(parsed->figures.median, 1.5e7);
  EXPECT_EQ(parsed->figures.p99, 0.125);
  EXPECT_EQ(parsed->figures.max, 2e7);
  EXPECT_EQ(parsed->figures.n, 12U);
}

TEST(bench_statistics, line_without_maximum_takes_its_p99) {
  const auto parsed = bench::parse_line("a us 1 2 3\n");

  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->figures.max, 2);
}

TEST(bench_statistics, text_that_is_no_line_is_refused) {
  for (const char* text :
       {"", "a us 1 2", "a us 1 2 3 4 5", "a us x 2 3", "a us 1 2x 3", "a us 1 2 -3", "a us nan 2 3", "a us 1 inf 3", "a us 1 2 3.5"}) {
    EXPECT_FALSE(bench::parse_line(text)) << text;
  }
}

}  // namespace
