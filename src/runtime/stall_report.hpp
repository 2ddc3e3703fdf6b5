// SPDX-License-Identifier: Apache-2.0
//
// An actor that holds its loop is reported on stderr, with its stack, while it does (sc/stall_alarm.hpp sees it).
//
// Names of functions are not for a signal handler. A child writes numbers, in one line that its parent makes a text of: addresses as places
// in files, which mean the same in both. The root has a thread for it, that sleeps until there is something to report.

#pragma once

#include <limits.h>

#include <optional>
#include <string>
#include <string_view>

#include "sc/stall_alarm.hpp"
#include "sc/stall_reporter.hpp"

namespace tractor::detail {

// A report of more frames is cut: so much goes into a pipe at once, or not at all.
inline constexpr std::size_t stall_line_bytes_max = PIPE_BUF;

// Of a child.
class child_stall_reports {
 public:
  explicit child_stall_reports(sc::duration bound) noexcept;

 private:
  std::optional<sc::detail::stall_alarm> alarm_;
};

// Of the root.
class root_stall_reports {
 public:
  root_stall_reports(sc::duration bound, std::string actor_name) noexcept;

 private:
  std::optional<sc::detail::stall_reporter> reporter_;
};

// The line of a child (without its mark and its end) as text; none when it is no such line.
[[nodiscard]] std::optional<std::string> stall_text(std::string_view line);

}  // namespace tractor::detail
