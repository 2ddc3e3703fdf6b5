// SPDX-License-Identifier: Apache-2.0

#include "tractor/testing/leak_check.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <thread>

#include "processes.hpp"
#include "spawn/descendants.hpp"
#include "tractor/base/error.hpp"
#include "tractor/sc/run.hpp"
#include "tractor/sc/sc.hpp"

namespace tractor::testing {

namespace {

namespace fs = std::filesystem;

constexpr auto look_again_min = std::chrono::milliseconds(2);
constexpr const char* segments_directory = "/dev/shm";

using detail::for_each_entry;

// "1234 (_subactor[worker@1234])"
std::string describe_process(pid_t pid) { return std::to_string(pid) + " (" + detail::command_of(pid) + ")"; }

const char* kind_of(const fs::file_status& status) {
  switch (status.type()) {
    case fs::file_type::socket: return "socket file ";
    case fs::file_type::directory: return "directory ";
    default: return "file ";
  }
}

// Calls `done` until it says so, ever more slowly, for `grace` at most.
template <class Done>
void look_again_until(Done done, std::chrono::milliseconds grace) {
  auto pause = look_again_min;
  for (auto waited = std::chrono::milliseconds::zero(); !done() && waited < grace; waited += pause, pause *= 2)
    sc::run([pause]() -> sc::task<> { co_await sc::sleep(pause); });
}

std::string make_directory() {
  const char* parent = std::getenv("TMPDIR");
  std::string path = std::string(parent != nullptr && *parent == '/' ? parent : "/tmp") + "/tractor-test-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) throw os_error("mkdtemp(" + path + ")", errno);
  for (const char* below : {"/run", "/tmp"})
    if (::mkdir((path + below).c_str(), 0700) != 0) throw os_error("mkdir(" + path + below + ")", errno);
  return path;
}

// ThreadSanitizer starts a thread of its own with the first one that the program starts, and keeps it.
void start_sanitizer_thread() {
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
  std::thread([] {}).join();
#endif
#endif
}

// An inherited file may be removed at any time, by whoever started the tests for one: that does not make it another one.
std::string_view without_removal(std::string_view target) {
  constexpr std::string_view removed = " (deleted)";
  if (target.ends_with(removed)) target.remove_suffix(removed.size());
  return target;
}

}  // namespace

leak_check::leak_check(std::chrono::milliseconds grace) : grace_(grace), directory_(make_directory()) {
  const std::map<std::string, std::string> ours{{"XDG_RUNTIME_DIR", runtime_directory()}, {"TMPDIR", temporary_directory()}};
  for (const auto& [name, value] : ours) {
    const char* had = std::getenv(name.c_str());
    environment_before_[name] = had != nullptr ? std::optional<std::string>(had) : std::nullopt;
    ::setenv(name.c_str(), value.c_str(), 1);
  }
  adopted_before_ = spawn::detail::adopt_orphans(true);
  start_sanitizer_thread();
  before_ = look();
}

leak_check::~leak_check() {
  spawn::detail::adopt_orphans(adopted_before_);
  for (const auto& [name, value] : environment_before_) {
    if (value)
      ::setenv(name.c_str(), value->c_str(), 1);
    else
      ::unsetenv(name.c_str());
  }
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

leak_check::snapshot leak_check::look() {
  snapshot now;
  for (const pid_t pid : spawn::detail::list_children_by_walk()) now.children.insert(pid);
  for_each_entry("/proc/self/fd", [&](const fs::directory_entry& entry) {
    std::error_code gone;
    const auto target = fs::read_symlink(entry.path(), gone);
    if (!gone) now.descriptors.emplace(std::stoi(entry.path().filename().string()), target.string());
  });
  // The listing itself had one, which is closed by now.
  std::erase_if(now.descriptors, [](const auto& each) { return ::fcntl(each.first, F_GETFD) < 0; });
  for_each_entry("/proc/self/task",
                 [&](const fs::directory_entry& entry) { now.threads.insert(std::stoi(entry.path().filename().string())); });
  for_each_entry(segments_directory, [&](const fs::directory_entry& entry) {
    struct stat info{};
    if (::lstat(entry.path().c_str(), &info) == 0 && info.st_uid == ::geteuid()) now.segments.insert(entry.path().string());
  });
  return now;
}

void leak_check::compare_files(std::vector<std::string>& leaks) const {
  // The runtime directory itself is meant to stay.
  std::error_code failed;
  for (auto at = fs::recursive_directory_iterator(runtime_directory(), failed); !failed && at != fs::recursive_directory_iterator();
       at.increment(failed))
    if (!at->is_directory(failed)) leaks.push_back(kind_of(at->symlink_status(failed)) + at->path().string() + " in the runtime directory");
  for_each_entry(temporary_directory(), [&](const fs::directory_entry& entry) {
    std::error_code gone;
    leaks.push_back("temporary " + (kind_of(entry.symlink_status(gone)) + entry.path().string()));
  });
}

std::vector<std::string> leak_check::compare() const {
  const snapshot now = look();
  std::vector<std::string> leaks;
  for (const pid_t pid : now.children) {
    if (before_.children.contains(pid)) continue;
    const char state = detail::stat_of(pid).state;
    if (state == '\0') continue;
    leaks.push_back("child process " + describe_process(pid) + (state == 'Z' ? " is a zombie: nobody waited for it" : " is alive"));
  }
  for (const auto& [fd, target] : now.descriptors) {
    const auto had = before_.descriptors.find(fd);
    if (had == before_.descriptors.end() || without_removal(had->second) != without_removal(target))
      leaks.push_back("descriptor " + std::to_string(fd) + " (" + target + ") is open");
  }
  for (const pid_t thread : now.threads)
    if (!before_.threads.contains(thread)) leaks.push_back("thread " + std::to_string(thread) + " runs");
  for (const auto& segment : now.segments)
    if (!before_.segments.contains(segment)) leaks.push_back("shared-memory segment " + segment);
  compare_files(leaks);
  return leaks;
}

std::vector<std::string> leak_check::leaks() const {
  std::vector<std::string> found;
  look_again_until([&] { return (found = compare()).empty(); }, grace_);
  return found;
}

bool leak_check::has_new_children() const {
  return std::ranges::any_of(spawn::detail::list_children_by_walk(), [&](pid_t pid) { return !before_.children.contains(pid); });
}

void leak_check::reap_orphans() const {
  look_again_until(
      [&] {
        spawn::detail::reap_dead_children();
        return !has_new_children();
      },
      grace_);
}

}  // namespace tractor::testing
