// SPDX-License-Identifier: Apache-2.0
//
// Connecting to an actor that has been told of by its addresses: where another one listens by now, or nobody, is the next one's turn.

#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tractor/ipc/address.hpp"
#include "tractor/sc/task.hpp"

namespace tractor {
class actor;
}

namespace tractor::detail {

class peer;

// How long one address may be silent until the next one is tried as well: what RFC 8305 recommends (section 5, "Connection Attempt Delay").
inline constexpr auto reach_stagger = std::chrono::milliseconds(250);

struct not_reached {
  ipc::address where;
  std::exception_ptr why;
  bool has_left;  // nobody is there, or somebody else; else it cannot be said who
};

struct reach_result {
  std::shared_ptr<peer> link;         // not served yet; null: at none of them
  std::vector<not_reached> failures;  // in the order in which they came
};

// A connection to the actor for which `is_meant` holds, which errors call `whom`, at the first of `addrs` at which it answers. They are
// tried in their order, the next one when the one before has failed or been silent for reach_stagger, so that an address without an answer
// costs no more than that as long as there is another. The first answer ends the attempts that go on.
[[nodiscard]] sc::task<reach_result> reach(actor& self, std::vector<ipc::address> addrs, std::function<bool(const peer&)> is_meant,
                                           std::string whom);

// Ends a connection that leads to somebody else, or is not needed.
void hang_up(actor& self, peer& link, std::string why);

}  // namespace tractor::detail
