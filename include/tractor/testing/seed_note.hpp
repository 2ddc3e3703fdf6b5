// SPDX-License-Identifier: Apache-2.0
//
// The seed of the run that is going on, said by a process that dies in it or hangs.
//
//     const seed_note noted(seed);
//     …                                 // abort(): "tractor: SIGABRT in a seeded run: replay with TRACTOR_TEST_SEED=4711" on stderr
//
// A failure that is reported names its seed; a broken invariant, a crash, std::terminate, a sanitizer's report, Ctrl-C and SIGTERM end
// the process before anything is reported. While a seed_note lives, handlers for their signals write the line and then let happen what
// would have happened without them. A run that takes longer than `patience` of real time says its seed and goes on: SIGKILL, with which
// ctest ends a test that is over its time, cannot be caught.
//
// SIGTERM, SIGINT and SIGALRM are left alone where the program has a handler of its own. One at a time in a process: of several, the
// first is the one that speaks. Needs no test framework.

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "tractor/base/config.hpp"

namespace tractor::testing {

inline constexpr auto seed_patience_default = std::chrono::seconds(60);

// A seed as people write it, in decimal; nothing when it is anything else.
[[nodiscard]] TRACTOR_API std::optional<std::uint64_t> parse_seed(std::string_view text) noexcept;

class TRACTOR_API seed_note {
 public:
  explicit seed_note(std::uint64_t seed, std::chrono::milliseconds patience = seed_patience_default) noexcept;
  seed_note(const seed_note&) = delete;
  seed_note& operator=(const seed_note&) = delete;
  ~seed_note();

 private:
  bool speaks_;
};

}  // namespace tractor::testing
