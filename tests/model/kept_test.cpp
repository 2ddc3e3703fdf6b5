// SPDX-License-Identifier: Apache-2.0
//
// Programs that are always run against the model, beside the random ones: those on which kernel and model once differed, and for each rule
// of the model the smallest program that was found which ends otherwise without it. A failure of model_check_test.cpp prints one to add
// here. They are kept as text, because the generator may be edited.

#include <array>
#include <ostream>
#include <set>
#include <stdexcept>

#include "program.hpp"
#include "tests/sc/sc_test.hpp"

namespace {

using namespace sc_test;
using sc_model::outcome;
using sc_model::verdict;

struct kept {
  const char* why;  // a name
  std::uint64_t seed;
  const char* text;
  friend void PrintTo(const kept& what, std::ostream* out) { *out << what.why; }
};

// A program runs with that many seeds, from its own on.
constexpr std::uint64_t orders = 16;

constexpr kept differed[] = {
    // Both orders are right, and the model knew one (2026-11-28).
    {"cancel_at_the_moment_at_which_a_sleep_in_the_scope_ends", 1, R"(
0 nursery
  1 leaf 5ns then cancels 2 then sleeps 1ns
  2 scope
    3 leaf 5ns
  4 leaf 20ns
)"},
    // Deadlines that pass at one moment all pass before a task goes on; the model let the first one end its scope.
    {"deadlines_of_a_scope_and_of_the_cleanup_around_it_pass_together", 1, R"(
0 finally 2ns
  1 leaf 1ns
  2 scope deadline 2ns
    3 leaf 3ns
)"},
    // Who waits for a task to start goes on a step after that has failed; the model had both in one step.
    {"cancel_between_the_end_of_a_task_and_of_the_start_that_waits_for_it", 4208, R"(
0 nursery
  2 nursery
    3 scope
      4 start in 0 then sleeps 1ns
        5 scope deadline 3ns fails on timeout
          6 leaf 4ns
        8 leaf 1ns
    9 leaf 3ns then cancels 3 then sleeps 4ns
    10 leaf 1ns
  12 leaf 4ns
)"},
    // The end of a cleanup brings out the error of its body; the model took a sleep that ends for something that decides nothing.
    {"cleanup_that_ends_with_its_body_s_error_when_another_sleep_ends", 2205424915265453, R"(
4 nursery
  5 nursery
    6 leaf 1ns
    7 leaf 10ns
  8 leaf 9ns
  9 finally 5ns
    10 leaf 8ns then fails
    11 leaf 2ns
)"},
    // The end of a nursery lets others run, also when it has no tasks left; the model let its task go straight on.
    {"cancel_between_the_end_of_a_nursery_without_tasks_and_of_the_scope_around_it", 2530946653839941, R"(
2 nursery
  4 scope
    5 nursery
      6 scope deadline 4ns
        7 leaf 7ns
  8 leaf 4ns
  9 leaf 4ns then cancels 4 then sleeps 8ns
  10 leaf 5ns
)"},
};

constexpr kept rules[] = {
    {"a_shield_keeps_out_what_an_error_cancels", 1, R"(
7 nursery
  14 scope shield
    17 leaf 2ns
  26 leaf 1ns then fails
)"},
    {"a_cleanup_is_shielded", 1, R"(
0 nursery
  7 finally 10ns
    8 leaf 1ns
    9 leaf 3ns
  14 leaf 2ns then fails
)"},
    {"a_shielded_scope_absorbs_its_cancel_inside_a_cancelled_one", 1, R"(
0 nursery
  13 leaf 1ns then cancels 0 then sleeps 1ns
  27 scope deadline 15ns shield
    30 leaf 27ns
)"},
    {"a_scope_inside_a_cancelled_one_passes_the_cancel_on", 1, R"(
0 nursery
  1 scope
    2 scope shield
      3 nursery
        4 leaf 1ns then cancels 1 then sleeps 1ns
        5 leaf 2ns then cancels 3 then sleeps 1ns
)"},
    {"a_nursery_that_waits_in_a_cancelled_scope_ends_as_cancelled", 1, R"(
15 scope
  16 nursery
    20 leaf 2ns then cancels 15 then sleeps 1ns
    23 nursery
      24 leaf 1ns
      26 leaf 3ns
)"},
    {"a_nursery_whose_body_is_cancelled_ends_as_cancelled", 1, R"(
30 nursery
  34 leaf 1ns then fails
  35 nursery
    38 leaf 3ns
)"},
    {"an_error_cancels_the_nursery", 1, R"(
0 nursery
  3 leaf 1ns then fails
  26 leaf 3ns
)"},
    {"a_cleanup_that_is_over_its_time_is_an_error", 1, R"(
3 finally 2ns
  4 leaf 1ns
  5 leaf 5ns
)"},
    {"errors_of_body_and_cleanup_are_both_kept", 1, R"(
14 finally 10ns
  21 leaf 1ns then fails
  29 leaf 1ns then fails
)"},
    {"a_finally_ends_as_its_body_did", 1, R"(
0 scope deadline 1ns
  1 finally 10ns
    2 leaf 5ns
    3 leaf 2ns
)"},
    {"an_error_before_started_comes_out_of_the_start", 1, R"(
0 nursery
  1 scope
    2 start in 0 then sleeps 1ns
      3 leaf 1ns then fails
      4 leaf 1ns
)"},
    {"an_error_after_started_in_a_cancelled_scope_comes_out_of_the_start", 1, R"(
0 nursery
  1 start in 0 then sleeps 1ns
    2 scope shield
      4 leaf 1ns then cancels 0 then sleeps 1ns
    8 finally 2ns
      9 leaf 1ns
      10 leaf 5ns
)"},
    {"a_task_that_starts_in_a_cancelled_scope_is_not_moved", 1, R"(
0 nursery
  1 scope
    2 start in 0 then sleeps 1ns
      3 scope shield
        4 leaf 2ns then cancels 1 then sleeps 1ns
      5 leaf 3ns
)"},
    {"a_task_that_has_started_outlives_the_scope_it_was_started_in", 1, R"(
0 nursery
  1 scope
    2 start in 0 then sleeps 5ns
      3 leaf 1ns
      4 leaf 9ns
  5 leaf 3ns then cancels 1 then sleeps 1ns
)"},
    {"a_scope_that_fails_on_timeout_fails_when_it_is_cancelled", 1, R"(
15 scope fails on timeout
  20 leaf 1ns then cancels 15 then sleeps 1ns
)"},
    {"a_scope_that_was_cancelled_too_late_keeps_its_error", 1, R"(
3 scope deadline 4ns
  5 finally 10ns
    6 leaf 1ns then fails
    7 leaf 5ns
)"},
    {"a_cancel_does_not_reach_who_has_been_woken", 1, R"(
3 scope deadline 5ns
  4 nursery
    5 leaf 1ns
    7 leaf 5ns
)"},
};

class kept_programs : public testing::TestWithParam<kept> {};

const auto name_of = [](const testing::TestParamInfo<kept>& info) { return std::string(info.param.why); };
INSTANTIATE_TEST_SUITE_P(differed, kept_programs, testing::ValuesIn(differed), name_of);
INSTANTIATE_TEST_SUITE_P(rules, kept_programs, testing::ValuesIn(rules), name_of);

TEST_P(kept_programs, end_as_the_rules_say) {
  const sc_model::program what = sc_model::parse(GetParam().text);
  for (std::uint64_t seed = GetParam().seed; seed != GetParam().seed + orders; ++seed) {
    const tractor::testing::seed_note noted(seed);
    ASSERT_EQ(sc_model::compare(what, seed), verdict::agree) << sc_model::explain(what, seed);
  }
}

// --- the texts ---

TEST(model_text, is_read_as_it_was_written) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const sc_model::program what = sc_model::make_program(seed);
    const std::string text = sc_model::to_text(what);
    const sc_model::program again = sc_model::parse(text);
    ASSERT_EQ(text, sc_model::to_text(again));
    ASSERT_EQ(sc_model::predict(what), sc_model::predict(again)) << text;
  }
}

TEST(model_text, that_is_wrong_is_refused_with_its_line) {
  const auto refusal = [](const char* text) { return message_of([=] { sc_model::parse(text); }); };
  EXPECT_TRUE(contains(refusal("0 leaf 5ms"), "'5ms' was not expected: \"0 leaf 5ms\"")) << refusal("0 leaf 5ms");
  EXPECT_TRUE(contains(refusal("0 tree"), "no node of the kind 'tree'")) << refusal("0 tree");
  EXPECT_TRUE(contains(refusal("x leaf"), "'x' is no number")) << refusal("x leaf");
  EXPECT_TRUE(contains(refusal("0 leaf then"), "a word is missing")) << refusal("0 leaf then");
  EXPECT_TRUE(contains(refusal("0 leaf\n1 leaf"), "below no other node")) << refusal("0 leaf\n1 leaf");
  EXPECT_TRUE(contains(refusal("0 seq\n    1 leaf"), "below no other node")) << refusal("0 seq\n    1 leaf");
  EXPECT_TRUE(contains(refusal("0 seq\n  0 leaf"), "used twice")) << refusal("0 seq\n  0 leaf");
  EXPECT_TRUE(contains(refusal("0 finally 1ns\n  1 leaf"), "has not the children")) << refusal("0 finally 1ns\n  1 leaf");
  EXPECT_TRUE(contains(refusal(""), "at least one node")) << refusal("");
}

TEST(model_shrink, leaves_what_it_takes) {
  const sc_model::program what = sc_model::parse(R"(
0 nursery
  1 seq
    2 scope deadline 900ns
      3 leaf 8ns then fails
    4 leaf 7ns
  5 leaf 100ns then cancels 2 then sleeps 3ns
)");
  const auto fails = [](const sc_model::program& each) { return contains(sc_model::to_text(each), "fails"); };
  EXPECT_EQ(sc_model::to_text(sc_model::shrink(sc_model::parse(sc_model::to_text(what)), fails)), "3 leaf 1ns then fails\n");
}

// The model has all orders of what happens at once, and one where nothing does.
TEST(model_predict, gives_each_way_once) {
  std::set<std::string> ways;
  for (const auto& way : sc_model::predict(sc_model::parse(differed[0].text))) ways.insert(to_text(way.at(2)));
  EXPECT_EQ(ways, (std::set<std::string>{"value at 5ns", "value at 5ns, cancel_called"}));
  EXPECT_EQ(sc_model::predict(sc_model::parse(rules[0].text)).size(), 1U);
}

}  // namespace
