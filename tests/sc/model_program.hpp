// SPDX-License-Identifier: Apache-2.0
//
// Random programs for model_check_test.cpp: trees of sleeps, scopes, nurseries, cleanups, failures and cancels.
//
// Every wait has a length of its own, drawn from so many that two things hardly ever happen at the same moment; and who has cancelled, or
// started a task, sleeps before it goes on. So what a program does depends on the rules alone, not on the order in which ready tasks run.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tractor/sc/clock.hpp"

namespace sc_model {

using tractor::sc::duration;

enum class node_kind : unsigned char {
  leaf,     // sleeps, then acts; sleeps once more after a cancel
  seq,      // children one after another
  scope,    // children: the body
  nursery,  // children: the body, then the tasks
  finally,  // children: the body, the cleanup
  start,    // nursery::start of a task into `target`; children: before and after started()
};
enum class act_kind : unsigned char { none, fail, cancel };

struct node {
  node_kind kind = node_kind::leaf;
  int id = 0;
  duration wait{};                     // a leaf's sleep, a cleanup's grace
  act_kind act = act_kind::none;       // of a leaf
  duration rest{};                     // the sleep after a cancel, or after start
  int target = -1;                     // whom a leaf cancels (a scope or a nursery), where start puts its task
  std::optional<duration> deadline{};  // of a scope, from its entry on
  bool shield = false;
  bool fail_on_timeout = false;
  std::vector<std::unique_ptr<node>> children{};
};

struct program {
  std::unique_ptr<node> root;
  int nodes = 0;
};

// The same program for the same seed.
program make_program(std::uint64_t seed);

// The program as an indented list, for people.
std::string to_text(const program& what);

// How one node ended. Errors are the ids of the leaves that failed, `timed_out` for a deadline, sorted.
struct outcome {
  enum class kind : unsigned char { never, value, cancelled, error };
  static constexpr int timed_out = -1;
  kind how = kind::never;
  duration at{};  // since the start
  std::vector<int> errors{};
  friend bool operator==(const outcome&, const outcome&) = default;
};
std::string to_text(const outcome& what);

// What the rules say: by node id, how and when each ends. An implementation of its own, which shares nothing with the kernel: it walks
// up from each sleeping leaf to see whether that is cancelled.
// Nothing where two things happen at the same moment: the order of these may decide.
std::optional<std::vector<outcome>> predict(const program& what);

}  // namespace sc_model
