// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/capacity_limiter.hpp"

#include <string>

namespace tractor::sc {

capacity_limiter::~capacity_limiter() = default;

capacity_limiter::borrower capacity_limiter::current_task() { return {.is_task = true, .identity = detail::running_task().id}; }

bool capacity_limiter::try_acquire(borrower by) {
  if (borrowers_.contains(by)) throw usage_error("capacity_limiter.acquire(): this borrower holds a token already");
  // Who waits comes first: a token is never free while somebody waits for one.
  if (borrowers_.size() >= total_) return false;
  borrowers_.insert(by);
  return true;
}

void capacity_limiter::acquire_awaiter::prepare_place() {
  for (parking_lot::node* at = limiter_.waiting_.front(); at != nullptr; at = at->next)
    if (static_cast<acquire_awaiter&>(*at).by_ == by_)
      throw usage_error("capacity_limiter.acquire(): this borrower waits for a token already");
  std::set<borrower> maker;
  maker.insert(by_);
  place_ = maker.extract(maker.begin());
}

void capacity_limiter::acquire_nowait() {
  if (!try_acquire(current_task())) throw would_block("capacity_limiter.acquire_nowait(): every token is lent");
}
void capacity_limiter::acquire_on_behalf_of_nowait(const void* identity) {
  if (!try_acquire(by_address(identity))) throw would_block("capacity_limiter.acquire_on_behalf_of_nowait(): every token is lent");
}

void capacity_limiter::release() { release_checked(current_task()); }
void capacity_limiter::release_on_behalf_of(const void* identity) { release_checked(by_address(identity)); }

void capacity_limiter::release_checked(borrower by) {
  if (!borrowers_.contains(by)) throw usage_error("capacity_limiter.release(): this borrower holds no token");
  give_back(by);
}

void capacity_limiter::give_back(borrower by) noexcept {
  TRACTOR_ASSERT(borrowers_.erase(by) == 1, "a token is given back twice");
  lend_to_waiting();
}

void capacity_limiter::set_total_tokens(std::size_t total) noexcept {
  total_ = total;
  lend_to_waiting();
}

void capacity_limiter::lend_to_waiting() noexcept {
  while (borrowers_.size() < total_ && !waiting_.empty()) {
    auto& next = static_cast<acquire_awaiter&>(*waiting_.pop_front());
    borrowers_.insert(std::move(next.place_));
    next.wake();
  }
}

}  // namespace tractor::sc
