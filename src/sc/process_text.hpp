// SPDX-License-Identifier: Apache-2.0
//
// How a child process is spoken of in messages.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tractor::sc {

struct process_status;

namespace detail {

// "run_process(sort -u 'a file')": `by` is what runs it. As one would type it into a shell, and not longer than it can be read.
[[nodiscard]] std::string command_text(std::string_view by, const std::vector<std::string>& arguments);

// "run_process(…) exited with status 3; the end of its stderr: …". Without the latter where stderr was not read.
[[nodiscard]] std::string process_failure_text(std::string command, const process_status& status,
                                               std::optional<std::string_view> stderr_end);

}  // namespace detail
}  // namespace tractor::sc
