// SPDX-License-Identifier: Apache-2.0
//
// Executes a program as a child of this process. Safe where other threads run: between the two images there is only what
// posix_spawn does.

#pragma once

#include <sys/types.h>

#include <span>
#include <string>

namespace tractor::spawn::detail {

struct inherited_descriptor {
  int source;
  int target;  // ascending over the plan
};

struct launch_plan {
  const std::string& executable;  // empty: this program
  const char* role;
  const std::string& title;
  char* const* environment;
  std::span<const inherited_descriptor> descriptors;  // every other one is closed, but stdout
  bool all_signals_blocked = false;                   // else none is; every disposition is the default one
};

// Throws os_error that names the executable.
[[nodiscard]] pid_t launch(const launch_plan& plan);

// /dev/null for a standard descriptor.
inline constexpr const char* null_device = "/dev/null";

}  // namespace tractor::spawn::detail
