// SPDX-License-Identifier: Apache-2.0
//
// What an actor is told to do. One that does not answer within `order_timeout` is an error, and so is one that has ended.

#pragma once

#include <chrono>
#include <string>

#include "actors.hpp"
#include "tractor/msg/quoted.hpp"
#include "tractor/runtime/server.hpp"
#include "tractor/sc/cancel_scope.hpp"

namespace tractor::cli {

inline constexpr auto order_timeout = std::chrono::seconds(5);

// Runs `use(portal&)`; false when that takes too long.
template <class Use>
[[nodiscard]] sc::task<bool> answers(const live_actor& actor, Use use) {
  co_return co_await sc::move_on_after(order_timeout, [&] { return open_portal(actor.control, std::move(use)); });
}
template <class Use>
[[nodiscard]] sc::task<> with_actor(const live_actor& actor, Use use) {
  if (!co_await answers(actor, std::move(use)))
    throw error("actor " + msg::quoted(actor.name) + " (pid " + std::to_string(actor.pid) + ") does not answer: it is busy");
}

// Each gives what to say of it.
struct cancel_outcome {
  bool acknowledged = false;
  std::string said;
};
[[nodiscard]] sc::task<cancel_outcome> cancel_actor(const live_actor& actor);
// One that answers is asked. One that is busy gets the signal, which it takes as soon as it can; never another process that has its number
// by now, nor one that would die of it.
[[nodiscard]] sc::task<std::string> ask_for_dump(const live_actor& actor);

}  // namespace tractor::cli
