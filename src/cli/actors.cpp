// SPDX-License-Identifier: Apache-2.0

#include "actors.hpp"

#include <dirent.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <map>
#include <set>

#include "runtime/lookup.hpp"
#include "tractor/ipc/runtime_directory.hpp"
#include "tractor/msg/quoted.hpp"
#include "tractor/runtime/root.hpp"
#include "tractor/runtime/server.hpp"
#include "tractor/sc/capacity_limiter.hpp"
#include "tractor/sc/nursery.hpp"
#include "tractor/sc/semaphore.hpp"

namespace tractor::cli {

namespace {

std::vector<live_actor> with_sockets() {
  std::vector<live_actor> found;
  const std::string dir = ipc::runtime_directory_path();
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(dir.c_str()), &::closedir);
  if (!open) return found;
  constexpr std::string_view ending = ".sock";
  while (const dirent* const entry = ::readdir(open.get())) {
    std::string_view file = entry->d_name;
    if (file == ipc::registry_file || !file.ends_with(ending)) continue;
    std::string_view stem = file.substr(0, file.size() - ending.size());
    const std::size_t at = stem.rfind('@');
    if (at == std::string_view::npos) continue;
    const std::string_view digits = stem.substr(at + 1);
    pid_t pid = 0;
    if (const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), pid);
        failed != std::errc() || end != digits.data() + digits.size())
      continue;
    auto process = facts_of(pid);
    if (!process || process->state == 'Z') continue;
    found.push_back({.name = std::string(stem.substr(0, at)),
                     .pid = pid,
                     .control = ipc::uds_address{.dir = dir, .file = std::string(file)},
                     .status = {},
                     .process = std::move(process)});
  }
  std::ranges::sort(found, {}, [](const live_actor& actor) { return std::pair(actor.process->start_ticks, actor.pid); });
  return found;
}

// False when nobody listens at its socket: it has ended.
sc::task<bool> ask(live_actor& actor) {
  try {
    co_await sc::move_on_after(answer_timeout, [&]() -> sc::task<> {
      actor.status = co_await open_portal(actor.control, [](portal& there) -> sc::task<actor_status> {
        co_return co_await there.run_from_ns<actor_status>(std::string(control_module), "status", {});
      });
    });
  } catch (const os_error& failed) {
    // Then the number in the file's name may be another process's by now.
    if (detail::is_nobody(failed.errno_value())) co_return false;
  } catch (const error&) {
    // Dying, or no actor at all.
  }
  if (actor.status) actor.name = actor.status->name;
  co_return true;
}

std::string file_of(const live_actor& actor) { return actor.control.uds()->file; }

bool is_called(const live_actor& actor, const std::string& who) {
  if (who == actor.name || who == std::to_string(actor.pid)) return true;
  constexpr std::size_t uuid_part_min = 4;
  return actor.status && who.size() >= uuid_part_min && actor.status->uuid.starts_with(who);
}

}  // namespace

int run_command(const std::function<sc::task<int>()>& body) {
  const root_options unseen{.name = "tractor", .registry_addrs = std::vector<ipc::address>(), .control_socket = false};
  return detail::run_main([&] { return open_root_actor(body, unseen); });
}

sc::task<std::vector<live_actor>> all_actors() {
  auto actors = with_sockets();
  std::set<std::string> ended;
  sc::semaphore free(asked_at_once_max);
  co_await sc::open_nursery([&](sc::nursery& all) -> sc::task<> {
    for (auto& actor : actors) {
      co_await free.acquire();
      all.start_soon([&]() -> sc::task<> {
        if (!co_await ask(actor)) ended.insert(file_of(actor));
        free.release();
      });
    }
  });
  std::erase_if(actors, [&](const live_actor& actor) { return ended.contains(file_of(actor)); });
  co_return actors;
}

sc::task<std::vector<live_actor>> actors_called(std::string who) {
  auto actors = co_await all_actors();
  std::erase_if(actors, [&](const live_actor& actor) { return !is_called(actor, who); });
  if (actors.empty())
    throw usage_error("no live actor on this machine is called " + msg::quoted(who) +
                      ", nor is that a pid or the beginning of a uuid of one");
  co_return actors;
}

sc::task<live_actor> actor_called(std::string who) {
  auto actors = co_await actors_called(who);
  if (actors.size() > 1) {
    std::string text = std::to_string(actors.size()) + " live actors are called " + msg::quoted(who) + "; say which by its pid:";
    for (const auto& actor : actors) text += " " + std::to_string(actor.pid);
    throw usage_error(text);
  }
  co_return std::move(actors.front());
}

sc::task<live_actor> asked_again(live_actor actor) {
  const auto now = facts_of(actor.pid);
  const bool is_same = now && actor.process && now->state != 'Z' && now->start_ticks == actor.process->start_ticks;
  actor.status.reset();
  if (!is_same || !co_await ask(actor)) throw error(actor.name + " (pid " + std::to_string(actor.pid) + ") has ended");
  co_return actor;
}

std::vector<actor_tree> trees_of(std::vector<live_actor> actors) {
  // A busy one does not say who started it, but that one does.
  std::map<std::string, std::size_t> by_uuid;
  std::map<pid_t, std::size_t> started_by;
  for (std::size_t i = 0; i < actors.size(); ++i) {
    if (!actors[i].status) continue;
    by_uuid.emplace(actors[i].status->uuid, i);
    for (const auto& child : actors[i].status->children) started_by.emplace(static_cast<pid_t>(child.pid), i);
  }
  const auto parent_of = [&](std::size_t at) -> std::optional<std::size_t> {
    if (actors[at].status && actors[at].status->parent_uuid) {
      const auto known = by_uuid.find(*actors[at].status->parent_uuid);
      if (known != by_uuid.end()) return known->second;
    }
    const auto known = started_by.find(actors[at].pid);
    return known != started_by.end() && known->second != at ? std::optional(known->second) : std::nullopt;
  };
  std::vector<std::vector<std::size_t>> below(actors.size());
  std::vector<std::size_t> roots;
  for (std::size_t i = 0; i < actors.size(); ++i) {
    const auto parent = parent_of(i);
    (parent ? below[*parent] : roots).push_back(i);
  }
  std::vector<bool> placed(actors.size());
  const std::function<actor_tree(std::size_t)> tree_of = [&](std::size_t at) {
    placed[at] = true;
    actor_tree tree{.actor = actors[at], .below = {}};
    for (const std::size_t child : below[at])
      if (!placed[child]) tree.below.push_back(tree_of(child));
    return tree;
  };
  std::vector<actor_tree> trees;
  for (const std::size_t root : roots) trees.push_back(tree_of(root));
  for (std::size_t i = 0; i < actors.size(); ++i)  // whoever says that one below it has started it
    if (!placed[i]) trees.push_back(tree_of(i));
  return trees;
}

}  // namespace tractor::cli
