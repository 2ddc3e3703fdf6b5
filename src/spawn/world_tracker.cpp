// SPDX-License-Identifier: Apache-2.0

#include "world_tracker.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "environment.hpp"

namespace tractor::spawn::detail {

world_tracker::world_tracker(const world* born_with) noexcept {
  if (born_with == nullptr) return;
  known_ = true;
  facts_ = born_with->facts;
  known_environment_ = &born_with->environment->packed;
}

world_changes world_tracker::look() const {
  world_changes changes{.facts = capture_world_facts()};
  changes.facts_changed = !known_ || !same_facts(changes.facts, facts_);
  if (!known_ || !changes.facts.same_directory(facts_)) {
    changes.directory.reset(check_syscall(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC), "open the working directory"));
    struct stat opened;
    check_syscall(::fstat(changes.directory.get(), &opened), "fstat of the working directory");
    changes.facts.directory_device = opened.st_dev;
    changes.facts.directory_inode = opened.st_ino;
  }
  if (!known_ || !same_environment(*known_environment_, environ)) {
    changes.environment_changed = true;
    changes.environment = pack_environment(environ);
  }
  return changes;
}

void world_tracker::commit(world_changes&& told) {
  known_ = true;
  facts_ = told.facts;
  if (!told.environment_changed) return;
  environment_ = std::move(told.environment);
  known_environment_ = &environment_;
}

}  // namespace tractor::spawn::detail
