// SPDX-License-Identifier: Apache-2.0

#include "tractor/trionics/maybe_open_context.hpp"

#include <map>

#include "tractor/runtime/actor.hpp"

namespace tractor::trionics::detail {

namespace {

using cache_key = std::tuple<const actor*, const void*, std::type_index>;

// Of all actors of this thread. An entry is good while somebody uses the cache, which no user does for longer than its actor lives.
std::map<cache_key, std::weak_ptr<void>>& caches() {
  static thread_local std::map<cache_key, std::weak_ptr<void>> all;
  return all;
}

}  // namespace

std::shared_ptr<void> actor_cache(cache_identity identity, std::string_view opener_text, make_cache make) {
  actor& self = current_actor();
  const cache_key key{&self, identity.opener, identity.key};
  if (const auto found = caches().find(key); found != caches().end())
    if (auto alive = found->second.lock()) return alive;
  std::erase_if(caches(), [](const auto& entry) { return entry.second.expired(); });
  auto made = make(self.service(), "resource of " + std::string(opener_text));
  caches().insert_or_assign(key, made);
  return made;
}

}  // namespace tractor::trionics::detail
