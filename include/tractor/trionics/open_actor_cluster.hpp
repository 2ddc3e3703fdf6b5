// SPDX-License-Identifier: Apache-2.0
//
// A number of actors of one kind, started at once.
//
//     co_await trionics::open_actor_cluster({.modules = {"crawler"}}, [](trionics::actor_cluster& workers) -> sc::task<> {
//       for (auto& [name, worker] : workers) total += co_await worker.run<&crawl>(next_url());
//     });
//
// The body runs when all are up. They are called "<this actor's name>.worker_0" and so on, or by the names given, behind the same prefix.
// When the body has ended they are cancelled, with hard_kill by SIGTERM at once; when it fails or is cancelled they are taken down in the
// steps of an actor nursery (actor_nursery.hpp), which this is: one that dies is an error of the block.
//
// Names of another number than `count`, a name given twice, and a cluster of no actors are std::invalid_argument. When one does not start,
// the others are taken down and its error goes on. Gives what the body gives.

#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "tractor/runtime/actor_nursery.hpp"
#include "tractor/runtime/portal.hpp"
#include "tractor/runtime/root.hpp"

namespace tractor::trionics {

// By name, prefix and all.
using actor_cluster = std::map<std::string, portal>;

struct cluster_options {
  std::vector<std::string> modules = {};  // what may be called there, beside actor.enable_modules
  std::optional<std::size_t> count = {};  // nullopt: as many as there are names; without names one for each usable cpu
  std::vector<std::string> names = {};    // empty: worker_0, worker_1, …
  bool hard_kill = false;                 // when the body has ended
  actor_options actor = {};               // of each
  std::optional<root_options> root = {};  // for the first nursery of a program, as in open_nursery
};

namespace detail {

// Fills in names and modules; throws std::invalid_argument.
[[nodiscard]] TRACTOR_API cluster_options complete(cluster_options options);
[[nodiscard]] TRACTOR_API sc::task<> start_cluster(actor_nursery& an, const cluster_options& options, actor_cluster& into);

}  // namespace detail

// See the top of this file. `body(actor_cluster&)` returns task<R>.
template <class Body>
[[nodiscard]] auto open_actor_cluster(cluster_options options, Body body) -> std::invoke_result_t<Body&, actor_cluster&> {
  using result = std::invoke_result_t<Body&, actor_cluster&>;
  options = detail::complete(std::move(options));
  const auto block = [&](actor_nursery& an) -> result {
    actor_cluster cluster;
    co_await detail::start_cluster(an, options, cluster);
    if constexpr (std::is_void_v<typename result::value_type>) {
      co_await body(cluster);
      co_await an.cancel(options.hard_kill);
    } else {
      auto value = co_await body(cluster);
      co_await an.cancel(options.hard_kill);
      co_return value;
    }
  };
  co_return co_await open_nursery(block, options.root);
}

}  // namespace tractor::trionics
