// SPDX-License-Identifier: Apache-2.0

#include "hang_report.hpp"

#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <ctime>
#include <fstream>

#include "base/json_text.hpp"
#include "processes.hpp"
#include "tractor/base/error.hpp"
#include "tractor/ipc/runtime_directory.hpp"
#include "tractor/runtime/actor.hpp"
#include "tractor/runtime/detail/peer.hpp"
#include "tractor/sc/run.hpp"
#include "tractor/sc/task_tree.hpp"

namespace tractor::testing::detail {

namespace {

constexpr auto answer_look_again = std::chrono::milliseconds(2);
constexpr std::size_t label_bytes_max = 128;  // of a directory's name
constexpr int directories_a_second_max = 100;

// Filled in by the run, also when nobody waits for it any more.
struct pending_answer {
  std::atomic<bool> is_there = false;
  run_answer answer;
};

// In the run's thread.
std::vector<pid_t> actors_of_this_run() {
  std::vector<pid_t> pids;
  const auto* const root = static_cast<const actor*>(sc::runner::current()->root_actor());
  if (root == nullptr) return pids;
  for (const auto& connected : root->peers())
    if (connected->is_child() && connected->remote_aid() && connected->remote_aid()->pid)
      pids.push_back(static_cast<pid_t>(*connected->remote_aid()->pid));
  return pids;
}

}  // namespace

std::optional<run_answer> ask_run(const sc::run_handle& run, stoppable_thread& self, std::chrono::milliseconds bound) {
  const auto pending = std::make_shared<pending_answer>();
  try {
    const bool runs = run.post([pending] {
      pending->answer = {.tree = sc::to_text(sc::task_tree()), .actor_pids = actors_of_this_run()};
      pending->is_there.store(true, std::memory_order_release);
    });
    if (!runs) return std::nullopt;
  } catch (const error&) {
    return std::nullopt;  // so much is posted to it that it does not get to it
  }
  const auto is_there = [&] { return pending->is_there.load(std::memory_order_acquire); };
  if (!self.sleep_until(is_there, bound, answer_look_again)) return std::nullopt;
  return std::move(pending->answer);
}

std::string time_for_names() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y%m%dT%H%M%S", &parts)};
}

std::string as_file_name(std::string_view label) {
  std::string name(label.substr(0, label_bytes_max));
  for (char& c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    if (!plain) c = '_';
  }
  if (name.empty() || name.starts_with('.')) name.insert(0, 1, '_');
  return name;
}

hang_directory::hang_directory(const std::string& parent, std::string_view label) {
  if (parent.empty()) return;
  try {
    ipc::make_directories(parent);
    const std::string name = parent + '/' + as_file_name(label) + "__" + time_for_names();
    // Several processes may hang in the same test in the same second.
    for (int number = 1; path_.empty(); ++number) {
      const std::string path = name + (number == 1 ? "" : "-" + std::to_string(number));
      if (::mkdir(path.c_str(), 0700) == 0)
        path_ = path;
      else if (errno != EEXIST || number == directories_a_second_max)
        throw_os_error("mkdir(" + path + ")", errno);
    }
    outcome_ = "written to " + path_;
  } catch (const error& failed) {
    outcome_ = "not written: " + failed.message();
  }
}

void hang_directory::write(const std::string& file, std::string_view text) const {
  if (path_.empty()) return;
  std::ofstream(path_ + '/' + file, std::ios::binary) << text;
}

std::string to_json(const hang_facts& facts) {
  utsname machine{};
  ::uname(&machine);
  std::string text = "{";
  const auto add = [&](std::string_view key, std::string_view value, bool quoted = true) {
    text += text.size() == 1 ? "" : ", ";
    tractor::detail::append_json_text(text, key);
    text += ": ";
    if (quoted)
      tractor::detail::append_json_text(text, value);
    else
      text += value;
  };
  add("label", facts.label);
  add("time", time_for_names());
  add("time_bound_ms", std::to_string(facts.time_bound.count()), false);
  add("run_answered", facts.run_answered ? "true" : "false", false);
  add("actors", std::to_string(facts.actors), false);
  add("actors_answered", std::to_string(facts.actors_answered), false);
  add("pid", std::to_string(::getpid()), false);
  add("command", command_of(::getpid()));
  add("host", static_cast<const char*>(machine.nodename));
  add("kernel", static_cast<const char*>(machine.release));
  return text + "}\n";
}

}  // namespace tractor::testing::detail
