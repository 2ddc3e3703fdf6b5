// SPDX-License-Identifier: Apache-2.0
//
// A nursery that the caller may bring, and that is opened where it does not.
//
//     sc::task<> open_service(options with, sc::nursery* tasks = nullptr) {
//       return trionics::maybe_open_nursery(tasks, [with](sc::nursery& n) -> sc::task<> { … n.start_soon(…) … });
//     }
//
// With a nursery of the caller's the body runs as if it had been called directly: its tasks outlive it, and their errors are the nursery's.
// Without one this is sc::open_nursery (or tractor::open_nursery, for an actor_nursery): the block waits for them. Gives what the
// body gives.

#pragma once

#include <type_traits>
#include <utility>

#include "tractor/runtime/actor_nursery.hpp"
#include "tractor/sc/nursery.hpp"

namespace tractor::trionics {

struct maybe_nursery_options {
  bool shield = false;  // of a nursery that is opened here: out of reach of the cancels around it
};

template <class Body>
[[nodiscard]] auto maybe_open_nursery(sc::nursery* given, Body body, maybe_nursery_options options = {})
    -> std::invoke_result_t<Body&, sc::nursery&> {
  if (given != nullptr) co_return co_await body(*given);
  co_return co_await sc::open_nursery([&](sc::nursery& own) {
    if (options.shield) own.scope().set_shield(true);
    return body(own);
  });
}

template <class Body>
[[nodiscard]] auto maybe_open_nursery(actor_nursery* given, Body body) -> std::invoke_result_t<Body&, actor_nursery&> {
  if (given != nullptr) co_return co_await body(*given);
  co_return co_await tractor::open_nursery(std::move(body));
}

}  // namespace tractor::trionics
