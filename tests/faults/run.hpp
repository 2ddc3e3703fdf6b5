// SPDX-License-Identifier: Apache-2.0
//
// One run of a dialog: its actors in one run of the scheduler, on the virtual clock, with connections in memory, and one fault.

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "dialogs.hpp"
#include "fault_stream.hpp"

namespace faults {

// More than any dialog takes that a fault does not hold up, with all its bounded waits; then somebody loses patience.
inline constexpr auto patience = std::chrono::hours(1);
inline constexpr auto delay = std::chrono::milliseconds(20);

// An end of a connection.
enum class side : unsigned char { opener, server, behind_server, third };
inline constexpr std::size_t sides_max = 4;
[[nodiscard]] std::string to_string(side of);
// Those that a fault can be at.
[[nodiscard]] std::span<const side> sides_of(shape of);

struct fault_at {
  side of = side::opener;
  faults::plan plan{};
  std::size_t timer = 0;  // or the n-th time that a task goes on because time has passed, it is so much later already; 0: never
  sc::duration late{};
};

struct outcome {
  std::string text;                                    // what the dialog gave, "error:TYPE", or "hung"
  faults::record record;                               // of the endpoints
  std::array<faults::progress, sides_max> progress{};  // by side
  std::size_t timers = 0;                              // how often time has passed
  bool timer_hit = false;
  sc::duration took{};            // the dialog
  sc::duration unwinding{};       // how long it took the opener to end, after patience with its dialog was over
  bool server_cancelled = false;  // by the dialog
  bool server_had_to_be_ended = false;
  bool third_had_to_be_ended = false;
  std::string broken{};  // what is wrong with it; empty: nothing
};

[[nodiscard]] outcome run_with(const dialog& said, const fault_at& fault, std::uint64_t seed);

}  // namespace faults
