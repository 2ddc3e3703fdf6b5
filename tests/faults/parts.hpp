// SPDX-License-Identifier: Apache-2.0
//
// What the files of dialogs share.

#pragma once

#include <optional>
#include <span>
#include <string>

#include "dialogs.hpp"

#define FAULTS_DIALOG(function, gives, points_min)                                                                  \
  dialog {                                                                                                          \
    #function, shape::one_connection, gives, points_min, [](std::span<const portal> to) { return function(to[0]); } \
  }
#define FAULTS_DIALOG_OF_TWO(function, gives, points_min)                                                                   \
  dialog {                                                                                                                  \
    #function, shape::two_connections, gives, points_min, [](std::span<const portal> to) { return function(to[0], to[1]); } \
  }
#define FAULTS_DIALOG_THROUGH_THE_MIDDLE(function, gives, points_min)                                                   \
  dialog {                                                                                                              \
    #function, shape::through_the_middle, gives, points_min, [](std::span<const portal> to) { return function(to[0]); } \
  }

namespace faults {

[[nodiscard]] std::span<const dialog> call_dialogs();
[[nodiscard]] std::span<const dialog> context_dialogs();
[[nodiscard]] std::span<const dialog> stream_dialogs();
[[nodiscard]] std::span<const dialog> type_dialogs();
[[nodiscard]] std::span<const dialog> several_dialogs();

// Dialogs that are parts of others.
sc::task<std::string> cancelled_call(const tractor::portal& there);
sc::task<std::string> stream_both_ways(const tractor::portal& there);
sc::task<std::string> stream_to_a_slow_reader(const tractor::portal& there);
sc::task<std::string> one_way(const tractor::portal& there);

[[nodiscard]] inline std::string text(const std::optional<int>& value) { return value ? std::to_string(*value) : "nothing"; }

}  // namespace faults
