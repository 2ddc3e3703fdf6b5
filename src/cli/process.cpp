// SPDX-License-Identifier: Apache-2.0

#include "process.hpp"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <string_view>

namespace tractor::cli {

namespace {

constexpr std::string_view title_mark = "_subactor[";

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

double seconds_since_boot() {
  double up = 0;
  std::ifstream("/proc/uptime") >> up;
  return up;
}

}  // namespace

std::optional<process_facts> facts_of(pid_t pid) {
  const std::string at = "/proc/" + std::to_string(pid);
  const std::string stat = read_file(at + "/stat");
  // The name stands in parentheses and may hold anything, so what follows is found from the end.
  const std::size_t name_begin = stat.find('('), name_end = stat.rfind(')');
  if (name_begin == std::string::npos || name_end == std::string::npos) return std::nullopt;
  process_facts found{.pid = pid};
  std::istringstream rest(stat.substr(name_end + 1));
  std::string skipped;
  long long pages = 0;
  std::uint64_t user = 0, system = 0;
  rest >> found.state >> found.parent;
  for (int field = 5; field <= 13; ++field) rest >> skipped;
  rest >> user >> system;
  for (int field = 16; field <= 21; ++field) rest >> skipped;
  rest >> found.start_ticks >> skipped >> pages;
  if (!rest) return std::nullopt;
  const double ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  found.cpu_s = static_cast<double>(user + system) / ticks;
  found.uptime_s = std::max(0.0, seconds_since_boot() - static_cast<double>(found.start_ticks) / ticks);
  found.cpu_percent = found.uptime_s > 0 ? 100 * found.cpu_s / found.uptime_s : 0;
  found.memory_bytes = static_cast<std::uint64_t>(std::max(0LL, pages)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  found.command = read_file(at + "/cmdline");
  while (!found.command.empty() && found.command.back() == '\0') found.command.pop_back();
  for (char& c : found.command)
    if (c == '\0') c = ' ';
  if (found.command.empty()) found.command = "[" + stat.substr(name_begin + 1, name_end - name_begin - 1) + "]";
  return found;
}

bool catches(pid_t pid, int signal) {
  std::istringstream status(read_file("/proc/" + std::to_string(pid) + "/status"));
  for (std::string word; status >> word;) {
    if (word != "SigCgt:") continue;
    std::uint64_t caught = 0;
    return (status >> std::hex >> caught) && (caught >> (signal - 1) & 1) != 0;
  }
  return false;
}

std::vector<process_facts> own_processes() {
  std::vector<process_facts> found;
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir("/proc"), &::closedir);
  if (!open) return found;
  while (const dirent* const entry = ::readdir(open.get())) {
    pid_t pid = 0;
    const char* const end = entry->d_name + std::strlen(entry->d_name);
    if (const auto [at, failed] = std::from_chars(entry->d_name, end, pid); failed != std::errc() || at != end) continue;
    struct stat owner{};
    if (::stat(("/proc/" + std::string(entry->d_name)).c_str(), &owner) != 0 || owner.st_uid != ::geteuid()) continue;
    if (auto facts = facts_of(pid)) found.push_back(std::move(*facts));
  }
  return found;
}

bool is_subactor(const process_facts& process) { return process.command.starts_with(title_mark); }

}  // namespace tractor::cli
