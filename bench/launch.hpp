// SPDX-License-Identifier: Apache-2.0
//
// Running a program for its output lines: pinned from its first instruction, killed when it takes too long or when the harness
// dies, its standard output read to the end.
#pragma once

#include "statistics.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace bench {

// The lines that `argv` prints. Throws std::runtime_error with a sentence when it cannot be started, fails, takes longer than
// `time_max` or prints anything that is no line. A negative cpu does not pin.
[[nodiscard]] std::vector<line> run_for_lines(const std::vector<std::string>& argv, int cpu, std::chrono::seconds time_max);

// The absolute path of this executable.
[[nodiscard]] std::string own_executable();

}  // namespace bench
