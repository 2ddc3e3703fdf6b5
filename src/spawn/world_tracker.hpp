// SPDX-License-Identifier: Apache-2.0
//
// A requester's memory of the world that the fork server knows it by, and what changed since.

#pragma once

#include <string>

#include "tractor/base/fd.hpp"
#include "world.hpp"

namespace tractor::spawn::detail {

struct world_changes {
  world_facts facts;  // as they are now
  bool facts_changed = false;
  unique_fd directory{};  // where the working directory changed
  bool environment_changed = false;
  std::string environment{};  // packed, if it changed
};

class world_tracker {
 public:
  // `born_with` is what the server gave this process; null where it knows nothing yet.
  explicit world_tracker(const world* born_with) noexcept;

  [[nodiscard]] world_changes look() const;

  // The server has been told.
  void commit(world_changes&& told);

  // What was told did not arrive: the next request tells everything.
  void forget() noexcept { known_ = false; }

 private:
  bool known_ = false;
  world_facts facts_;
  std::string environment_;
  const std::string* known_environment_ = nullptr;  // environment_, or that of the world this process was born with
};

}  // namespace tractor::spawn::detail
