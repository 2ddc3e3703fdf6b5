// SPDX-License-Identifier: Apache-2.0
//
// What two actors say to each other in the sweep: every kind of dialog, and every way it can end (S-CTX).

#pragma once

#include <functional>
#include <span>
#include <string>

#include "tractor/tractor.hpp"

namespace faults {

namespace sc = tractor::sc;

enum class shape : unsigned char {
  one_connection,
  two_connections,     // between the same two; faults on the first
  through_the_middle,  // a third actor behind the server; faults on both connections
};
inline constexpr const char* third_actor_name = "third";

struct dialog {
  const char* name;
  enum shape shape;
  const char* gives;  // undisturbed: what `run` returns, or "error:TYPE"
  // So many faults have been met in it, or a little more where there are many. One that has fewer has lost some of what it says: messages,
  // or the end of it. So the sweep cannot shrink unseen; a change that is meant to have fewer says so here.
  std::size_t points_min;
  // What became of it, as text; or it throws. One portal for each connection of the opener.
  std::function<sc::task<std::string>(std::span<const tractor::portal>)> run;
};
[[nodiscard]] std::span<const dialog> dialogs();

// What the endpoints have seen since reset(): each that was entered was left.
struct record {
  int entered = 0;
  int returned = 0;
  int failed = 0;
  int cancelled = 0;
  friend bool operator==(const record&, const record&) = default;
};
[[nodiscard]] record seen();
void reset();

}  // namespace faults
