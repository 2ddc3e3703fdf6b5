// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/condition.hpp"

#include <string>

#include "tractor/sc/cancel_scope.hpp"
#include "tractor/sc/checkpoint.hpp"

namespace tractor::sc {

// Stands in the condition's queue first, then in the lock's. It is an acquire of the lock, so that who releases the lock knows it.
class condition::wait_awaiter final : public lock::acquire_awaiter {
 public:
  wait_awaiter(lock& held, wait_queue& waiting) noexcept : acquire_awaiter(held), waiting_(waiting) {}

  static bool await_ready() noexcept { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> here) {
    lock_.release();
    enqueue(here, waiting_, waits_for_notify);
  }
  // Whether the task was notified, and so holds the lock. False: it was cancelled first.
  [[nodiscard]] bool await_resume() const noexcept { return !was_cancelled; }

  // Enters the lock's queue, on behalf of the task that waits here: not the running one, which is who notifies. An acquire is always that
  // of the running task, so its record is put back as it was.
  void queue_for_lock() noexcept {
    detail::task_record& sleeper = *task;
    detail::task_record& notifier = *sleeper.owner->running();
    detail::promise_base* const resumes_at = notifier.leaf;
    acquire_awaiter::await_suspend(sleeper.leaf->handle());
    TRACTOR_ASSERT(task == &notifier && sleeper.waiting == this, "an acquire blocks the running task");
    notifier.waiting = nullptr;
    notifier.leaf = resumes_at;
    task = &sleeper;
    kind = &waits_for_lock;
  }

 private:
  static constexpr detail::wait_kind waits_for_notify{"condition.wait", &leave};
  static constexpr detail::wait_kind waits_for_lock{"condition.wait, for the lock", [](detail::suspension&) noexcept { return false; }};

  wait_queue& waiting_;
};

void condition::check_held(const char* doing) const {
  if (lock_.owner() != detail::running_task().id)
    throw usage_error(std::string("condition.") + doing + "(): this task does not hold the condition's lock");
}

task<> condition::wait() {
  check_held("wait");
  co_await checkpoint_if_cancelled();
  if (co_await wait_awaiter(lock_, waiting_)) co_return;
  co_await shielded([this]() -> task<> { co_await lock_.acquire(); });
  detail::throw_cancelled();
}

void condition::notify(std::size_t count) {
  check_held("notify");
  for (; count > 0 && !waiting_.empty(); --count) static_cast<wait_awaiter&>(*waiting_.pop_front()).queue_for_lock();
}

}  // namespace tractor::sc
