// SPDX-License-Identifier: Apache-2.0
//
// Resources that tasks share: opened by the first who needs one, closed by the last.
//
//     co_await sc::open_nursery([&](sc::nursery& service) -> sc::task<> {
//       trionics::context_cache<std::string, connection> connections(service);
//       co_await sc::open_nursery([&](sc::nursery& users) -> sc::task<> {
//         for (const auto& host : hosts)
//           users.start_soon([&, host] {
//             return connections.open(host, [host](auto inside) { return open_connection(host, inside); },   // a manager
//                                     [](bool cache_hit, connection& to) -> sc::task<> { … });
//           });
//         co_return;
//       });
//     });
//
// For each key there is one resource at a time. The first user starts its manager (manager.hpp) as a task of the service nursery and gets
// cache_hit false; whoever comes while it is open gets the same value and true. The manager outlives the user that brought it: it holds
// what it needs by value. Users are counted. When the last one leaves the manager leaves too, and that user waits until it has,
// also when it is being cancelled; this wait cannot be cut short, so a manager that leaves slowly bounds that itself. A user that comes
// meanwhile waits, and opens the resource anew. Waiting for somebody else's entry or exit can be cancelled, first come is first served.
//
// Errors. What opening the resource throws is the first user's, and nothing stays: the next one tries again. Cancelling the first user
// while it opens the resource cancels the manager. An error of the exit is the last user's, as the same object; it replaces a cancel of
// that user, and beside an error of its own it makes a sc::exception_group, the user's first. When the resource fails or is
// cancelled while it is used, its users' bodies are cancelled, the value stays good until they have ended, and each gets the
// error; where there is none, `cancelled` or a sc::scope_cancelled_error. The service nursery never fails by it.
//
// A resource whose manager needs that resource itself would wait for ever: usage_error. So is opening one outside the service nursery.

#pragma once

#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>

#include "tractor/sc/nursery.hpp"
#include "tractor/trionics/detail/shared_resource.hpp"
#include "tractor/trionics/manager.hpp"

namespace tractor::trionics {

// Key: moves, and has operator<. Must outlive its users; who waits for a resource is one.
template <class Key, class T>
class context_cache {
 public:
  // `what` names the resources in errors and in the task tree.
  explicit context_cache(sc::nursery& service, std::string what = "shared resource") : service_(service), what_(std::move(what)) {}

  // Runs `body(bool cache_hit, T& value)`, which returns task<R>, with the resource of `key`; gives what it gives. See the top of this
  // file. A checkpoint.
  template <class Body>
  [[nodiscard]] auto open(Key key, manager<T> opener, Body body) -> std::invoke_result_t<Body&, bool, T&> {
    detail::check_inside(service_, what_);
    const typename detail::resource_slots<Key>::reference used(slots_, std::move(key), what_);
    co_return co_await detail::use_resource<T>(used.resource(), service_, std::move(opener), body);
  }

  // Keys that have users.
  [[nodiscard]] std::size_t size() const noexcept { return slots_.size(); }

 private:
  sc::nursery& service_;
  std::string what_;
  detail::resource_slots<Key> slots_;
};

}  // namespace tractor::trionics
