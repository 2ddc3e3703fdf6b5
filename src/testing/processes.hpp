// SPDX-License-Identifier: Apache-2.0
//
// What /proc tells of processes, for texts about them.

#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace tractor::testing::detail {

// Empty where it cannot be read.
[[nodiscard]] std::string file_contents(const std::string& path);

// Calls `visit` for each entry of a directory; for none where it cannot be read.
template <class Visit>
void for_each_entry(const std::string& path, Visit visit) {
  std::error_code failed;
  for (auto at = std::filesystem::directory_iterator(path, failed); !failed && at != std::filesystem::directory_iterator();
       at.increment(failed))
    visit(*at);
}

struct process_stat {
  pid_t parent = 0;
  char state = '\0';       // as in /proc/PID/stat: R, S, T, Z, …; 0: the process is gone
  double processor_s = 0;  // that it has used
};
[[nodiscard]] process_stat stat_of(pid_t pid);
// The same of a thread of this process, whose `parent` is this process's.
[[nodiscard]] process_stat stat_of_thread(pid_t thread);
// "running (R)", "sleeping (S)", …
[[nodiscard]] std::string state_text(char state);

// "_subactor[worker@1234]"; of a zombie, which has no arguments left, its name.
[[nodiscard]] std::string command_of(pid_t pid);

// Whether a signal is in one of the sets that a status file of /proc shows: "SigCgt" of those with a handler, "SigBlk" of those blocked.
[[nodiscard]] bool signal_is_in(std::string_view set, const std::string& status_file, int number);
// Whether it has a handler for the signal, so that it does not die of it.
[[nodiscard]] bool catches_signal(pid_t pid, int number);

// Children of this process, their children, and so on.
[[nodiscard]] std::vector<pid_t> descendants();

}  // namespace tractor::testing::detail
