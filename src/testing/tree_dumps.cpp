// SPDX-License-Identifier: Apache-2.0

#include "tree_dumps.hpp"

#include <signal.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "processes.hpp"
#include "runtime/dump.hpp"
#include "spawn/pidfd.hpp"
#include "tractor/base/fd.hpp"
#include "tractor/ipc/socket_file.hpp"
#include "tractor/msg/quoted.hpp"

namespace tractor::testing::detail {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view actor_title = "_subactor[";

void signal_actor(pid_t pid) {
  // Its number may be another's by now, who dies of it.
  const unique_fd process(spawn::detail::open_pidfd(pid));
  if (process && catches_signal(pid, SIGUSR1)) static_cast<void>(spawn::detail::signal_pidfd(process.get(), SIGUSR1));
}

std::string seconds_text(double of) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f s", of);
  return text;
}

std::string kind_text(const fs::file_status& status) {
  switch (status.type()) {
    case fs::file_type::socket: return "socket    ";
    case fs::file_type::directory: return "directory ";
    case fs::file_type::symlink: return "link      ";
    default: return "file      ";
  }
}

// NAME@PID.sock
std::optional<pid_t> pid_of_socket(std::string_view file) {
  constexpr std::string_view ending = ".sock";
  if (!file.ends_with(ending)) return std::nullopt;
  file.remove_suffix(ending.size());
  file.remove_prefix(std::min(file.rfind('@'), file.size() - 1) + 1);
  pid_t pid = 0;
  const auto [end, failed] = std::from_chars(file.data(), file.data() + file.size(), pid);
  if (failed != std::errc() || end != file.data() + file.size()) return std::nullopt;
  return pid;
}

}  // namespace

tree_dumps::tree_dumps(const std::string& socket_directory) {
  for (const pid_t pid : descendants()) {
    std::string command = command_of(pid);
    const bool is_below_another = command.starts_with(actor_title);
    if (!is_below_another && !ipc::has_socket_file(socket_directory, pid)) continue;
    actors_.push_back({.pid = pid, .command = std::move(command), .is_below_another = is_below_another});
    auto& files = actors_.back().files;
    files[0].path = tractor::detail::dump_file(socket_directory, pid);
    files[1].path = tractor::detail::dump_file(tractor::detail::dump_directory_otherwise, pid);
  }
}

tree_dumps::~tree_dumps() {
  for (const auto& actor : actors_)
    for (const auto& file : actor.files) {
      std::error_code ignored;
      if (!file.path.empty() && file.bytes_before == 0) fs::remove(file.path, ignored);
    }
}

void tree_dumps::ask(stoppable_thread& self, const std::optional<std::vector<pid_t>>& own_children, std::chrono::milliseconds bound) {
  bound_ = bound;
  for (auto& actor : actors_) {
    for (auto& file : actor.files) file.bytes_before = file_contents(file.path).size();
    actor.processor_s = stat_of(actor.pid).processor_s;
  }
  for (const auto& actor : actors_)
    if (!actor.is_below_another || !own_children || std::ranges::find(*own_children, actor.pid) != own_children->end())
      signal_actor(actor.pid);
  static_cast<void>(self.sleep_until(
      [&] {
        look();
        return answers() == actors_.size();
      },
      bound, dumps_look_again));
}

std::string tree_dumps::last_dump_in(const dump_file& file) {
  const std::string text = file_contents(file.path);
  if (text.size() <= file.bytes_before) return {};
  const std::string_view fresh = std::string_view(text).substr(file.bytes_before);
  const auto end = fresh.rfind(tractor::detail::dump_end);
  const auto end_of_line = fresh.find('\n', end);
  if (end == std::string_view::npos || end_of_line == std::string_view::npos) return {};
  const auto begin = fresh.rfind(tractor::detail::dump_begin, end);
  return begin == std::string_view::npos ? std::string() : std::string(fresh.substr(begin, end_of_line + 1 - begin));
}

void tree_dumps::look() {
  for (auto& actor : actors_)
    for (const auto& file : actor.files)
      if (actor.tree.empty()) actor.tree = last_dump_in(file);
}

std::size_t tree_dumps::answers() const noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(actors_, [](const found_actor& actor) { return !actor.tree.empty(); }));
}

std::string tree_dumps::text() const {
  std::string text;
  for (const auto& actor : actors_) {
    text += actor.tree;
    if (!actor.tree.empty()) continue;
    const process_stat now = stat_of(actor.pid);
    text += "---- no task tree of process " + std::to_string(actor.pid) + " (" + msg::escaped(actor.command) + "): ";
    if (now.state == '\0')
      text += "it is gone ----\n";
    else
      text += "it did not answer within " + std::to_string(bound_.count()) + " ms; it is " + state_text(now.state) + ", and has used " +
              seconds_text(std::max(0.0, now.processor_s - actor.processor_s)) + " of a processor meanwhile ----\n";
  }
  return text;
}

std::string listing_of(const std::string& directory) {
  std::string text;
  std::error_code failed;
  for (auto at = fs::recursive_directory_iterator(directory, failed); !failed && at != fs::recursive_directory_iterator();
       at.increment(failed)) {
    text += kind_text(at->symlink_status(failed)) + at->path().string();
    if (const auto pid = pid_of_socket(at->path().filename().string())) {
      const char state = stat_of(*pid).state;
      text += "  of process " + std::to_string(*pid) + ": " + (state == '\0' ? "it is gone" : command_of(*pid) + ", " + state_text(state));
    }
    text += '\n';
  }
  return text;
}

}  // namespace tractor::testing::detail
