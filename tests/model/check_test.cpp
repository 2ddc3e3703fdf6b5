// SPDX-License-Identifier: Apache-2.0
//
// Random programs run by the kernel, and by a model that shares no code with it; every node must end the same way at the same time, and
// every scope say the same of its cancel. TRACTOR_MODEL_PROGRAMS and TRACTOR_MODEL_CROWDED_PROGRAMS say how many, TRACTOR_TEST_SEED replays
// one.

#include <cstdlib>
#include <random>

#include "program.hpp"
#include "tests/sc/sc_test.hpp"

namespace {

using namespace sc_test;
using sc_model::verdict;

// Sanitizers make exceptions a hundred times slower.
#if defined(TRACTOR_ASAN) || __has_feature(thread_sanitizer)
constexpr std::uint64_t programs_default = 1'000;
#else
constexpr std::uint64_t programs_default = 100'000;
#endif

// As many as wanted, each the `make` of a seed from `first` on, or the one that is to be replayed.
void check_programs(sc_model::program (*make)(std::uint64_t seed), std::uint64_t first, std::uint64_t programs) {
  if (const char* const given = std::getenv("TRACTOR_TEST_SEED")) {
    const auto seed = tractor::testing::parse_seed(given);
    ASSERT_TRUE(seed) << "TRACTOR_TEST_SEED is no number: " << given;
    first = *seed;
    programs = 1;
  }
  std::uint64_t undecided = 0;
  for (std::uint64_t seed = first; seed != first + programs; ++seed) {
    const tractor::testing::seed_note noted(seed);
    const sc_model::program what = make(seed);
    const verdict found = sc_model::compare(what, seed);
    undecided += found == verdict::undecided;
    if (found != verdict::differ) continue;
    ADD_FAILURE() << "replay with TRACTOR_TEST_SEED=" << seed << "\n" << sc_model::to_text(what) << sc_model::explain(what, seed);
    return;
  }
  if (programs == 1 && undecided == 1) GTEST_SKIP() << "too much happens at the same nanosecond: the model does not try all orders";
  EXPECT_LE(undecided * 5, programs) << "programs in which too much happens at the same nanosecond: no more than a few";
}

std::uint64_t random_start() { return std::random_device{}() * std::uint64_t{1'000'003}; }

TEST(model_check, random_programs_end_as_the_rules_say) {
  const char* const wanted = std::getenv("TRACTOR_MODEL_PROGRAMS");
  const std::uint64_t programs = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : programs_default;
  check_programs(&sc_model::make_program, random_start(), programs);
}

// Fewer, because all orders are tried for each. And the same ones in every build: of the orders that are possible, the model has those that
// the kernel was found to take. More are looked at where a number is asked for.
TEST(model_check, crowded_programs_end_in_one_of_the_ways_that_the_rules_allow) {
  const char* const wanted = std::getenv("TRACTOR_MODEL_CROWDED_PROGRAMS");
  if (wanted != nullptr)
    check_programs(&sc_model::make_crowded_program, random_start(), std::strtoull(wanted, nullptr, 10));
  else
    check_programs(&sc_model::make_crowded_program, 1, programs_default / 100);
}

}  // namespace
