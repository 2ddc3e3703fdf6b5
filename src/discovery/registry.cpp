// SPDX-License-Identifier: Apache-2.0

#include "tractor/discovery/registry.hpp"

#include <algorithm>
#include <utility>

namespace tractor::discovery {

registry_observer::~registry_observer() = default;

bool registry::add(const msg::uid& who, const ipc::address& where, owner to) {
  auto known = by_uuid_.find(who.uuid);
  if (known == by_uuid_.end() && actors_.size() >= entries_max) return false;
  take_from_others(who, where);
  known = by_uuid_.find(who.uuid);
  if (known != by_uuid_.end() && known->second.at->name != who.name) {  // somebody else, then, whatever the uuid says
    drop(known);
    known = by_uuid_.end();
  }
  if (known == by_uuid_.end()) {
    const position at = actors_.insert(actors_.end(), registered_actor{.name = who.name, .uuid = who.uuid, .addrs = {}});
    known = by_uuid_.emplace(who.uuid, record{.at = at, .belongs_to = to}).first;
    by_name_[who.name].push_back(at);
    by_owner_[to].insert(who.uuid);
  } else if (known->second.belongs_to != to) {
    give_to(known, to);
  }
  registered_actor& entry = *known->second.at;
  if (std::ranges::find(entry.addrs, where) == entry.addrs.end()) {
    if (entry.addrs.size() >= addresses_per_actor_max) {
      by_address_.erase(entry.addrs.front());
      entry.addrs.erase(entry.addrs.begin());
    }
    entry.addrs.push_back(where);
    by_address_.insert_or_assign(where, who.uuid);
  }
  for (registry_observer* const observer : observers_) observer->registered(entry);
  return true;
}

void registry::take_from_others(const msg::uid& who, const ipc::address& where) {
  const auto held = by_address_.find(where);
  if (held != by_address_.end() && held->second != who.uuid) remove_address(where);
}

void registry::give_to(record_map::iterator known, owner to) {
  const auto before = by_owner_.find(known->second.belongs_to);
  before->second.erase(known->first);
  if (before->second.empty()) by_owner_.erase(before);
  by_owner_[to].insert(known->first);
  known->second.belongs_to = to;
}

void registry::drop(record_map::iterator known) {
  const position at = known->second.at;
  for (const auto& where : at->addrs) by_address_.erase(where);
  const auto named = by_name_.find(at->name);
  std::erase(named->second, at);
  if (named->second.empty()) by_name_.erase(named);
  const auto owned = by_owner_.find(known->second.belongs_to);
  owned->second.erase(known->first);
  if (owned->second.empty()) by_owner_.erase(owned);
  by_uuid_.erase(known);
  const registered_actor gone = std::move(*at);
  actors_.erase(at);
  for (registry_observer* const observer : observers_) observer->removed(gone);
}

std::optional<msg::uid> registry::remove(std::string_view uuid) {
  const auto known = by_uuid_.find(uuid);
  if (known == by_uuid_.end()) return std::nullopt;
  msg::uid who{.name = known->second.at->name, .uuid = known->second.at->uuid};
  drop(known);
  return who;
}

std::optional<msg::uid> registry::remove_address(const ipc::address& where) {
  const auto held = by_address_.find(where);
  if (held == by_address_.end()) return std::nullopt;
  const auto known = by_uuid_.find(held->second);
  registered_actor& entry = *known->second.at;
  msg::uid who{.name = entry.name, .uuid = entry.uuid};
  if (entry.addrs.size() == 1) {
    drop(known);
    return who;
  }
  by_address_.erase(held);
  std::erase(entry.addrs, where);
  for (registry_observer* const observer : observers_) observer->registered(entry);
  return who;
}

std::vector<msg::uid> registry::remove_owned_by(owner gone) {
  std::vector<msg::uid> left;
  const auto owned = by_owner_.find(gone);
  if (owned == by_owner_.end()) return left;
  const auto uuids = owned->second;  // the set shrinks under our hands
  for (const auto& uuid : uuids)
    if (auto who = remove(uuid)) left.push_back(std::move(*who));
  return left;
}

const registered_actor* registry::find(std::string_view name_or_uuid) const {
  // Nobody takes another's uuid by the name that he gives himself.
  if (const auto known = by_uuid_.find(name_or_uuid); known != by_uuid_.end()) return &*known->second.at;
  const auto named = by_name_.find(name_or_uuid);
  return named != by_name_.end() ? &*named->second.back() : nullptr;
}

const registered_actor* registry::holder_of(const ipc::address& where) const {
  const auto held = by_address_.find(where);
  return held != by_address_.end() ? &*by_uuid_.find(held->second)->second.at : nullptr;
}

std::vector<ipc::address> registry::addresses_of(std::string_view name) const {
  std::vector<ipc::address> found;
  const auto named = by_name_.find(name);
  if (named == by_name_.end()) return found;
  for (auto at = named->second.rbegin(); at != named->second.rend(); ++at)
    found.insert(found.end(), (*at)->addrs.begin(), (*at)->addrs.end());
  return found;
}

std::vector<registered_actor> registry::with_prefix(std::string_view prefix) const {
  std::vector<registered_actor> found;
  for (auto named = by_name_.lower_bound(prefix); named != by_name_.end() && named->first.starts_with(prefix); ++named)
    for (const auto& at : named->second) found.push_back(*at);
  return found;
}

std::vector<registered_actor> registry::owned_by(owner of) const {
  std::vector<registered_actor> found;
  const auto owned = by_owner_.find(of);
  if (owned == by_owner_.end()) return found;
  for (const auto& uuid : owned->second) found.push_back(*by_uuid_.find(uuid)->second.at);
  return found;
}

}  // namespace tractor::discovery
