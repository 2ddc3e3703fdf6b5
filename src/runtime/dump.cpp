// SPDX-License-Identifier: Apache-2.0

#include "dump.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <vector>

#include "base/relayed_stderr.hpp"
#include "process_host.hpp"
#include "spawn/own_stderr.hpp"
#include "tractor/base/fd.hpp"
#include "tractor/msg/quoted.hpp"
#include "tractor/runtime/actor.hpp"
#include "tractor/sc/task_tree.hpp"

namespace tractor::detail {

namespace {

constexpr int stderr_wait_max_ms = 200;  // for whoever reads it

std::string now_text() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::localtime_r(&now, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%b %d %H:%M:%S", &parts)};
}

std::string dump_text(const actor& self) {
  const std::string who = "actor " + msg::quoted(self.name()) + " (" + self.uid().uuid + ", pid " + std::to_string(::getpid()) + ")";
  std::string text = std::string(dump_begin) + who + ", " + now_text() + " ----\n";
  text += sc::to_text(sc::task_tree());
  if (!text.ends_with('\n')) text += '\n';
  text += std::string(dump_end) + who + " ----\n";
  return text;
}

void append_to(const std::string& path, std::string_view text) noexcept {
  const unique_fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600));
  while (file && !text.empty()) {
    const auto written = retry_eintr([&] { return ::write(file.get(), text.data(), text.size()); });
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

std::string dump_file(const actor& self) {
  return dump_file(self.socket_dir().empty() ? dump_directory_otherwise : self.socket_dir(), ::getpid());
}

std::string dump_file(const std::string& directory, pid_t pid) { return directory + "/tractor-dump-" + std::to_string(pid) + ".log"; }

void dump_and_pass_on(actor& self) noexcept {
  try {
    const std::string text = dump_text(self);
    append_to(dump_file(self), text);
    spawn::detail::write_to_stderr(attributed(text), stderr_wait_max_ms);
  } catch (const std::exception& failed) {
    spawn::detail::write_to_stderr("tractor: the task tree could not be shown\n", stderr_wait_max_ms);
  }
  // One that boots cannot take the signal yet, and is no peer.
  for (const auto& connected : self.peers())
    if (connected->is_child() && connected->remote_aid() && connected->remote_aid()->pid)
      self.processes().signal(static_cast<pid_t>(*connected->remote_aid()->pid), SIGUSR1);
}

}  // namespace tractor::detail
