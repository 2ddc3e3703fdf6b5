// SPDX-License-Identifier: Apache-2.0

#include "tractor/testing/scheduling.hpp"

#include <string>

namespace tractor::testing {

namespace detail {

void fail_no_checkpoint(std::source_location where) { throw check_failed("no checkpoint was met, though the scope is cancelled", where); }
void fail_checkpoint(const char* what, std::source_location where) { throw check_failed(what, where); }

}  // namespace detail

sc::task<> sequencer::wait_for(std::size_t position) {
  if (broken_)
    throw usage_error("sequencer: a task that waited for its turn was cancelled, so position " + std::to_string(position) + " never comes");
  const auto [at, is_new] = turns_.try_emplace(position);
  if (!is_new || position < turn_) throw usage_error("sequencer: position " + std::to_string(position) + " is used twice");
  if (position == turn_) co_return;
  bool came = false;
  struct leaving {
    sequencer* of;
    const bool* came;
    ~leaving() {
      if (*came || of->broken_) return;
      of->broken_ = true;
      for (auto& later : of->turns_) later.second.set();
    }
  } const leave{this, &came};
  co_await at->second.wait();
  if (broken_)
    throw usage_error("sequencer: a task that waited for its turn was cancelled, so position " + std::to_string(position) + " never comes");
  came = true;
}

void sequencer::done(std::size_t position) {
  turns_.erase(position);
  turn_ = position + 1;
  if (const auto next = turns_.find(turn_); next != turns_.end()) next->second.set();
}

sc::task<> sequencer::at(std::size_t position) {
  return at(position, []() -> sc::task<> { co_return; });
}

}  // namespace tractor::testing
