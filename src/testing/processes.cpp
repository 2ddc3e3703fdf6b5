// SPDX-License-Identifier: Apache-2.0

#include "processes.hpp"

#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <utility>

namespace tractor::testing::detail {

namespace {

std::string place_of(pid_t pid) { return "/proc/" + std::to_string(pid); }

}  // namespace

std::string file_contents(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();  // an istreambuf_iterator would throw where a process dies while it is read of
  return std::move(text).str();
}

namespace {

process_stat read_stat(const std::string& path) {
  const std::string stat = file_contents(path);
  // The name stands in parentheses and may hold anything, so what follows is found from the end.
  const auto name_end = stat.rfind(')');
  if (name_end == std::string::npos) return {};
  process_stat found;
  std::istringstream rest(stat.substr(name_end + 1));
  std::string skipped;
  std::uint64_t user = 0, system = 0;
  rest >> found.state >> found.parent;
  for (int field = 5; field <= 13; ++field) rest >> skipped;
  rest >> user >> system;
  if (!rest) return {};
  found.processor_s = static_cast<double>(user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return found;
}

}  // namespace

process_stat stat_of(pid_t pid) { return read_stat(place_of(pid) + "/stat"); }
process_stat stat_of_thread(pid_t thread) { return read_stat("/proc/self/task/" + std::to_string(thread) + "/stat"); }

std::string state_text(char state) {
  static const std::map<char, const char*> names{{'R', "running"},
                                                 {'S', "sleeping"},
                                                 {'D', "in a system call that cannot be interrupted"},
                                                 {'T', "stopped"},
                                                 {'t', "stopped by a debugger"},
                                                 {'Z', "a zombie"}};
  const auto name = names.find(state);
  return (name != names.end() ? name->second : "in a state of its own") + std::string(" (") + state + ")";
}

std::string command_of(pid_t pid) {
  std::string command = file_contents(place_of(pid) + "/cmdline");
  for (char& c : command)
    if (c == '\0') c = ' ';
  command.erase(command.find_last_not_of(' ') + 1);
  if (!command.empty()) return command;
  command = file_contents(place_of(pid) + "/comm");
  if (command.ends_with('\n')) command.pop_back();
  return command;
}

bool signal_is_in(std::string_view set, const std::string& status_file, int number) {
  std::istringstream status(file_contents(status_file));
  for (std::string word; status >> word;) {
    if (word.size() != set.size() + 1 || !word.starts_with(set)) continue;
    std::uint64_t members = 0;
    return (status >> std::hex >> members) && (members >> (number - 1) & 1) != 0;
  }
  return false;
}

bool catches_signal(pid_t pid, int number) { return signal_is_in("SigCgt", place_of(pid) + "/status", number); }

std::vector<pid_t> descendants() {
  std::map<pid_t, pid_t> parents;
  for_each_entry("/proc", [&](const std::filesystem::directory_entry& entry) {
    const std::string name = entry.path().filename().string();
    pid_t pid = 0;
    const auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (failed == std::errc() && end == name.data() + name.size()) parents[pid] = stat_of(pid).parent;
  });
  std::vector<pid_t> found;
  std::set<pid_t> ours{::getpid()};
  for (bool grows = true; grows;) {
    grows = false;
    for (const auto& [pid, parent] : parents) {
      if (!ours.contains(parent) || !ours.insert(pid).second) continue;
      found.push_back(pid);
      grows = true;
    }
  }
  return found;
}

}  // namespace tractor::testing::detail
