// SPDX-License-Identifier: Apache-2.0

#include "actors.hpp"

#include <dirent.h>
#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <map>
#include <set>
#include <span>

#include "runtime/lookup.hpp"
#include "text.hpp"
#include "tractor/ipc/runtime_directory.hpp"
#include "tractor/msg/quoted.hpp"
#include "tractor/runtime/root.hpp"
#include "tractor/runtime/server.hpp"
#include "tractor/sc/cancel_scope.hpp"
#include "tractor/sc/clock.hpp"
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

// False when nobody listens at its socket: it has ended. Calls `heard` at each sign of life. The caller bounds the time.
template <class Heard>
sc::task<bool> ask(live_actor& actor, Heard heard) {
  try {
    actor.status = co_await open_portal(actor.control, [&](portal& there) -> sc::task<actor_status> {
      heard();
      co_return co_await there.run_from_ns<actor_status>(std::string(control_module), "status", {});
    });
  } catch (const os_error& failed) {
    // Then the number in the file's name may be another process's by now.
    if (detail::is_nobody(failed.errno_value())) co_return false;
  } catch (const error&) {
    // Dying, or no actor at all.
  }
  heard();
  if (actor.status) actor.name = actor.status->name;
  co_return true;
}

// One descriptor for each connection, after those that this command needs besides.
std::size_t places_for_asked() {
  constexpr rlim_t own_descriptors = 64;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur <= own_descriptors) return 1;
  return std::min<std::size_t>(asked_at_once_max, limit.rlim_cur - own_descriptors);
}

std::string file_of(const live_actor& actor) { return actor.control.uds()->file; }

bool is_called(const live_actor& actor, const std::string& who) {
  if (who == actor.name || who == std::to_string(actor.pid)) return true;
  constexpr std::size_t uuid_part_min = 4;
  return actor.status && who.size() >= uuid_part_min && actor.status->uuid.starts_with(who);
}

// They share one deadline, which each question and each sign of life puts off: many that answer take turns at the processors and are not
// busy for that, and many that are busy take no more time than one.
sc::task<> ask_all(std::span<live_actor> actors, std::set<std::string>& ended) {
  const auto at_last = sc::current_time() + answers_timeout;
  sc::cancel_scope waiting({.deadline = at_last});
  const auto heard = [&] { waiting.set_deadline(std::min(sc::current_time() + answer_timeout, at_last)); };
  sc::semaphore turns(asked_in_turn);
  co_await waiting.run([&]() -> sc::task<> {
    co_await sc::open_nursery([&](sc::nursery& all) -> sc::task<> {
      for (auto& actor : actors) {
        // Who is busy keeps its turn, so that there have to be others.
        if (!co_await sc::move_on_after(turn_timeout, [&] { return turns.acquire(); }))
          for (std::size_t i = 1; i < asked_in_turn; ++i) turns.release();
        heard();
        all.start_soon([&]() -> sc::task<> {
          if (!co_await ask(actor, heard)) ended.insert(file_of(actor));
          turns.release();
        });
      }
    });
  });
}

}  // namespace

std::string text_of(const live_actor& actor) { return printable(actor.name) + " (pid " + std::to_string(actor.pid) + ")"; }

int run_command(const std::function<sc::task<int>()>& body) {
  const root_options unseen{.name = "tractor", .registry_addrs = std::vector<ipc::address>(), .control_socket = false};
  return detail::run_main([&] { return open_root_actor(body, unseen); });
}

sc::task<std::vector<live_actor>> all_actors() {
  auto actors = with_sockets();
  std::set<std::string> ended;
  std::span<live_actor> left(actors);
  for (const std::size_t places = places_for_asked(); !left.empty();) {
    const std::size_t count = std::min(places, left.size());
    co_await ask_all(left.first(count), ended);
    left = left.subspan(count);
  }
  std::erase_if(actors, [&](const live_actor& actor) { return ended.contains(file_of(actor)); });
  co_return actors;
}

sc::task<std::vector<live_actor>> actors_called(std::string who) {
  auto actors = co_await all_actors();
  std::erase_if(actors, [&](const live_actor& actor) { return !is_called(actor, who); });
  if (actors.empty())
    throw error("no live actor on this machine is called " + msg::quoted(who) + ", nor is that a pid or the beginning of a uuid of one");
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
  bool has_ended = !is_same;
  if (is_same) co_await sc::move_on_after(answer_timeout, [&]() -> sc::task<> { has_ended = !co_await ask(actor, [] {}); });
  if (has_ended) throw error(text_of(actor) + " has ended");
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
