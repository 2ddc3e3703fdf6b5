// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/condition.hpp"

#include <string>

#include "tractor/sc/cancel_scope.hpp"
#include "tractor/sc/checkpoint.hpp"

namespace tractor::sc {

// Stands in the condition's queue first, then, notified, in the lock's: who releases the lock hands it over as to any other.
class condition::wait_awaiter final : public parking_lot::node {
 public:
  wait_awaiter(lock& held, parking_lot& waiting) noexcept : lock_(held), waiting_(waiting) {}

  static bool await_ready() noexcept { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> here) {
    lock_.release();
    enqueue(here, waiting_, waits_for_notify);
  }
  // Whether the task was notified, and so holds the lock. False: it was cancelled first.
  [[nodiscard]] bool await_resume() const noexcept { return !was_cancelled; }

  static constexpr detail::wait_kind waits_for_lock{"condition.wait, for the lock", [](detail::suspension&) noexcept { return false; }};

 private:
  static constexpr detail::wait_kind waits_for_notify{"condition.wait", &leave};

  lock& lock_;
  parking_lot& waiting_;
};

void condition::check_held(const char* doing) const {
  if (!lock_.held_by_current_task())
    throw usage_error(std::string("condition.") + doing + "(): this task does not hold the condition's lock");
}

task<> condition::wait() {
  check_held("wait");
  co_await checkpoint_if_cancelled();
  if (co_await wait_awaiter(lock_, waiting_)) {
    lock_.throw_if_broken();
    co_return;
  }
  co_await shielded([this]() -> task<> { co_await lock_.acquire(); });
  detail::throw_cancelled(std::source_location::current());
}

void condition::notify(std::size_t count) {
  check_held("notify");
  // The lock is held, by this task.
  for (; count > 0 && !waiting_.empty(); --count) waiting_.front()->move_to(lock_.waiting_, wait_awaiter::waits_for_lock);
}

}  // namespace tractor::sc
