// SPDX-License-Identifier: Apache-2.0

#include "listing.hpp"

#include <cstdio>

#include "text.hpp"

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
  std::string name = indent + printable(actor.name);
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

ordered_json json_of_tree(const actor_tree& tree) {
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
  for (const auto& below : tree.below) children.push_back(json_of_tree(below));
  made["children"] = std::move(children);
  return made;
}

}  // namespace

std::string trees_text(const std::vector<actor_tree>& trees) {
  std::vector<std::vector<std::string>> rows{{"ACTOR", "PID", "UP", "MEMORY", "CPU", "CALLS", "ADDRESSES"}};
  for (const auto& tree : trees) add_rows(tree, "", "", rows);
  return table_text(rows);
}

ordered_json trees_json(const std::vector<actor_tree>& trees) {
  ordered_json list = ordered_json::array();
  for (const auto& tree : trees) list.push_back(json_of_tree(tree));
  return list;
}

}  // namespace tractor::cli
