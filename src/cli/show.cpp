// SPDX-License-Identifier: Apache-2.0

#include <poll.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <functional>

#include "actors.hpp"
#include "commands.hpp"
#include "text.hpp"
#include "tractor/msg/quoted.hpp"
#include "tractor/runtime/server.hpp"
#include "tractor/sc/cancel_scope.hpp"
#include "tractor/sc/checkpoint.hpp"

namespace tractor::cli {

namespace {

using nlohmann::ordered_json;

std::string short_address(const ipc::address& where) {
  if (const auto* tcp = where.tcp()) return tcp->host + ":" + std::to_string(tcp->port);
  if (const auto* uds = where.uds()) return uds->file;
  return where.text();
}

std::string addresses_of(const live_actor& actor) {
  std::string text;
  for (const auto& where : actor.status->addrs)
    if (where != actor.control) text += (text.empty() ? "" : " ") + short_address(where);
  return text;
}

std::vector<std::string> row_of(const live_actor& actor, const std::string& indent) {
  const auto& process = actor.process;
  std::string name = indent + actor.name;
  if (actor.status && actor.status->is_registrar) name += " (registrar)";
  std::vector<std::string> row{name, std::to_string(actor.pid)};
  row.push_back(process ? duration_text(process->uptime_s) : "?");
  row.push_back(process ? bytes_text(process->memory_bytes) : "?");
  char cpu[16] = "?";
  if (process) std::snprintf(cpu, sizeof cpu, "%.1f %%", process->cpu_percent);
  row.emplace_back(cpu);
  row.push_back(actor.status ? std::to_string(actor.status->running_calls) : "busy");
  row.push_back(actor.status ? addresses_of(actor) : (process ? std::string("state ") + process->state : ""));
  return row;
}

void add_rows(const actor_tree& tree, const std::string& first, const std::string& rest, std::vector<std::vector<std::string>>& rows) {
  rows.push_back(row_of(tree.actor, first));
  for (std::size_t i = 0; i < tree.below.size(); ++i) {
    const bool last = i + 1 == tree.below.size();
    add_rows(tree.below[i], rest + (last ? "└─ " : "├─ "), rest + (last ? "   " : "│  "), rows);
  }
}

std::string trees_text(const std::vector<actor_tree>& trees) {
  std::vector<std::vector<std::string>> rows{{"ACTOR", "PID", "UP", "MEMORY", "CPU", "CALLS", "ADDRESSES"}};
  for (const auto& tree : trees) add_rows(tree, "", "", rows);
  return table_text(rows);
}

ordered_json json_of(const actor_tree& tree) {
  const live_actor& actor = tree.actor;
  ordered_json made{{"name", actor.name}, {"pid", actor.pid}, {"busy", !actor.status}};
  if (actor.process) {
    made["uptime_s"] = actor.process->uptime_s;
    made["memory_bytes"] = actor.process->memory_bytes;
    made["cpu_s"] = actor.process->cpu_s;
    made["state"] = std::string(1, actor.process->state);
  }
  if (actor.status) {
    made["uuid"] = actor.status->uuid;
    made["is_registrar"] = actor.status->is_registrar;
    made["running_calls"] = actor.status->running_calls;
    made["peers"] = actor.status->peers;
    made["modules"] = actor.status->modules;
    ordered_json addrs = ordered_json::array();
    for (const auto& where : actor.status->addrs) addrs.push_back(where.text());
    made["addrs"] = std::move(addrs);
  }
  ordered_json children = ordered_json::array();
  for (const auto& below : tree.below) children.push_back(json_of(below));
  made["children"] = std::move(children);
  return made;
}

// The keyboard, a key at a time, while `top` runs on a terminal.
class keyboard {
 public:
  keyboard() {
    if (!::isatty(STDIN_FILENO) || ::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    there_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
  }
  keyboard(const keyboard&) = delete;
  keyboard& operator=(const keyboard&) = delete;
  ~keyboard() {
    if (there_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  // 0 when none was pressed.
  [[nodiscard]] char pressed() const {
    pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    char key = 0;
    if (!there_ || ::poll(&input, 1, 0) != 1 || ::read(STDIN_FILENO, &key, 1) != 1) return 0;
    return key;
  }

 private:
  termios before_{};
  bool there_ = false;
};

void flatten(const actor_tree& tree, std::vector<pid_t>& pids) {
  pids.push_back(tree.actor.pid);
  for (const auto& below : tree.below) flatten(below, pids);
}

void sort_trees(std::vector<actor_tree>& trees, char by) {
  const auto key = [by](const actor_tree& tree) {
    if (!tree.actor.process) return 0.0;
    return by == 'm' ? -static_cast<double>(tree.actor.process->memory_bytes) : by == 'u' ? -tree.actor.process->cpu_percent : 0.0;
  };
  std::ranges::sort(trees, {}, key);
  for (auto& tree : trees) sort_trees(tree.below, by);
}

template <class Use>
sc::task<> with_actor(const live_actor& actor, Use use) {
  const bool answered = co_await sc::move_on_after(std::chrono::seconds(5), [&] { return open_portal(actor.control, std::move(use)); });
  if (!answered) throw error("actor " + msg::quoted(actor.name) + " (pid " + std::to_string(actor.pid) + ") does not answer: it is busy");
}

sc::task<bool> cancel_one(const live_actor& actor) {
  bool acknowledged = false;
  co_await with_actor(actor, [&](portal& there) -> sc::task<> { acknowledged = co_await there.cancel_actor(); });
  co_return acknowledged;
}

// One that answers is asked. One that is busy gets the signal, which it takes as soon as it can; never a process that would die of it.
sc::task<std::string> ask_for_dump(const live_actor& actor) {
  const std::string who = actor.name + " (pid " + std::to_string(actor.pid) + ")";
  if (actor.status) {
    co_await with_actor(
        actor, [](portal& there) -> sc::task<> { co_await there.run_from_ns<msg::value>(std::string(control_module), "dump", {}); });
  } else if (!catches(actor.pid, SIGUSR1)) {
    throw error(who + " does not answer, and would not survive the signal: it is no actor, or handles signals itself");
  } else if (::kill(actor.pid, SIGUSR1) != 0) {
    throw os_error("kill(" + std::to_string(actor.pid) + ", SIGUSR1)", errno);
  }
  co_return "asked " + who +
      ": its task tree, and those of the actors below it, go to their stderr and to tractor-dump-PID.log beside their sockets";
}

}  // namespace

sc::task<int> ps(bool json) {
  const auto trees = trees_of(co_await all_actors());
  if (json) {
    ordered_json list = ordered_json::array();
    for (const auto& tree : trees) list.push_back(json_of(tree));
    std::printf("%s\n", list.dump(2, ' ', false, ordered_json::error_handler_t::replace).c_str());
  } else if (trees.empty()) {
    std::puts("no live actors on this machine (of this user)");
  } else {
    std::fputs(trees_text(trees).c_str(), stdout);
  }
  co_return 0;
}

sc::task<int> top() {
  constexpr auto refresh = std::chrono::seconds(1);
  constexpr auto look_at_keys = std::chrono::milliseconds(50);
  const keyboard keys;
  char sorted_by = 0;
  std::size_t chosen = 0;
  std::string said;
  for (;;) {
    auto trees = trees_of(co_await all_actors());
    if (sorted_by != 0) sort_trees(trees, sorted_by);
    std::vector<pid_t> pids;
    for (const auto& tree : trees) flatten(tree, pids);
    chosen = pids.empty() ? 0 : std::min(chosen, pids.size() - 1);
    bool redraw = true;
    const auto next = sc::current_time() + refresh;
    while (sc::current_time() < next) {
      if (redraw) {
        std::string text = trees_text(trees), shown;
        std::size_t line = 0;
        for (std::size_t at = 0; at < text.size(); ++line) {
          const std::size_t end = text.find('\n', at);
          const bool is_chosen = line == chosen + 1 && !pids.empty();
          shown += (is_chosen ? "\x1b[7m" : "") + text.substr(at, end - at) + (is_chosen ? "\x1b[0m" : "") + "\n";
          at = end + 1;
        }
        std::printf("\x1b[H\x1b[2J%s\nj, k choose   c cancel   d dump   m, u sort by memory, cpu   q quit   %s\n", shown.c_str(),
                    said.c_str());
        std::fflush(stdout);
        redraw = false;
      }
      const char key = keys.pressed();
      if (key == 'q') co_return 0;
      if (key == 'j' && chosen + 1 < pids.size()) ++chosen;
      if (key == 'k' && chosen > 0) --chosen;
      if (key == 'm' || key == 'u') sorted_by = key;
      if ((key == 'c' || key == 'd') && !pids.empty()) {
        try {
          const live_actor actor = co_await actor_called(std::to_string(pids[chosen]));
          if (key == 'd') {
            said = co_await ask_for_dump(actor);
          } else {
            co_await cancel_one(actor);
            said = "cancelled";
          }
        } catch (const error& failed) {
          said = failed.what();
        }
      }
      redraw = key != 0;
      if (!redraw) co_await sc::sleep(look_at_keys);
    }
  }
}

sc::task<int> tree(std::string who, bool json) {
  const live_actor actor = co_await actor_called(std::move(who));
  co_await with_actor(actor, [&](portal& there) -> sc::task<> {
    const auto text = co_await there.run_from_ns<std::string>(std::string(control_module), "task_tree", msg::value::map{{"json", json}});
    std::printf("%s%s", text.c_str(), text.ends_with('\n') ? "" : "\n");
  });
  co_return 0;
}

sc::task<int> dump(std::string who) {
  const live_actor actor = co_await actor_called(std::move(who));
  const std::string said = co_await ask_for_dump(actor);
  std::printf("%s\n", said.c_str());
  co_return 0;
}

sc::task<int> describe(std::string who, bool json) {
  const live_actor actor = co_await actor_called(std::move(who));
  std::vector<function_description> functions;
  co_await with_actor(actor, [&](portal& there) -> sc::task<> {
    functions = co_await there.run_from_ns<std::vector<function_description>>(std::string(control_module), "describe", {});
  });
  if (json) {
    ordered_json list = ordered_json::array();
    for (const auto& f : functions) {
      ordered_json arguments = ordered_json::array();
      for (std::size_t i = 0; i < std::min(f.argument_names.size(), f.argument_types.size()); ++i)
        arguments.push_back({{"name", f.argument_names[i]}, {"type", f.argument_types[i]}});
      list.push_back({{"module", f.module},
                      {"name", f.name},
                      {"kind", f.kind},
                      {"arguments", arguments},
                      {"result", f.result},
                      {"started", f.started},
                      {"in", f.in},
                      {"out", f.out}});
    }
    std::printf("%s\n", list.dump(2, ' ', false, ordered_json::error_handler_t::replace).c_str());
    co_return 0;
  }
  if (functions.empty()) std::printf("%s exposes no functions\n", actor.name.c_str());
  for (const auto& f : functions) {
    std::string line = f.module + "." + f.name + "(";
    for (std::size_t i = 0; i < std::min(f.argument_names.size(), f.argument_types.size()); ++i)
      line += (i == 0 ? "" : ", ") + f.argument_names[i] + ": " + f.argument_types[i];
    line += ")";
    if (f.kind == "asyncgen") line += " yields " + f.result;
    if (f.kind == "asyncfunc" && !f.result.empty()) line += " -> " + f.result;
    if (f.kind == "context") {
      line += " context";
      const std::pair<const char*, const std::string*> parts[] = {
          {" started ", &f.started}, {", receives ", &f.in}, {", sends ", &f.out}, {", returns ", &f.result}};
      for (const auto& [what, type] : parts)
        if (!type->empty()) line += what + *type;
    }
    std::puts(line.c_str());
  }
  co_return 0;
}

sc::task<int> cancel(std::string who) {
  const live_actor actor = co_await actor_called(std::move(who));
  const bool acknowledged = co_await cancel_one(actor);
  std::printf("%s (pid %d) %s\n", actor.name.c_str(), static_cast<int>(actor.pid),
              acknowledged ? "has ended its tasks, and ends" : "was told to end, and has not answered yet");
  co_return acknowledged ? 0 : 1;
}

}  // namespace tractor::cli
