// SPDX-License-Identifier: Apache-2.0

#include "tractor/trionics/open_actor_cluster.hpp"

#include <algorithm>
#include <stdexcept>

#include "tractor/base/cpus.hpp"
#include "tractor/msg/quoted.hpp"
#include "tractor/sc/nursery.hpp"

namespace tractor::trionics::detail {

cluster_options complete(cluster_options options) {
  const std::size_t count = options.count.value_or(options.names.empty() ? usable_cpus() : options.names.size());
  if (count == 0) throw std::invalid_argument("open_actor_cluster: a cluster has one actor at least");
  if (options.names.empty())
    for (std::size_t i = 0; i < count; ++i) options.names.push_back("worker_" + std::to_string(i));
  if (options.names.size() != count)
    throw std::invalid_argument("open_actor_cluster: " + std::to_string(options.names.size()) + " names were given for " +
                                std::to_string(count) + " actors");
  auto sorted = options.names;
  std::ranges::sort(sorted);
  if (const auto twice = std::ranges::adjacent_find(sorted); twice != sorted.end())
    throw std::invalid_argument("open_actor_cluster: the name " + msg::quoted(*twice) + " was given twice");
  auto& modules = options.actor.enable_modules;
  modules.insert(modules.end(), options.modules.begin(), options.modules.end());
  return options;
}

sc::task<> start_cluster(actor_nursery& an, const cluster_options& options, actor_cluster& into) {
  const std::string prefix = current_actor().name() + ".";
  co_await sc::open_nursery([&](sc::nursery& starting) {
    for (const std::string& each : options.names)
      starting.start_soon({.name = "start of " + each}, [&an, &options, &into, name = prefix + each]() -> sc::task<> {
        into.emplace(name, co_await an.start_actor(name, options.actor));
      });
  });
}

}  // namespace tractor::trionics::detail
