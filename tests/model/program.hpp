// SPDX-License-Identifier: Apache-2.0
//
// Programs for model_check_test.cpp and model_kept_test.cpp: trees of sleeps, scopes, nurseries, cleanups, failures and cancels.
//
// In a random program every wait has a length of its own, drawn from so many that two things hardly ever happen at the same moment; and who
// has cancelled, or started a task, sleeps before it goes on. So what a program does depends on the rules alone, not on the order in which
// ready tasks run.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
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
  int nodes = 0;  // more than any id
};

// The same program for the same seed, until the generator is edited: what is to be kept is kept as text.
program make_program(std::uint64_t seed);
// One in which all waits are a few nanoseconds long, so that much happens at the same moment.
program make_crowded_program(std::uint64_t seed);

// The program as an indented list, for people and for parse.
std::string to_text(const program& what);
// Ids may have gaps. Throws std::invalid_argument, which names the line.
program parse(std::string_view text);

// A program no part of which can be left out without `fails` becoming false.
program shrink(program what, const std::function<bool(const program&)>& fails);

// How one node ended. Errors are the ids of the leaves that failed, `timed_out` for a deadline, sorted.
struct outcome {
  enum class kind : unsigned char { never, value, cancelled, error };
  static constexpr int timed_out = -1;
  kind how = kind::never;
  duration at{};  // since the start
  std::vector<int> errors{};
  // Of a scope.
  bool cancel_called = false;
  bool cancelled_caught = false;
  friend bool operator==(const outcome&, const outcome&) = default;
};
std::string to_text(const outcome& what);

// What the rules say: by node id, how and when each ends. An implementation of its own, which shares nothing with the kernel: it walks
// up from each sleeping leaf to see whether that is cancelled.
// Where several things happen at the same moment, in every order: each is a way in which the program may end. Nothing where there are too
// many of them.
std::vector<std::vector<outcome>> predict(const program& what);

// What the kernel makes of it, with its tasks in the order that `seed` gives.
std::vector<outcome> run_with_kernel(const program& what, std::uint64_t seed);

// Whether the kernel does what the rules say.
enum class verdict : unsigned char { agree, differ, undecided };
verdict compare(const program& what, std::uint64_t seed);
// How they differ, with the program, as small as it can be, in the form in which model_kept_test.cpp takes it.
std::string explain(const program& what, std::uint64_t seed);

}  // namespace sc_model
