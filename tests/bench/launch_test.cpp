// SPDX-License-Identifier: Apache-2.0
#include "bench/launch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cerrno>
#include <stdexcept>

#include "bench/harness.hpp"
#include "bench/row.hpp"

namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr int unpinned = -1;
constexpr auto generous = 60s;

std::vector<std::string> shell(std::string script) { return {"/bin/sh", "-c", std::move(script)}; }

std::string error_of(const std::vector<std::string>& argv, std::chrono::seconds time_max = generous) {
  try {
    static_cast<void>(bench::run_for_lines(argv, unpinned, time_max));
  } catch (const std::exception& e) {
    return e.what();
  }
  return "";
}

bool no_child_is_left() { return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD; }

TEST(bench_launch, output_lines_are_returned_in_order) {
  const auto lines = bench::run_for_lines(shell("echo a us 1 2 3; echo b ns 4 5 6 7"), unpinned, generous);

  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].id, "a");
  EXPECT_EQ(lines[1].figures.max, 7);
  EXPECT_TRUE(no_child_is_left());
}

TEST(bench_launch, garbage_is_an_error_that_quotes_it) { EXPECT_THAT(error_of(shell("echo hello there")), HasSubstr("'hello there'")); }

TEST(bench_launch, exit_status_is_an_error_even_after_good_lines) {
  EXPECT_THAT(error_of(shell("echo a us 1 2 3; exit 3")), HasSubstr("exit status 3"));
}

TEST(bench_launch, death_by_signal_is_an_error_that_names_it) { EXPECT_THAT(error_of(shell("kill -9 $$")), HasSubstr("Killed")); }

TEST(bench_launch, missing_program_is_an_error) { EXPECT_THAT(error_of({"/nonexistent/floor"}), HasSubstr("exit status 127")); }

TEST(bench_launch, program_that_takes_too_long_is_killed_and_reaped) {
  EXPECT_THAT(error_of({"/bin/sleep", "1000"}, 0s), HasSubstr("longer than 0 s"));
  EXPECT_TRUE(no_child_is_left());
}

TEST(bench_launch, program_that_closes_its_output_and_stays_is_killed_too) {
  EXPECT_THAT(error_of(shell("exec >&-; exec sleep 1000"), 1s), HasSubstr("longer than 1 s"));
  EXPECT_TRUE(no_child_is_left());
}

TEST(bench_launch, endless_output_is_cut_off) { EXPECT_THAT(error_of({"/usr/bin/yes"}), HasSubstr("more than a mebibyte")); }

TEST(bench_options, filters_match_as_pieces_or_patterns) {
  EXPECT_TRUE(bench::matches("rpc.uds.same_core", {}));
  EXPECT_TRUE(bench::matches("rpc.uds.same_core", {"uds"}));
  EXPECT_TRUE(bench::matches("rpc.uds.same_core", {"tcp", "rpc"}));
  EXPECT_FALSE(bench::matches("rpc.uds.same_core", {"tcp"}));
  EXPECT_TRUE(bench::matches("rpc.uds.same_core", {"rpc.*.same_core"}));
  EXPECT_FALSE(bench::matches("rpc.uds.same_core", {"*.uds"}));
}

TEST(bench_options, placeholders_become_words_even_with_blanks_in_them) {
  const auto words = bench::expand("--exe {exe}  --n {n}", {{"exe", "/a b/c"}, {"n", "5"}});

  EXPECT_EQ(words, (std::vector<std::string>{"--exe", "/a b/c", "--n", "5"}));
  EXPECT_THROW(static_cast<void>(bench::expand("{typo}", {})), std::invalid_argument);
}

TEST(bench_options, command_line_is_understood) {
  const bench::options o = bench::parse_options({"rpc", "--json", "f", "--passes", "3", "--cpus", "1,0", "--quick"});

  EXPECT_EQ(o.filters, (std::vector<std::string>{"rpc"}));
  EXPECT_EQ(o.json_path, "f");
  EXPECT_EQ(o.passes, 3U);
  EXPECT_EQ(o.cpu, 1);
  EXPECT_EQ(o.cpu2, 0);
  EXPECT_TRUE(o.quick);
}

TEST(bench_options, senseless_command_line_is_refused) {
  using words = std::vector<std::string_view>;
  for (const words& line : {words{"--typo"}, words{"--json"}, words{"--passes", "0"}, words{"--passes", "x"}, words{"--cpus", "1;0"}}) {
    EXPECT_THROW(static_cast<void>(bench::parse_options(line)), std::invalid_argument) << line[0];
  }
}

TEST(bench_pass, duration_is_converted_to_the_unit) {
  for (const auto& [unit, expected] : {std::pair{"ns", 5e6}, {"us", 5e3}, {"ms", 5.0}, {"s", 5e-3}}) {
    bench::pass p(unit, 1, unpinned, unpinned);
    p.add_ns(5e6);
    EXPECT_DOUBLE_EQ(p.samples().at(0), expected);
    EXPECT_FALSE(p.wanted());
  }
}

TEST(bench_pass, rate_is_per_second) {
  bench::pass p("msg/s", 1, unpinned, unpinned);
  p.add_rate(100, 5e8);

  EXPECT_DOUBLE_EQ(p.samples().at(0), 200);
}

TEST(bench_pass, sample_of_another_kind_than_the_unit_is_refused) {
  bench::pass memory("KiB", 1, unpinned, unpinned);

  EXPECT_THROW(memory.add_ns(1), std::logic_error);
  EXPECT_THROW(memory.add_rate(1, 1), std::logic_error);
}

}  // namespace
